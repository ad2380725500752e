"""Replace a published date."""

from brigade.errors import ConditionLost, UsageError
from brigade.ingest.clock import now
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.write.publish import delete_staged, discard_checkpoint
from brigade.ingest.write.sink import Sink
from brigade.s3 import Matches
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import new_token
from brigade.s3.objects import head
from brigade.state import Entry, State
from brigade.state.lease import release


def prepare_replacement(
    s3: S3Client, sink: Sink, target: Target, entry: Entry[Checkpoint] | None, begun: Checkpoint
) -> Checkpoint:
    """Return the checkpoint of a run that replaces exactly what is published now, or that continues to do so.

    Nothing is written here, except for the error below. No other run may hold the lease.

    Args:
        entry: The stored checkpoint.
        begun: The checkpoint from which the run would continue.

    Raises:
        ConditionLost: The run was to continue, and another writer has changed what is published. The stored checkpoint
            is deleted, if it is still the one that was read.
    """
    found, names = sink.find_published(begun.former)
    # A checkpoint without a page may be a replay's, which does not know the objects.
    if found is None or (begun.replaces == found and (begun.pages or begun.done)):
        return begun
    if begun.replaces and begun.replaces != found:
        if entry:
            discard_checkpoint(s3, target, entry)
        raise ConditionLost(
            f"{target} was changed by another writer since its replacement began: it was ETag {begun.replaces}, it is "
            f"{found}; nothing was written; replace that by running it again"
        )
    etags = {key: seen.etag for key in names if (seen := head(s3, target.lake, key))}
    return Checkpoint(write=new_token(), ts=now(), replaces=found, former=etags)


def refuse_replays(sink: Sink, target: Target) -> None:
    """Raise UsageError if an object with replayed records of the date is beside what a run is to replace.

    The caller holds the lease of the date, without which no replay writes one.
    """
    if beside := sink.find_replay():
        raise UsageError(
            f"{target} has {beside} beside it, which a replay wrote: the records would be in the lake twice; "
            "delete that object first"
        )


def partial_replacement_error(
    s3: S3Client, target: Target, entry: Entry[Checkpoint], error: ConditionLost
) -> ConditionLost:
    """Return the error of a replacement that stopped halfway, and store which objects it is about for the next one."""
    done = entry.value
    known = {**done.former, **{each.key: each.etag for each in done.published}}
    left = Checkpoint(write=new_token(), ts=now(), lease=release(done.lease), former=known)
    State(s3, target.state).put(target.checkpoint, left, Matches(entry.version))
    delete_staged(s3, target, done.write)
    return ConditionLost(
        f"{error}; {len(done.published)} objects of {target.source} {target.date} were replaced before, the others are "
        "as they were; run it again with --replace to replace all of them"
    )
