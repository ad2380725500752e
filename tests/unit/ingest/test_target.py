"""Date of a run."""

import datetime
from zoneinfo import ZoneInfo

import pytest

from brigade.errors import UsageError
from brigade.ingest.declare.dates import resolve_date
from brigade.ingest.declare.target import Target
from tests.unit.ingest.api import source


def test_a_date_is_taken_as_it_is() -> None:
    assert resolve_date(date="2024-02-29", time_zone="Asia/Tokyo") == "2024-02-29"


@pytest.mark.parametrize(
    ("zone", "date"), [("UTC", "2026-11-22"), ("Asia/Tokyo", "2026-11-23"), ("America/Chicago", "2026-11-22")]
)
def test_an_instant_is_a_day_of_the_source_s_zone(zone: str, date: str) -> None:
    assert resolve_date(scheduled="2026-11-22T18:30:00Z", time_zone=zone) == date


def test_neither_is_today() -> None:
    zone = "Pacific/Kiritimati"
    before, got, after = (
        datetime.datetime.now(ZoneInfo(zone)).date().isoformat(),
        resolve_date(time_zone=zone),
        resolve_date(time_zone=zone),
    )
    assert got in {before, after}


@pytest.mark.parametrize(
    "date", ["2026-02-30", "20261122", "2026-W47-7", "today", "", "2026-11-22T00:00", "../x", 20261122]
)
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        resolve_date(date=date, time_zone="UTC")


@pytest.mark.parametrize("instant", ["2026-11-22T18:30:00", "<aws.scheduler.scheduled-time>", "", 5])
def test_what_is_no_instant_is_refused(instant: str) -> None:
    with pytest.raises(UsageError, match="ISO 8601"):
        resolve_date(scheduled=instant, time_zone="UTC")


def test_keys_of_several_objects() -> None:
    target = Target.of(source(prefix="raw/apis", compression="zstd"), "my_api", "2026-11-22", "lake", "state")
    assert target.object_key("2026-11-22") == target.key == "raw/apis/my_api/date=2026-11-22/my_api.jsonl.zst"
    assert target.object_key("2026-11-22", 2) == "raw/apis/my_api/date=2026-11-22/my_api.00002.jsonl.zst"
    assert target.object_key("2026-11-20") == "raw/apis/my_api/date=2026-11-20/my_api.2026-11-22.jsonl.zst"
    assert target.object_key("2026-11-20", 12) == "raw/apis/my_api/date=2026-11-20/my_api.2026-11-22.00012.jsonl.zst"
    assert target.quarantine == "quarantine/my_api/date=2026-11-22/my_api.jsonl.gz"
    assert target.staged_prefix == "ingest/my_api/2026-11-22/"


def test_keys() -> None:
    target = Target("my_api", "2026-11-22", "lake", "state")
    assert target.key == "my_api/date=2026-11-22/my_api.jsonl.gz"
    assert target.checkpoint == "ingest/my_api/2026-11-22.json"
    assert target.receipt == "receipts/my_api/2026-11-22.json"
    assert str(target) == "s3://lake/my_api/date=2026-11-22/my_api.jsonl.gz"
