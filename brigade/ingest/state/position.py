"""The position of an incremental source: the read window of each date, and the records to leave out of the next."""

import datetime
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from brigade.errors import ConditionLost, UsageError
from brigade.ingest.declare.dates import load_time_zone
from brigade.ingest.declare.target import Target, receipt_prefix
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.s3 import Absent, Matches
from brigade.s3.objects import head, put
from brigade.state import State

if TYPE_CHECKING:
    from brigade.ingest.declare.api_source import ApiSource


class ReadWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The range of a growing column that a date reads, as text: `after` < value <= `until`.

    Attributes:
        after: None before the first record.
        until: None before the first record. If the end is known only after the last page, it is `after` until the date
            is published.
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
    """Return the read window of a date, and store it, so that any later attempt reads the same rows.

    A stored window is returned. Otherwise the window starts at the end of the last published date, and ends at
    `newest(after)`. A window whose date is not published moves nothing: the next date starts at the same position. A
    stored window that starts at a position where no published date ends any more is replaced. Two concurrent dates are
    prevented by `brigade.ingest.active_date`.

    Args:
        newest: Returns the last position of the source after a given one.
        time_zone: The time zone of the source.
        bounded: Whether the end is known before the first page. Then a published date may be read again.
        keep: False computes the window without storing it.

    Raises:
        UsageError: A later date is published, whose rows would come twice. Or the date is later than tomorrow: once
            published, every earlier date would be refused.
        ConditionLost: The window was deleted by another run.
    """
    tomorrow = (datetime.datetime.now(load_time_zone(time_zone)).date() + datetime.timedelta(days=1)).isoformat()
    if date > tomorrow:
        raise UsageError(
            f"{source} is incremental and {date} is in the future: no earlier date could follow it; "
            f"the latest possible date is {tomorrow}"
        )
    key = _key(source, date)
    dates = _published(state, source)
    kept = state.get(key, ReadWindow)
    if kept and date in dates and bounded:
        return kept.value
    if dates and dates[-1] > date:
        raise UsageError(
            f"{source} is incremental and {dates[-1]} is published: {date} would publish the same rows again"
        )
    last = last_published_date(state, source, date)
    ended = state.get(_key(source, last), ReadWindow) if last else None
    after = ended.value.until if ended else None
    if kept and kept.value.after == after:
        return kept.value
    made = ReadWindow(after=after, until=newest(after) or after)
    if not keep:
        return made
    with suppress(ConditionLost):  # another run claimed the date at the same time
        state.put(key, made, Matches(kept.version) if kept else Absent())
        return made
    taken = state.get(key, ReadWindow)
    if taken is None:
        raise ConditionLost(f"the window of {source} {date} was dropped while it was read; run it again")
    return taken.value


def narrow_to_window(
    source: "ApiSource", state: State | None, name: str, date: str, *, keep_window: bool
) -> "ApiSource":
    """Return the source with the query parameters that request only what is new at the date.

    The read window is claimed as in `claim_window`. Without `state` no published date is known, and the source requests
    what its first run does.
    """
    since = source.since
    if since is None:
        return source
    now = datetime.datetime.now(datetime.UTC)
    if state is None:
        return replace(source, parameters={**source.parameters, **since.parameters(None, since.end(None, now))})
    window = claim_window(
        state,
        name,
        date,
        lambda after: since.end(after, now),
        time_zone=source.time_zone,
        # The state has the left-out records of the last date only.
        bounded=since.bounded and not since.key,
        keep=keep_window,
    )
    return replace(source, parameters={**source.parameters, **since.parameters(window.after, window.until)})


def last_published_date(state: State, source: str, date: str) -> str | None:
    """Return the last published date before this one."""
    return next((each for each in reversed(_published(state, source)) if each < date), None)


def _published(state: State, source: str) -> list[str]:
    return [PurePosixPath(name).stem for name in state.list(receipt_prefix(source))]


def _key(source: str, date: str) -> str:
    return Target(source, date, "", "").window


def save_position(state: State, target: Target, done: Checkpoint, require_current: Callable[[], None]) -> None:
    """Store where the next date starts and which records it leaves out. Both take effect with the receipt of the date.

    It may be repeated. Records that only earlier dates needed are deleted.

    Args:
        require_current: Raises ConditionLost if another run took over the date.

    Raises:
        ConditionLost: Another run took over the date. Its data stays.
    """
    entry = state.get(target.window, ReadWindow)
    key = target.remembered_key(target.date)
    there = head(state.client, state.bucket, key)
    last = last_published_date(state, target.source, target.date)
    require_current()
    if done.newest is not None and entry:
        state.put(target.window, ReadWindow(after=entry.value.after, until=done.newest), Matches(entry.version))
    if not done.recent:
        return
    put(state.client, state.bucket, key, done.recent, condition=Matches(there.etag) if there else Absent())
    for key in list(state.list(target.remembered_key(""))):
        if key < target.remembered_key(last or target.date):
            state.delete(key)
