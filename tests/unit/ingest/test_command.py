"""`brigade ingest`, as far as it needs no server."""

import pytest
from typer.testing import CliRunner

from brigade.cli.main import app
from brigade.errors import UsageError


@pytest.mark.parametrize("to", ["records.jsonl.zst", "s3://bucket/records.jsonl.zst"])
def test_a_place_of_another_compression_is_refused(to: str) -> None:
    done = CliRunner().invoke(app, ["ingest", "run", "demo", "--to", to])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(f"--to is {to!r}; it takes s3://bucket/key, a path")
