"""The stacks deployed to the local AWS of the tests, and the command used on them as the operator."""

import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.demo.lake import Lake
from tests import command
from tests.local.conftest import REPOSITORY, Emulator

BRIGADE = REPOSITORY / ".venv" / "bin" / "brigade"


@dataclass(frozen=True)
class Deployment:
    """A deployed stage. ``run`` and ``ask`` run the command as the operator, in a forked process."""

    stage: str
    emulator: Emulator
    environment: dict[str, str]
    outputs: dict[str, str]
    lake: Lake

    def run(
        self, *arguments: str, given: str | None = None, at: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``brigade``, ``given`` on its stdin, in the folder ``at``."""
        words = ["--stage", self.stage, *arguments]
        return command.run(words, environment=self.environment, folder=at, stdin=given)

    def ask(self, *arguments: str, exits: int = 0, given: str | None = None) -> Any:
        """Run ``brigade --json`` and give its document, or the list of them; it must exit with ``exits``."""
        done = self.run("--json", *arguments, given=given)
        assert done.returncode == exits, f"brigade {arguments} exited {done.returncode}: {done.stderr}{done.stdout}"
        documents = [json.loads(line) for line in done.stdout.split("\n") if line]
        return documents[0] if len(documents) == 1 else documents

    def dated(self, source: str, folder: Path) -> "Deployment":
        """The same, whose command finds in `folder` declarations in which the request of `source` has the date."""
        shutil.copytree(REPOSITORY / "lambdas", folder / "lambdas")
        file = folder / "lambdas" / "ingest" / "sources" / f"{source}.py"
        declared = file.read_text()
        file.write_text(declared.replace("parameters={", 'parameters={"_day": "{date}", '))
        assert file.read_text() != declared
        return replace(self, environment={**self.environment, "PYTHONPATH": str(folder)})

    def name(self, what: str) -> str:
        """The name that the stacks give: ``ingest-demo`` is ``brigade-dev-ingest-demo``."""
        return f"brigade-{self.stage}-{what}"

    def serve(self, source: str, url: str) -> None:
        """Let the function of ``source`` fetch from ``url``, as ``source_urls`` in the settings of a stage would."""
        functions, name = self.emulator.root("lambda"), self.name(f"ingest-{source}")
        environment = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**environment, "BRIGADE_BASE_URL": url}}
        )


def deploy(emulator: Emulator, stage: str = "dev") -> Deployment:
    """Deploy the real stacks by the real command, and give what the operator needs to use them."""
    home = {**os.environ, "BRIGADE_LOCAL_HOME": str(emulator.home)}
    deploying: list[str | Path] = [BRIGADE, "--quiet", "--stage", stage, "local", "deploy"]
    with (REPOSITORY / ".brigade" / "deploy.lock").open("w") as lock:
        # One worker at a time: the first one makes the packages and their zip files, which the others find.
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(deploying, env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    stacks = emulator.root("cloudformation").describe_stacks()["Stacks"]
    outputs = {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        if stack["StackName"].startswith(f"brigade-{stage}-")
        for output in stack.get("Outputs", [])
    }
    lake = Lake(Path(emulator.home) / "credentials.json", stage)
    return Deployment(stage=stage, emulator=emulator, environment=emulator.environment(), outputs=outputs, lake=lake)
