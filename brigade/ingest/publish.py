"""From all pages durable to one published object, its receipt, and nothing left over."""

import datetime
import hashlib
from contextlib import suppress
from typing import Protocol

from msgspec.structs import replace

from brigade import __version__
from brigade.errors import ConditionLost
from brigade.ingest.assembly import CONTENT_TYPE
from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.outcome import Outcome, outcome
from brigade.ingest.profile import drift
from brigade.ingest.target import Target
from brigade.s3 import Absent
from brigade.s3.head import Found
from brigade.s3.list import ListsUploads, uploads
from brigade.s3.put import put
from brigade.s3.read import stream
from brigade.s3.settle import TOKEN, Written
from brigade.s3.upload import Upload
from brigade.s3.writer import Writes
from brigade.state import Entry, State
from brigade.state.store import Stores


class Publishes(Writes, Stores, ListsUploads, Protocol):
    """The calls that an ingest needs."""


def publish(s3: Publishes, target: Target, entry: Entry[Checkpoint], sha256: str | None) -> Outcome:
    """Publish a checkpoint that is done, if the key is absent; then write the receipt and drop the checkpoint.

    ``sha256``: of the object's bytes, where one process saw them all, else None: they are read again, a block in
    memory. May be repeated by another process wherever this one was killed. Fails with ConditionLost when another run
    published, with NotFound when S3 has dropped the upload.
    """
    checkpoint = entry.value
    if checkpoint.quarantine:  # before the data, whose publication ends all: a run killed in between writes it again
        put(s3, target.lake, target.quarantine, checkpoint.quarantine, content_type=CONTENT_TYPE)
    if checkpoint.upload:
        upload = Upload(s3, target.lake, target.key, checkpoint.upload, checkpoint.write)
        written = upload.complete(checkpoint.parts, Absent())
    else:
        written = put(
            s3,
            target.lake,
            target.key,
            checkpoint.tail,
            condition=Absent(),
            content_type=CONTENT_TYPE,
            token=checkpoint.write,
        )
    return _finish(s3, target, entry, written, sha256)


def earlier(s3: Publishes, target: Target, found: Found) -> Outcome:
    """Answer for an object that is there already, and finish what a killed run left: its receipt, its checkpoint."""
    state = State(s3, target.state)
    entry = state.get(target.checkpoint, Checkpoint)
    if entry and entry.value.done and found.metadata.get(TOKEN) == entry.value.write:
        return _finish(s3, target, entry, Written(found.etag, found.version_id), None)
    if entry:
        discard(s3, target, entry)
    receipt = state.get(target.receipt, Receipt)
    if receipt and receipt.value.etag == found.etag:
        return outcome("already_published", target, receipt.value)
    return replace(outcome("already_published", target, None), bytes=found.size)


def discard(s3: Publishes, target: Target, entry: Entry[Checkpoint]) -> None:
    """Drop a checkpoint and its upload, so that the next run starts from the first page."""
    try:
        State(s3, target.state).delete(target.checkpoint, entry.version)
    except ConditionLost:  # another run has dropped or taken it, and its upload
        return
    if entry.value.upload:
        Upload(s3, target.lake, target.key, entry.value.upload, entry.value.write).abort()


def _finish(s3: Publishes, target: Target, entry: Entry[Checkpoint], written: Written, sha256: str | None) -> Outcome:
    checkpoint, state = entry.value, State(s3, target.state)
    receipt = Receipt(
        source=target.source,
        date=target.date,
        object=str(target),
        etag=written.etag,
        version_id=written.version_id,
        records=checkpoint.records,
        pages=checkpoint.pages,
        bytes=checkpoint.bytes,
        plain_bytes=checkpoint.plain_bytes,
        sha256=sha256 or _sha256(s3, target, written),
        ingest_ts=checkpoint.ts,
        published_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        seconds=checkpoint.seconds,
        invocations=checkpoint.invocations,
        epoch=checkpoint.lease.epoch,
        profile=checkpoint.profile,
        drift=_drift(state, target, checkpoint),
        broken=checkpoint.broken,
        requests=checkpoint.requests,
        retries=checkpoint.retries,
        waited_s=round(checkpoint.waited_s, 3),
        bytes_in=checkpoint.bytes_in,
        version=__version__,
    )
    state.put(target.receipt, receipt)
    # Now that the key is taken no other upload of it can be published: a killed run left it, or a rival is too late.
    for upload in uploads(s3, target.lake, target.key):
        Upload(s3, target.lake, target.key, upload, checkpoint.write).abort()
    with suppress(ConditionLost):  # another run finished it too
        state.delete(target.checkpoint, entry.version)
    return outcome("published", target, receipt)


def _drift(state: State, target: Target, checkpoint: Checkpoint) -> tuple[str, ...]:
    """Say how the records differ from those of the date before that was ingested, if there is one."""
    earlier = [key for key in state.list(f"receipts/{target.source}/") if key < target.receipt]
    before = state.get(earlier[-1], Receipt) if earlier else None
    return tuple(drift(before.value.profile, checkpoint.profile)) if before else ()


def _sha256(s3: Publishes, target: Target, written: Written) -> str:
    digest = hashlib.sha256()
    for block in stream(s3, target.lake, target.key, if_match=written.etag):
        digest.update(block)
    return digest.hexdigest()
