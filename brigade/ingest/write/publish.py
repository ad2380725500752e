"""From all pages durable to what is published, its receipt, and nothing left over."""

import gzip
from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from brigade import __version__
from brigade.errors import ConditionLost, InvalidData
from brigade.ingest.clock import now
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target, receipts
from brigade.ingest.read.deduplicate import save_position
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.profile import Profile, drift, shrinkage
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.state.run_result import RunResult, make_result
from brigade.ingest.write.digests import Digests, PartChain, RunningDigests
from brigade.ingest.write.partitioned import sweep
from brigade.ingest.write.single_object import content_type, metadata
from brigade.s3 import Absent, Matches
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import TOKEN
from brigade.s3.listing import list_objects, list_upload_ids
from brigade.s3.multipart import Upload
from brigade.s3.objects import ObjectHead, WriteResult, head, put
from brigade.s3.read import stream_object
from brigade.state import Entry, State

_COMPARED = 7


def publish(
    s3: S3Client, source: BaseSource, target: Target, entry: Entry[Checkpoint], digests: Digests | None
) -> RunResult:
    """Publish a checkpoint that is done, if its key is absent, or holds still what it was told to replace; then write
    the receipt and drop the checkpoint. Several objects are published before, by ``publish_next``.

    ``digests``: of the object's bytes, where one process saw them all, else None: they are read again, a block in
    memory. May be repeated by another process wherever this one was killed. Fails with ConditionLost when another run
    published, with NotFound when S3 has dropped the upload.
    """
    return _finish(s3, source, target, entry, _written(s3, source, target, entry.value, digests), digests)


def set_aside(s3: S3Client, target: Target, entry: Entry[Checkpoint]) -> None:
    """Write the quarantine object of a run whose checkpoint is done.

    It comes before the data, whose publication ends all: a run that is killed in between writes it again. One that an
    earlier run left gives way, if only to an empty file.

    Raises:
        ConditionLost: Another run took over the date. Its quarantine stays.
    """
    there = head(s3, target.state, target.quarantine)
    body = entry.value.quarantine
    if not body and there:
        body = gzip.compress(b"", mtime=0)
    if not body:
        return
    _require_current(State(s3, target.state), target, entry)
    condition = Matches(there.etag) if there else Absent()
    put(s3, target.state, target.quarantine, body, condition=condition, content_type="application/gzip")


def _require_current(state: State, target: Target, entry: Entry[Checkpoint]) -> None:
    """Fail with ConditionLost unless the checkpoint is still `entry`.

    Whoever takes over, or begins anew, changes the checkpoint first. So a write under a condition on what was read
    before this call loses to all that they write.
    """
    found = {each.key: each.etag for each in list_objects(state.client, state.bucket, target.checkpoint)}
    if found.get(target.checkpoint) != entry.version:
        raise ConditionLost(f"{target} was taken over by another run; this one writes nothing more")


def _written(
    s3: S3Client, source: BaseSource, target: Target, checkpoint: Checkpoint, digests: Digests | None
) -> WriteResult | None:
    condition = Matches(checkpoint.replaces) if checkpoint.replaces else Absent()
    if source.objects:
        return None
    if checkpoint.upload:
        upload = Upload(s3, target.lake, target.key, checkpoint.upload, checkpoint.write)
        return upload.complete(checkpoint.parts, condition)
    return put(
        s3,
        target.lake,
        target.key,
        checkpoint.tail,
        condition=condition,
        metadata=metadata(
            target, checkpoint.lease.holder or "", checkpoint.records, digests.plain if digests else None
        ),
        content_type=content_type(source),
        token=checkpoint.write,
    )


def earlier(
    s3: S3Client, source: BaseSource, target: Target, found: ObjectHead, entry: Entry[Checkpoint] | None
) -> RunResult:
    """Answer for an object that is there already, and finish what a killed run left: its receipt, its checkpoint.

    Args:
        entry: The checkpoint, read before `found`.
    """
    state = State(s3, target.state)
    if entry and entry.value.done and found.metadata.get(TOKEN) == entry.value.write:
        return _finish(s3, source, target, entry, WriteResult(found.etag, found.version_id), None)
    if entry and entry.value.replaces != found.etag:  # else a run that replaces the object is under way
        discard(s3, target, entry)
    receipt = state.get(target.receipt, Receipt)
    if receipt and receipt.value.etag == found.etag:
        return make_result("already_published", target, receipt.value)
    return replace(make_result("already_published", target, None), bytes=found.size)


def discard(s3: S3Client, target: Target, entry: Entry[Checkpoint]) -> bool:
    """Drop a checkpoint and its upload, so that the next run starts from the first page; False: it is another by now,
    and stays."""
    try:
        State(s3, target.state).delete(target.checkpoint, entry.version)
    except ConditionLost:  # another run has dropped or taken it, and its upload
        return False
    clear(s3, target, entry.value)
    return True


