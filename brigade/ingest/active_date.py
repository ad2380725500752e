"""The active date of an incremental source: only one of its dates runs at a time."""

import msgspec
from msgspec.structs import replace

from brigade.errors import ConditionLost
from brigade.ingest.clock import after_seconds
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.write.publish import discard_checkpoint
from brigade.s3 import Absent, Matches
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import new_token
from brigade.state import State
from brigade.state.lease import acquire


class ActiveDate(msgspec.Struct, frozen=True, kw_only=True):
    """The active date of an incremental source, or the last one. Each claim has a new `token`."""

    date: str
    token: str


_PATIENCE_S = 900.0


def claim_date(s3: S3Client, target: Target, holder: str, *, patience_s: float = _PATIENCE_S) -> None:
    """Make the date the only active one of its source.

    Replaces an active date that is published, or that no run has continued for `patience_s` seconds. It deletes the
    checkpoint of that date, so a run that is still alive cannot publish. This date starts at the same position.

    Args:
        holder: The holder of the lease of the date.
        patience_s: Seconds.

    Raises:
        ConditionLost: Another date is not finished: a run holds its lease, it waits for its next invocation or its API,
            or all its records are read but not published. The message names the date.
    """
    state = State(s3, target.state)
    entry = state.get(target.active_date, ActiveDate)
    if entry and entry.value.date != target.date:
        _end(s3, state, replace(target, date=entry.value.date), holder, patience_s)
    condition = Matches(entry.version) if entry else Absent()
    try:
        state.put(target.active_date, ActiveDate(date=target.date, token=new_token()), condition)
    except ConditionLost as error:
        raise ConditionLost(
            f"{target.source} is incremental, and a run of another date began at the same moment as {target.date}: "
            f"nothing was written; run {target.date} again after that date is published"
        ) from error


def _end(s3: S3Client, state: State, other: Target, holder: str, patience_s: float) -> None:
    entry = state.get(other.checkpoint, Checkpoint)
    if entry is None or state.get(other.receipt, Receipt):
        return
    under_way = f"{other.source} is incremental, and its {other.date} is not published yet"
    try:
        acquire(entry.value.lease, holder, 0.0, age=entry.age, what=str(other))
    except ConditionLost as error:
        raise ConditionLost(f"{under_way}: {error}") from error
    if entry.age < patience_s or (entry.value.wake or "") > after_seconds(-patience_s):
        raise ConditionLost(f"{under_way}: finish or reset that date first (`brigade ingest run` or `reset`)")
    if entry.value.done:
        raise ConditionLost(f"{under_way}, but all its records are read: run that date again first, or reset it")
    if not discard_checkpoint(s3, other, entry):
        raise ConditionLost(f"{under_way}: its run continues; wait until {other.date} is published")
