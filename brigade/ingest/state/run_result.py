"""The result of a run."""

from typing import Literal

import msgspec

from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt

Kind = Literal["published", "already_published", "more", "wait"]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run.

    The counts and `sha256` are None for an object without a receipt: something else wrote it.

    Attributes:
        outcome: `more`: the run stopped in time; the next one continues. `wait`: the same, but not before `until`.
        replace: Whether the run replaces a published date. The next invocation gets the same.
        object: The URI of the object, or of the folder of several.
        objects: How many objects, where there are several. The receipt has their digests.
        sha256: SHA-256 of the object. None until it is published.
        until: For `wait`, the instant before which the source does not accept requests.
        widest: Bytes of the widest record.
        drift: How the records differ from those of the date before, one line each.
    """

    outcome: Kind
    source: str
    date: str
    replace: bool = False
    object: str
    objects: int | None = None
    records: int | None = None
    pages: int | None = None
    bytes: int | None = None
    plain_bytes: int | None = None
    sha256: str | None = None
    seconds: float | None = None
    until: str | None = None
    broken: int | None = None
    widest: int | None = None
    drift: tuple[str, ...] = ()
    requests: int | None = None
    retries: int | None = None
    waited_s: float | None = None
    bytes_in: int | None = None


def make_result(kind: Kind, target: Target, done: Checkpoint | Receipt | None) -> RunResult:
    """Return the result of a run from its checkpoint or its receipt."""
    if done is None:
        return RunResult(outcome=kind, source=target.source, date=target.date, object=str(target))
    counts = {name: value for name, value in done.counts().items() if name in RunResult.__struct_fields__}
    known = {"bytes": done.bytes, "widest": done.profile.widest, **counts}
    if isinstance(done, Checkpoint):
        return RunResult(
            outcome=kind,
            source=target.source,
            date=target.date,
            replace=bool(done.replaces),
            object=str(target),
            until=done.wake,
            **known,
        )
    return RunResult(
        outcome=kind,
        source=target.source,
        date=target.date,
        replace=bool(done.replaced),
        object=done.object,
        objects=len(done.objects) or None,
        sha256=done.sha256,
        drift=done.drift,
        **known,
    )
