"""What a source may declare."""

from typing import Any

import pytest

from brigade.declarations import find
from brigade.errors import SettingsError
from brigade.ingest.feed import Feed, Objects
from brigade.ingest.source import Rate, Rule, Source
from tests.unit.ingest.api import source


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "example.com"),
        ("base_url", "https://example.com/v1"),
        ("path", "records"),
        ("path", "/records?x=1"),
        ("tries", 0),
        ("rules", (Rule(act="retry"),)),
        ("rate", Rate(requests=0, seconds=1)),
        ("page_limit", 0),
        ("schedule", "every day"),
        ("time_zone", "Mars/Olympus"),
        ("memory_mib", 64),
        ("timeout_s", 901),
        ("prefix", "/raw"),
        ("prefix", "raw/"),
        ("prefix", "raw/*"),
        ("level", 4),
        ("objects", Objects(records=0)),
        ("objects", Objects(dates=0)),
    ],
)
def test_an_impossible_value_is_named(field: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^Source\.{field} is .*; it takes "):
        source(**{field: value})


def test_the_declared_sources_are_found() -> None:
    assert find("lambdas.ingest.sources", "SOURCE", Source)["demo"].local_only


def test_a_feed_by_itself_is_refused_when_it_is_made() -> None:
    with pytest.raises(SettingsError, match="a Feed by itself reads nothing; declare a Source or a TableSource"):
        Feed(schedule="rate(1 day)")
