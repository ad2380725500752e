"""What a run came to."""

from typing import Literal

import msgspec

from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.target import Target


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. ``more``: it stopped in time, all that it did is durable, and the next goes on there.

    ``sha256`` is of the object's bytes. It is None before there is an object; it and the counts are None for an object
    that has no receipt, since something else than this wrote it.
    """

    outcome: Literal["published", "already_published", "more"]
    source: str
    date: str
    object: str
    records: int | None = None
    pages: int | None = None
    bytes: int | None = None
    plain_bytes: int | None = None
    sha256: str | None = None
    seconds: float | None = None


def outcome(
    kind: Literal["published", "already_published", "more"], target: Target, done: Checkpoint | Receipt | None
) -> Outcome:
    """Make the outcome from what was done until now."""
    if done is None:
        return Outcome(outcome=kind, source=target.source, date=target.date, object=str(target))
    return Outcome(
        outcome=kind,
        source=target.source,
        date=target.date,
        object=str(target),
        records=done.records,
        pages=done.pages,
        bytes=done.bytes,
        plain_bytes=done.plain_bytes,
        sha256=done.sha256 if isinstance(done, Receipt) else None,
        seconds=done.seconds,
    )
