"""The app as a person runs it: without an account, without a network, quickly; a mistake is one line."""

import json
import os
import re
import subprocess
import sys
import tarfile
from importlib.resources import files
from pathlib import Path

import pytest

from tests.stacks.conftest import CONTEXT, NOUNS, ROOT

pytestmark = pytest.mark.process


def synth(folder: Path, *context: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    # Nobody's credentials, and an address where nothing answers: what asks the network fails, and does not wait.
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        environment[name] = str(folder / "none")
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        environment[name] = "http://127.0.0.1:9"
    return subprocess.run(
        [ROOT / "scripts/node", "cdk", "synth", "--quiet", "--output", folder, *context],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def warnings(text: str) -> list[str]:
    """The lines of CDK's output that warn, name a deprecation, or count feature flags that are not configured."""
    return [line for line in text.splitlines() if re.search("warning|deprecated|feature flags", line, re.IGNORECASE)]


FLAGS_NOT_AS_RECOMMENDED = {
    # A weak reference lets CloudFormation delete an output that another stack uses.
    "@aws-cdk/core:defaultCrossStackReferences": "strong",
    # Without its explicit deployment controller, CloudFormation would replace the ECS service of a deployed stage, and
    # two services of one name cannot exist.
    "@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker": False,
}


def test_feature_flags_are_as_cdk_recommends_but_for_two() -> None:
    (archive,) = (each for each in files("aws_cdk._jsii").iterdir() if each.name.endswith(".tgz"))
    with tarfile.open(str(archive)) as tar:
        content = tar.extractfile("package/recommended-feature-flags.json")
        assert content is not None
        recommended = json.load(content)
    assert len(recommended) > 50
    assert {flag: CONTEXT.get(flag) for flag in recommended} == {**recommended, **FLAGS_NOT_AS_RECOMMENDED}


@pytest.fixture(scope="module")
def packages() -> None:
    """Install the Lambda packages' dependencies, as the first synth does. Only this asks the package index."""
    subprocess.run([sys.executable, "-m", "stacks.sizes", "aws"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.usefixtures("packages")
def test_prod_is_synthesized_without_an_account_or_a_network(tmp_path: Path) -> None:
    done = synth(tmp_path / "out", "-c", "stage=prod")
    assert done.returncode == 0, done.stderr
    assert warnings(done.stderr) == []
    assert {file.name for file in (tmp_path / "out").glob("*.template.json")} == {
        f"brigade-prod-{noun}.template.json" for noun in NOUNS
    }
    ingest = json.loads((tmp_path / "out/brigade-prod-ingest.template.json").read_text())
    assert "demo" not in json.dumps(ingest), "the demo's API is on this machine"


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ("stage=nope", "error: cdk.json: no stage 'nope' in context.stages; it has dev, prod"),
        ("target=nope", "error: target=nope: the target is one of aws, local"),
    ],
)
def test_a_mistake_is_one_line_without_a_traceback(tmp_path: Path, context: str, says: str) -> None:
    done = synth(tmp_path / "out", "-c", context)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == says
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("*.template.json"))
