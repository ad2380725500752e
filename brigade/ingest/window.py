"""From where to where an incremental run of a date reads: taken once, moved on only by what is published."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath

import msgspec

from brigade.errors import ConditionLost, NotFound, UsageError
from brigade.s3 import Absent
from brigade.state import State


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Values of the column ``since``, as text: behind ``after``, up to ``until`` with it; None before the first row."""

    after: str | None
    until: str | None


def window(state: State, source: str, date: str, newest: Callable[[str | None], str | None]) -> Window:
    """Give the window of a date: what an earlier run of it took, else from the end of the last published date to the
    ``newest(after)`` there is now, which is then kept: whoever goes on, or begins again, reads the same rows.

    A window that is not published moves nothing: the next date begins where it began.

    Fails with UsageError when a later date was published, since its rows would come twice.
    """
    key = f"ingest/{source}/windows/{{}}.json".format
    if kept := state.get(key(date), Window):
        return kept.value
    published = sorted(PurePosixPath(name).stem for name in state.list(f"receipts/{source}/"))
    if published and published[-1] > date:
        raise UsageError(f"{source} is incremental and {published[-1]} is published: {date} would bring its rows again")
    before = state.get(key(published[-1]), Window) if published else None
    after = before.value.until if before else None
    made = Window(after=after, until=newest(after) or after)
    with suppress(ConditionLost):  # another run took it at the same time
        state.put(key(date), made, Absent())
        return made
    kept = state.get(key(date), Window)
    if kept is None:
        raise NotFound(f"the window of {source} {date} was dropped while it was read; run it again")
    return kept.value
