"""Dates of an incremental source run one at a time, in order, and not in the future."""

from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any

import pytest

from brigade.errors import ConditionLost, UsageError
from brigade.ingest.active_date import ActiveDate, claim_date
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.position import ReadWindow, claim_window
from brigade.state import State
from tests.unit.strict_s3 import StrictS3

FIRST = Target("numbers", "2026-11-21", "lake", "state")
SECOND = Target("numbers", "2026-11-22", "lake", "state")


@pytest.fixture
def state() -> State:
    s3: Any = StrictS3()
    return State(s3, "state")


def window(state: State, date: str, newest: str = "9") -> ReadWindow:
    return claim_window(state, "numbers", date, lambda _: newest, time_zone="UTC")


def test_a_date_reads_from_where_the_last_published_one_ended_and_the_same_rows_again(state: State) -> None:
    assert window(state, FIRST.date, "5") == ReadWindow(after=None, until="5")
    state.put(FIRST.receipt, {})
    assert window(state, SECOND.date, "9") == ReadWindow(after="5", until="9")
    assert window(state, SECOND.date, "12") == ReadWindow(after="5", until="9")


def test_a_date_before_a_published_one_is_refused(state: State) -> None:
    state.put(SECOND.receipt, {})
    with pytest.raises(UsageError, match="2026-11-22 is published: 2026-11-21 would publish the same rows again"):
        window(state, FIRST.date)


class Noon(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Noon":
        return cls(2026, 11, 22, 12, tzinfo=tz)


@pytest.mark.parametrize(("date", "future"), [("2026-11-23", False), ("2026-11-24", True), ("2027-12-01", True)])
def test_tomorrow_is_the_last_date_that_is_taken(
    state: State, monkeypatch: pytest.MonkeyPatch, date: str, future: bool
) -> None:
    """Tomorrow has begun already in some time zones. A later date would refuse all dates before it."""
    frozen = SimpleNamespace(datetime=Noon, timedelta=timedelta)
    monkeypatch.setattr("brigade.ingest.state.position.datetime", frozen)
    if not future:
        assert window(state, date).until == "9"
        return
    with pytest.raises(UsageError, match=f"{date} is in the future"):
        window(state, date)


@pytest.mark.parametrize(
    ("left", "says"),
    [
        ({"pages": 1}, "finish or reset that date first"),
        ({"pages": 1, "done": True}, "all its records are read"),
        (None, None),
    ],
)
def test_no_date_begins_while_another_is_not_published(
    state: State, left: dict[str, Any] | None, says: str | None
) -> None:
    state.put(SECOND.active_date, ActiveDate(date=FIRST.date, token="t"))
    if left:
        state.put(FIRST.checkpoint, Checkpoint(write="w", ts="2026-11-21T00:00:00Z", **left))
    if says is None:
        claim_date(state.client, SECOND, "one")
        found = state.get(SECOND.active_date, ActiveDate)
        assert found
        assert found.value.date == SECOND.date
        return
    patience_s = 0.0 if left and left.get("done") else 900.0
    with pytest.raises(ConditionLost, match=says):
        claim_date(state.client, SECOND, "one", patience_s=patience_s)
    assert state.get(FIRST.checkpoint, Checkpoint)