def clear(s3: S3Client, target: Target, dropped: Checkpoint) -> None:
    """Abort the upload and delete the stages of a checkpoint that is no longer stored."""
    if dropped.upload:
        Upload(s3, target.lake, target.key, dropped.upload, dropped.write).abort()
    if dropped.stages or dropped.shares:
        sweep(s3, target, dropped.write)


def _finish(
    s3: S3Client,
    source: BaseSource,
    target: Target,
    entry: Entry[Checkpoint],
    written: WriteResult | None,
    digests: Digests | None,
) -> RunResult:
    checkpoint, state = entry.value, State(s3, target.state)
    if written and not digests:
        digests = _read_again(s3, source, target, checkpoint, written)
    drift = () if target.partition else differs(state, target, checkpoint.profile)
    receipt = _receipt(target, checkpoint, written, digests, drift)
    with suppress(ConditionLost):  # another run finished it too, and maybe a later one replaces it already
        _settle(s3, source, target, entry, receipt)
    return make_result("published", target, receipt)


def _settle(s3: S3Client, source: BaseSource, target: Target, entry: Entry[Checkpoint], receipt: Receipt) -> None:
    """Write what follows a publication, and drop the checkpoint; only what was read while that was current changes."""
    state = State(s3, target.state)

    def require_current() -> None:
        _require_current(state, target, entry)

    if source.deduplicated_by or source.boundary_column:
        save_position(state, target, entry.value, require_current)
    before = state.get(target.receipt, Receipt)
    # Now that the key is taken none of these can be published: a killed run left it, or a rival is too late.
    left = list(list_upload_ids(s3, target.lake, target.key))
    staged = list(state.list(target.stages)) if source.objects else []
    require_current()
    state.put(target.receipt, receipt, Matches(before.version) if before else Absent())
    for upload in left:
        Upload(s3, target.lake, target.key, upload, entry.value.write).abort()
    for key in staged:
        state.delete(key)
    state.delete(target.checkpoint, entry.version)


def _receipt(
    target: Target, checkpoint: Checkpoint, written: WriteResult | None, digests: Digests | None, drift: tuple[str, ...]
) -> Receipt:
    return Receipt(
        source=target.source,
        date=target.date,
        object=str(target) if written else f"s3://{target.lake}/{target.folder}",
        etag=written.etag if written else None,
        version_id=written.version_id if written else None,
        records=checkpoint.records,
        pages=checkpoint.pages,
        bytes=checkpoint.bytes,
        plain_bytes=checkpoint.plain_bytes,
        sha256=digests.packed if digests else None,
        plain_sha256=digests.plain if digests else None,
        objects=checkpoint.published,
        replaced=checkpoint.replaces,
        runs=checkpoint.runs,
        first=checkpoint.first,
        last=checkpoint.last,
        times=checkpoint.times,
        ingest_ts=checkpoint.ts,
        published_at=now(),
        seconds=checkpoint.seconds,
        invocations=checkpoint.invocations,
        epoch=checkpoint.lease.epoch,
        profile=checkpoint.profile,
        drift=drift,
        broken=checkpoint.broken,
        left_out=checkpoint.left_out,
        newest=checkpoint.newest,
        requests=checkpoint.requests,
        retries=checkpoint.retries,
        waited_s=round(checkpoint.waited_s, 3),
        bytes_in=checkpoint.bytes_in,
        version=__version__,
    )


def differs(state: State, target: Target, profile: Profile) -> tuple[str, ...]:
    """Return how the records of a date differ from those of the dates before that were ingested, a line each.

    Fields and widths are compared with the last of those dates, the amount with the median of the last seven.
    """
    earlier = [key for key in state.list(receipts(target.source)) if key < target.receipt][-_COMPARED:]
    found = [entry.value.profile for key in earlier if (entry := state.get(key, Receipt))]
    return (*shrinkage(found, profile), *drift(found[-1], profile)) if found else ()


def _read_again(
    s3: S3Client, source: BaseSource, target: Target, checkpoint: Checkpoint, written: WriteResult
) -> Digests:
    """Give the digests of the published object, and see that it is the parts that the checkpoint named."""
    chain = PartChain(part.size for part in checkpoint.parts)

    def blocks() -> Iterator[bytes]:
        for block in stream_object(s3, target.lake, target.key, if_match=written.etag):
            chain.take(block)
            yield block

    digests = RunningDigests().take(source.compression, blocks()).digests
    if chain.value != checkpoint.digest:
        raise InvalidData(f"{target} does not hold the bytes that were sent to it; its receipt was not written")
    return digests
