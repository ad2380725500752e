"""The CDK app, which the command `cdk` runs: it reads the settings, adds the stacks of a stage and synthesizes them."""

import sys
from pathlib import Path

from aws_cdk import App

from brigade import settings
from brigade.declarations import find
from brigade.errors import BrigadeError
from brigade.ingest.declare.source import BaseSource
from brigade.operations.operation import Operation
from lambdas.batch_operations.recurring import RECURRING
from stacks.stage import add_stage


def main() -> None:
    """Write the templates of the stage `-c stage=` (default: dev) for the target `-c target=` (default: aws)."""
    app = App(analytics_reporting=False)
    context = {name: app.node.try_get_context(name) for name in ("stages", "stage", "target")}
    add_stage(
        app,
        settings=settings.load(context, stage=context["stage"] or "dev", target=context["target"] or "aws"),
        sources=find("lambdas.ingest.sources", "SOURCE", BaseSource),
        operations=find("lambdas.batch_operations.operations", "OPERATION", Operation),
        recurring=RECURRING,
        root=Path(__file__).parent,
    )
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except BrigadeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
