"""What a run came to."""

from typing import Literal

import msgspec

from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt

Kind = Literal["published", "already_published", "more", "wait"]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. ``more``: it stopped in time, all that it did is durable, and the next goes on there; so does
    ``wait``, but not before ``until``.

    ``sha256`` is of the object's bytes; where a run makes several, ``object`` is the folder of all, ``objects`` how
    many there are, and the receipt has their digests. It is None before there is an object; it and the counts are None
    for an object that has no receipt, since something else than this wrote it.
    """

    outcome: Kind
    source: str
    date: str
    replace: bool = False
    """Whether it replaces, or replaced, what was there; the next invocation is told so too."""
    object: str
    objects: int | None = None
    records: int | None = None
    pages: int | None = None
    bytes: int | None = None
    plain_bytes: int | None = None
    sha256: str | None = None
    seconds: float | None = None
    until: str | None = None
    """Of ``wait``: the instant before which the API does not want to be asked."""
    broken: int | None = None
    widest: int | None = None
    drift: tuple[str, ...] = ()
    requests: int | None = None
    retries: int | None = None
    waited_s: float | None = None
    bytes_in: int | None = None


def make_result(kind: Kind, target: Target, done: Checkpoint | Receipt | None) -> RunResult:
    """Make the outcome from what was done until now."""
    if done is None:
        return RunResult(outcome=kind, source=target.source, date=target.date, object=str(target))
    return RunResult(
        outcome=kind,
        source=target.source,
        date=target.date,
        replace=bool(done.replaced if isinstance(done, Receipt) else done.replaces),
        object=done.object if isinstance(done, Receipt) else str(target),
        objects=len(done.objects) or None if isinstance(done, Receipt) else None,
        records=done.records,
        pages=done.pages,
        bytes=done.bytes,
        plain_bytes=done.plain_bytes,
        sha256=done.sha256 if isinstance(done, Receipt) else None,
        seconds=done.seconds,
        until=done.wake if isinstance(done, Checkpoint) else None,
        broken=done.broken,
        widest=done.profile.widest,
        drift=done.drift if isinstance(done, Receipt) else (),
        requests=done.requests,
        retries=done.retries,
        waited_s=round(done.waited_s, 3),
        bytes_in=done.bytes_in,
    )
