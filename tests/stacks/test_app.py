"""The app as a person runs it: without an account, without a network, quickly; a mistake is one line."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.stacks.conftest import NOUNS, ROOT


def synth(folder: Path, *context: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return subprocess.run(
        [ROOT / "scripts/node", "cdk", "synth", "--quiet", "--output", folder, *context],
        cwd=ROOT,
        # An address at which nothing answers: what would ask the network fails instead of waiting.
        env={
            **environment,
            "HOME": str(folder),
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_prod_is_synthesized_without_an_account_or_a_network_in_half_a_minute(tmp_path: Path) -> None:
    started = time.monotonic()
    done = synth(tmp_path / "out", "-c", "stage=prod")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 30
    assert {file.name for file in (tmp_path / "out").glob("*.template.json")} == {
        f"brigade-prod-{noun}.template.json" for noun in NOUNS
    }
    ingest = json.loads((tmp_path / "out/brigade-prod-ingest.template.json").read_text())
    assert "demo" not in json.dumps(ingest), "the demo's API is on this machine"


@pytest.mark.parametrize(
    ("context", "says"),
    [
        (("stage=nope",), "error: cdk.json: no stage 'nope' in context.stages; it has dev, prod"),
        (("target=nope",), "error: target=nope: the target is one of aws, local"),
    ],
)
def test_a_mistake_is_one_line_without_a_traceback(tmp_path: Path, context: tuple[str, ...], says: str) -> None:
    done = synth(tmp_path / "out", *(argument for value in context for argument in ("-c", value)))
    assert done.returncode != 0
    (first, *_) = done.stderr.splitlines()
    assert first == says
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("*.template.json"))
