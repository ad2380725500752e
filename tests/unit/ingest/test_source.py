"""Fields that a source may declare."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from brigade.declarations import find
from brigade.errors import SettingsError
from brigade.ingest.declare.api_source import ApiSource
from brigade.ingest.declare.source import BaseSource
from tests.unit.ingest.api import source

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "example.com"),
        ("base_url", "https://example.com/v1"),
        ("path", "records"),
        ("path", "/records?x=1"),
        ("tries", 0),
        ("base_url", "https://user:pass@example.com"),
        ("page_limit", 0),
        ("schedule", "every day"),
        ("time_zone", "Mars/Olympus"),
        ("memory_mib", 64),
        ("timeout_s", 901),
        ("prefix", "/raw"),
        ("prefix", "raw/"),
        ("prefix", "raw/*"),
        ("level", 4),
        ("at_least", -1),
        ("format", "CSV"),
        ("schedule", "cron(0 6 * * *)"),
        ("schedule", "rate(1 days)"),
        ("parameters", {"a": True}),
        ("parameters", {"from": "{date:%s}"}),
        ("path", "/{date+x}"),
        ("body", {"a": {1, 2}}),
        ("authentication", "token"),
    ],
)
def test_an_impossible_value_is_named(field: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^ApiSource\.{field}\S* is .*; it takes "):
        source(**{field: value})


def test_the_declared_sources_are_found() -> None:
    assert find("lambdas.ingest.sources", "SOURCE", ApiSource)["demo"].local_only


def test_a_feed_by_itself_is_refused_when_it_is_made() -> None:
    with pytest.raises(SettingsError, match="BaseSource is abstract: declare an ApiSource or a TableSource"):
        BaseSource(schedule="rate(1 day)")


def test_declaring_a_source_loads_no_client_and_reads_nothing() -> None:
    code = (
        "import sys; sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(event));"
        "import lambdas.ingest.sources.demo, brigade.ingest.declare.incremental, brigade.ingest.declare.contract;"
        "print([name for name in ('boto3', 'botocore', 'urllib3', 'aws_lambda_powertools') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={})
    assert said.stdout == "[]\n"
