"""The database stack alone, synthesized once for a target."""

from pathlib import Path
from typing import Any

from brigade.settings import load
from tests.stacks.conftest import CONTEXT, ROOT, Synthesized

from aws_cdk import App, Environment  # isort: skip - conftest names Node before CDK is imported

from stacks.database import DatabaseStack  # isort: skip - as above
from stacks.parts import nag  # isort: skip - as above


def synthesized(folder: Path, *, target: str, **changed: Any) -> Synthesized:
    """The stack of a stage with a database, in us-east-1; synth fails at a rule that nobody has taken exception to."""
    given = {"region": "us-east-1", "removal": "destroy", "database": {}} | changed
    settings = load({"stages": {"dev": given}}, target=target)
    assert settings.database is not None
    app = App(outdir=str(folder), analytics_reporting=False, context=dict(CONTEXT))
    env = Environment(account=settings.account, region=settings.region)
    DatabaseStack(app, settings=settings, database=settings.database, root=ROOT, env=env)
    nag.check(app)
    app.synth()
    return Synthesized(app, folder, settings)
