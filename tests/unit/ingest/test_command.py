"""`brigade ingest`, as far as it needs no server."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from brigade.aws import Connection
from brigade.cli.ingest.sources import base_url
from brigade.cli.main import app
from brigade.cli.session import Session
from brigade.errors import SettingsError, UsageError


@pytest.mark.parametrize("to", ["records.jsonl.zst", "s3://bucket/records.jsonl.zst"])
def test_a_place_of_another_compression_is_refused(to: str) -> None:
    done = CliRunner().invoke(app, ["ingest", "run", "demo", "--to", to])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(f"--to is {to!r}; it takes s3://bucket/key, a path")


@pytest.mark.parametrize("url", ["", "localhost", "https://host:0", "https://ann:hunter2@host", "https://host?x=1", 7])
def test_a_url_of_a_stage_that_is_none_is_named_and_not_shown(
    url: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(stage="dev", connection=Connection())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRIGADE_BASE_URL", raising=False)
    assert base_url(session, "demo") is None
    Path("cdk.json").write_text(json.dumps({"context": {"stages": {"dev": {"source_urls": {"demo": url}}}}}))
    with pytest.raises(SettingsError, match=r"^cdk.json: context.stages.dev.source_urls.demo takes http") as raised:
        base_url(session, "demo")
    assert "hunter2" not in str(raised.value)
    monkeypatch.setenv("BRIGADE_BASE_URL", str(url))
    with pytest.raises(SettingsError, match=r"^BRIGADE_BASE_URL takes http") as raised:
        base_url(session, "demo")
    assert "hunter2" not in str(raised.value)
