"""A stage of its own, ``old``, deployed by the real CDK: for a bucket that exists already."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brigade.operations.operation import Operation
from brigade.settings import load
from tests.local.conftest import REPOSITORY, Emulator
from tests.stacks.conftest import CONTEXT, ROOT

from aws_cdk import App  # isort: skip - conftest names Node before CDK is imported

from stacks.stage import add_stage  # isort: skip - as above

STAGE = "old"


class Stage:
    """A stage of its own, of which only the stacks that an existing bucket needs are deployed."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, **emulator.environment("root")}
        self.emulator = emulator

    def cdk(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(REPOSITORY / "scripts" / "node"), "cdk", *arguments, "--no-notices", "--no-version-reporting"],
            cwd=REPOSITORY,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def assembly(
        self, name: str, form: str, bucket: Mapping[str, Any], operations: Mapping[str, Operation] | None = None
    ) -> str:
        """Synthesize the stage with one existing ``bucket``, an object of the settings, and give the folder."""
        kept = {"removal": "destroy", "encryption": "kms"}
        given = {"inventory": {"format": form}, "buckets": [bucket]}
        settings = load({"stages": {STAGE: kept | given}}, stage=STAGE, target="local")
        app = App(outdir=str(self._folder / name), analytics_reporting=False, context=dict(CONTEXT))
        add_stage(app, settings=settings, sources={}, operations=operations or {}, recurring={}, root=ROOT)
        app.synth()
        return str(self._folder / name)

    def outputs(self, noun: str) -> dict[str, str]:
        cloudformation = self.emulator.root("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=f"brigade-{STAGE}-{noun}")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
