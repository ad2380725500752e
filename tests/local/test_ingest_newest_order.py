"""Only one date of an incremental source is open at a time, and only the last one can be replaced."""

from collections.abc import Callable
from typing import Any

import pytest

from brigade.errors import ConditionLost, UsageError
from brigade.ingest import active_date
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.state import State
from brigade.state.lease import Lease
from tests.local.faults import Faulty
from tests.local.ingest_dates import Dates, Events, at, event
from tests.unit.ingest.api import serving


def held(dates: Dates, date: str, **changes: Any) -> None:
    """A date that a run has begun."""
    lease = changes.pop("lease", Lease(1, "execution of then", 900.0))
    checkpoint = Checkpoint(write="w", ts=at(0), pages=1, lease=lease, **changes)
    state = State(dates.lake.s3, dates.lake.state)
    state.put(dates.target(date).checkpoint, checkpoint)
    active_date.claim_date(dates.lake.s3, dates.target(date), "execution of then")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "is held by execution of then"),
        ({"lease": Lease(1)}, "finish or reset that date first"),
    ],
)
def test_of_two_dates_at_once_the_second_is_told_so(dates: Dates, changes: dict[str, Any], said: str) -> None:
    held(dates, "2026-11-02", **changes)
    with serving(Events([event(1, 1)])) as server:
        for date in ("2026-11-01", "2026-11-03"):
            expected = rf"^numbers is incremental, and its 2026-11-02 is not published yet: .*{said}"
            with pytest.raises(ConditionLost, match=expected) as raised:
                dates.run(server, date)
            assert raised.value.exit_status == 3
            assert "\n" not in str(raised.value)
        assert server.queries == []
    assert not dates.lake.keys(dates.lake.lake)


def test_one_of_two_that_begin_at_the_same_moment_is_told_so(dates: Dates) -> None:
    state = State(dates.lake.s3, dates.lake.state)

    def beside(call: Callable[[], Any]) -> Any:
        state.put(dates.target("").active_date, active_date.ActiveDate(date="2026-11-09", token="theirs"))
        return call()

    with serving(Events([event(1, 1)])) as server, pytest.raises(ConditionLost, match="began at the same moment"):
        dates.run(server, "2026-11-02", s3=Faulty(dates.lake.s3, "put_object", lambda call: call(), beside))


def test_a_date_that_nobody_goes_on_with_gives_way_and_can_publish_nothing(dates: Dates) -> None:
    held(dates, "2026-11-02", lease=Lease(1))
    active_date.claim_date(dates.lake.s3, dates.target("2026-11-03"), "another", patience_s=0.0)
    assert dates.target("2026-11-02").checkpoint not in dates.lake.keys(dates.lake.state)
    with serving(Events([event(1, 1)])) as server:
        assert dates.run(server, "2026-11-03").outcome == "published"
        with pytest.raises(UsageError, match="2026-11-03 is published: 2026-11-02 would publish the same rows again"):
            dates.run(server, "2026-11-02")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wake": "2999-01-01T00:00:00.000Z"}, "finish or reset that date first"),
        ({"done": True}, "all its records are read"),
    ],
)
def test_a_date_that_waits_or_was_all_read_does_not_give_way(dates: Dates, changes: dict[str, Any], said: str) -> None:
    held(dates, "2026-11-02", lease=Lease(1), **changes)
    with pytest.raises(ConditionLost, match=said):
        active_date.claim_date(dates.lake.s3, dates.target("2026-11-03"), "another", patience_s=0.0)


def test_only_the_last_date_can_be_replaced(dates: Dates) -> None:
    events = Events([event(1, 1)])
    with serving(events) as server:
        dates.run(server, "2026-11-02")
        events.rows.append(event(2, 2))
        dates.run(server, "2026-11-03")
        events.rows.append(event(3, 1.5))
        assert dates.run(server, "2026-11-03", replace=True).records == 2
        with pytest.raises(UsageError, match="2026-11-03 is published"):
            dates.run(server, "2026-11-02", replace=True)
    assert (dates.ids("2026-11-02"), dates.ids("2026-11-03")) == ([1], [2, 3])
