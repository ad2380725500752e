"""From where to where an incremental run of a date reads: taken once, moved on only by what is published."""

import datetime
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath

import msgspec

from brigade.errors import ConditionLost, UsageError
from brigade.ingest.declare.dates import load_time_zone
from brigade.ingest.declare.target import Target, receipts
from brigade.s3 import Absent, Matches
from brigade.state import State


class ReadWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Values of what grows, as text: behind ``after``, up to ``until`` with it; None before the first record.

    Where no end is known before all records are, ``until`` is ``after`` until they are published.
    """

    after: str | None
    until: str | None


def claim_window(
    state: State,
    source: str,
    date: str,
    newest: Callable[[str | None], str | None],
    *,
    time_zone: str,
    bounded: bool = True,
    keep: bool = True,
) -> ReadWindow:
    """Give the window of a date: what an earlier run of it took, else from the end of the last published date to the
    ``newest(after)`` there is now, which is then kept: whoever goes on, or begins again, reads the same rows.

    ``keep``: False only computes the window, for what asks as a run would and writes nothing.

    A window that is not published moves nothing: the next date begins where it began. One that began where, meanwhile,
    no date ends any more is taken anew. Two dates at once are for ``turn`` to prevent.

    Fails with UsageError when a later date was published, since its rows would come twice; but a published date whose
    window is ``bounded`` may be read again. And when the date is later than tomorrow in ``time_zone``: once it is
    published, every date before it would be refused.
    """
    tomorrow = (datetime.datetime.now(load_time_zone(time_zone)).date() + datetime.timedelta(days=1)).isoformat()
    if date > tomorrow:
        raise UsageError(
            f"{source} is incremental and {date} is in the future, after which no earlier date could be ingested; "
            f"{tomorrow} is the last that it takes now"
        )
    key = _key(source, date)
    dates = _published(state, source)
    kept = state.get(key, ReadWindow)
    if kept and date in dates and bounded:
        return kept.value
    if dates and dates[-1] > date:
        raise UsageError(f"{source} is incremental and {dates[-1]} is published: {date} would bring its rows again")
    last = last_published_date(state, source, date)
    ended = state.get(_key(source, last), ReadWindow) if last else None
    after = ended.value.until if ended else None
    if kept and kept.value.after == after:
        return kept.value
    made = ReadWindow(after=after, until=newest(after) or after)
    if not keep:
        return made
    with suppress(ConditionLost):  # another run of the date took it at the same time
        state.put(key, made, Matches(kept.version) if kept else Absent())
        return made
    taken = state.get(key, ReadWindow)
    if taken is None:
        raise ConditionLost(f"the window of {source} {date} was dropped while it was read; run it again")
    return taken.value


def last_published_date(state: State, source: str, date: str) -> str | None:
    """Give the last date before this one that is published."""
    return next((each for each in reversed(_published(state, source)) if each < date), None)


def _published(state: State, source: str) -> list[str]:
    return [PurePosixPath(name).stem for name in state.list(receipts(source))]


def _key(source: str, date: str) -> str:
    return Target(source, date, "", "").window
