"""One writer of an incremental source's position: of its dates only one is under way."""

import msgspec
from msgspec.structs import replace

from brigade.errors import ConditionLost
from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.instants import in_seconds
from brigade.ingest.publish import Publishes, discard
from brigade.ingest.target import Target
from brigade.s3 import Absent, Matches
from brigade.s3.conditions import new_token
from brigade.state import State
from brigade.state.lease import acquire


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The date of an incremental source that is under way, or was last; ``token`` is new with each taking."""

    date: str
    token: str


_PATIENCE_S = 900.0


def take(s3: Publishes, target: Target, holder: str, *, patience_s: float = _PATIENCE_S) -> None:
    """Let the date, whose lease ``holder`` has, be the only one of its source that is read.

    A date that had its turn before and is published, or that no run has gone on with for ``patience_s`` seconds, gives
    way: what it did is dropped, so that its run, if it is alive, can publish nothing; this one begins where it began.

    Fails with ConditionLost, naming the other date, when that is held by a run, is between two of its invocations or
    waits for its API, or has only to be published yet.
    """
    state = State(s3, target.state)
    entry = state.get(target.turn, Turn)
    if entry and entry.value.date != target.date:
        _end(s3, state, replace(target, date=entry.value.date), holder, patience_s)
    condition = Matches(entry.version) if entry else Absent()
    try:
        state.put(target.turn, Turn(date=target.date, token=new_token()), condition)
    except ConditionLost as error:
        raise ConditionLost(
            f"{target.source} is incremental, and another of its dates was begun at the same moment as {target.date}: "
            "nothing was written; run it again when that is published"
        ) from error


def _end(s3: Publishes, state: State, other: Target, holder: str, patience_s: float) -> None:
    entry = state.get(other.checkpoint, Checkpoint)
    if entry is None or state.get(other.receipt, Receipt):
        return
    under_way = f"{other.source} is incremental, and its {other.date} is not published yet"
    try:
        acquire(entry.value.lease, holder, 0.0, age=entry.age, what=str(other))
    except ConditionLost as error:
        raise ConditionLost(f"{under_way}: {error}") from error
    if entry.age < patience_s or (entry.value.wake or "") > in_seconds(-patience_s):
        raise ConditionLost(f"{under_way}: run that date to its end first, or `brigade ingest reset` it")
    if entry.value.done:
        raise ConditionLost(f"{under_way}, but all of it was read: run that date again first, or reset it")
    if not discard(s3, other, entry):
        raise ConditionLost(f"{under_way}: its run goes on; run {other.date} to its end first")
