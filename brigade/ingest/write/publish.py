"""The steps after a publication: write the receipt, and delete everything unfinished."""

import gzip
from contextlib import suppress

from brigade import __version__
from brigade.errors import ConditionLost
from brigade.ingest.clock import now
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target, receipt_prefix
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.position import save_position
from brigade.ingest.state.profile import Profile, find_drift, find_shrinkage
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.state.run_result import RunResult, make_result
from brigade.ingest.write.digests import Digests
from brigade.s3 import Absent, Matches
from brigade.s3.client_type import S3Client
from brigade.s3.listing import list_objects, list_upload_ids
from brigade.s3.multipart import Upload
from brigade.s3.objects import WriteResult, head, put
from brigade.state import Entry, State

_COMPARED = 7


def write_quarantine(s3: S3Client, target: Target, entry: Entry[Checkpoint]) -> None:
    """Write the quarantine of a run whose checkpoint is done.

    It is written before the data is published: a run that is killed in between writes it again. It replaces the
    quarantine of an earlier run, with an empty file if no record broke the contract.

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
    """Raise ConditionLost unless the stored checkpoint is still `entry`.

    A run that takes over changes the checkpoint first. So a write whose condition was read before this call loses to
    every write of that run.
    """
    found = {each.key: each.etag for each in list_objects(state.client, state.bucket, target.checkpoint)}
    if found.get(target.checkpoint) != entry.version:
        raise ConditionLost(f"{target} was taken over by another run; this one writes nothing more")


def discard_checkpoint(s3: S3Client, target: Target, entry: Entry[Checkpoint]) -> bool:
    """Delete a checkpoint and its upload, so that the next run starts from the first page.

    Returns:
        False if another run has changed the checkpoint. Then everything stays.
    """
    try:
        State(s3, target.state).delete(target.checkpoint, entry.version)
    except ConditionLost:  # another run has deleted or replaced it, with its upload
        return False
    delete_unpublished(s3, target, entry.value)
    return True


def delete_unpublished(s3: S3Client, target: Target, dropped: Checkpoint) -> None:
    """Abort the upload and delete the staged objects of a deleted checkpoint."""
    if dropped.upload:
        Upload(s3, target.lake, target.key, dropped.upload, dropped.write).abort()
    if dropped.stages or dropped.shares:
        delete_staged(s3, target, dropped.write)


def finish_publication(
    s3: S3Client,
    source: BaseSource,
    target: Target,
    entry: Entry[Checkpoint],
    written: WriteResult | None,
    digests: Digests | None,
) -> RunResult:
    """Write the receipt of a published date, and delete the checkpoint and what killed runs left.

    Args:
        written: The published object; None: several, which the checkpoint names.
        digests: The digests of the object.
    """
    state = State(s3, target.state)
    differences = () if target.partition else compare_with_earlier(state, target, entry.value.profile)
    receipt = _make_receipt(target, entry.value, written, digests, differences)
    with suppress(ConditionLost):  # another run finished it too, and maybe a later one replaces it already
        _store_receipt(s3, source, target, entry, receipt)
    return make_result("published", target, receipt)


def _store_receipt(
    s3: S3Client, source: BaseSource, target: Target, entry: Entry[Checkpoint], receipt: Receipt
) -> None:
    """Write the state after a publication. Only state that was read while the checkpoint was current is changed."""
    state = State(s3, target.state)

    def require_current() -> None:
        _require_current(state, target, entry)

    if source.deduplicated_by or source.boundary_column:
        save_position(state, target, entry.value, require_current)
    before = state.get(target.receipt, Receipt)
    # The key exists now, so none of these can be published: a killed run left it, or a rival is too late.
    left = list(list_upload_ids(s3, target.lake, target.key))
    staged = list(state.list(target.staged_prefix)) if receipt.etag is None else []  # only several objects are staged
    require_current()
    state.put(target.receipt, receipt, Matches(before.version) if before else Absent())
    for upload in left:
        Upload(s3, target.lake, target.key, upload, entry.value.write).abort()
    for key in staged:
        state.delete(key)
    state.delete(target.checkpoint, entry.version)


def _make_receipt(
    target: Target,
    checkpoint: Checkpoint,
    written: WriteResult | None,
    digests: Digests | None,
    differences: tuple[str, ...],
) -> Receipt:
    return Receipt(
        source=target.source,
        date=target.date,
        object=str(target) if written else f"s3://{target.lake}/{target.folder}",
        etag=written.etag if written else None,
        version_id=written.version_id if written else None,
        bytes=checkpoint.bytes,
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
        epoch=checkpoint.lease.epoch,
        profile=checkpoint.profile,
        drift=differences,
        newest=checkpoint.newest,
        version=__version__,
        **checkpoint.counts(),
    )


def compare_with_earlier(state: State, target: Target, profile: Profile) -> tuple[str, ...]:
    """Return how the records of a date differ from those of earlier published dates, one line each.

    Fields and widths are compared with the last earlier date, the amount with the median of the last seven.
    """
    earlier = [key for key in state.list(receipt_prefix(target.source)) if key < target.receipt][-_COMPARED:]
    found = [entry.value.profile for key in earlier if (entry := state.get(key, Receipt))]
    return (*find_shrinkage(found, profile), *find_drift(found[-1], profile)) if found else ()


def delete_staged(s3: S3Client, target: Target, write: str = "") -> None:
    """Delete the staged objects of the run with the token `write`; without one, of all runs of the date."""
    state = State(s3, target.state)
    for key in list(state.list(target.staged_prefix + write)):
        state.delete(key)


_RUN, _RECORDS, _PLAIN, _RECEIPT = "brigade-run", "brigade-records", "brigade-sha256", "brigade-receipt"


def metadata(target: Target, run: str, records: int | None = None, plain: str | None = None) -> dict[str, str]:
    """Return the metadata of an object: its run and its receipt, and its counts if they are known.

    S3 accepts the metadata of a multipart upload before its first part, and changes it only by a copy of the object,
    which would be a second version. There, the number of records and the digest are in the receipt only.

    Args:
        run: The holder of the lease.
        records: The number of records.
        plain: The SHA-256 of the lines.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    known = {_RUN: run, _RECEIPT: f"s3://{target.state}/{target.receipt}"}
    if records is not None:
        known[_RECORDS] = str(records)
    return known if plain is None else {**known, _PLAIN: plain}


def content_type(source: BaseSource) -> str:
    """Return the content type of the objects of a source."""
    return f"application/{source.compression}"
