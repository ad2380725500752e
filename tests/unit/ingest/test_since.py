"""Where a run ends that asks for what is new."""

from datetime import UTC, datetime
from typing import Any

import pytest

from brigade.errors import SettingsError
from brigade.ingest.since import Since

NOW = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)


def since(**changes: Any) -> Since:
    return Since(**({"parameter": "from", "until": "to", "first": "2026-11-20T00:00:00Z"} | changes))


@pytest.mark.parametrize(
    ("declared", "after", "end"),
    [
        (since(), None, "2026-11-22T05:30:00.000Z"),
        (since(lag_s=3600), "2026-11-21T00:00:00.000Z", "2026-11-22T04:30:00.000Z"),
        (since(step_s=86400), None, "2026-11-21T00:00:00.000Z"),
        (since(step_s=86400), "2026-11-21T12:00:00.000Z", "2026-11-22T05:30:00.000Z"),
        (since(first="2026-11-22T06:00:00+01:00"), None, "2026-11-22T05:30:00.000Z"),
        (since(lag_s=3600), "2026-11-22T05:00:00.000Z", None),
    ],
)
def test_a_run_ends_by_the_lag_and_within_the_step(declared: Since, after: str | None, end: str | None) -> None:
    assert declared.end(after, NOW) == end


@pytest.mark.parametrize("wrong", [{"lag_s": -1}, {"step_s": 0}, {"first": "2026-11-20"}, {"first": "yesterday"}])
def test_what_is_impossible_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="Since"):
        since(**wrong)
