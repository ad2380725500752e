"""What a run that replaces a date finds at its start, and whether that is done already."""

import re

from brigade.errors import ConditionLost, UsageError
from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.feed import Feed
from brigade.ingest.instants import now
from brigade.ingest.objects import sweep
from brigade.ingest.publish import Publishes, discard
from brigade.ingest.target import Target
from brigade.s3 import Matches
from brigade.s3.conditions import TOKEN, new_token
from brigade.s3.listing import list_keys
from brigade.s3.objects import head
from brigade.state import Entry, State
from brigade.state.lease import release


def replaced(s3: Publishes, source: Feed, target: Target, holder: str | None) -> bool:
    """Say whether what is there is by this run already: it was killed before it could say so."""
    state = State(s3, target.state)
    entry, receipt = state.get(target.checkpoint, Checkpoint), state.get(target.receipt, Receipt)
    mine = receipt is not None and receipt.value.replaced is not None and holder in receipt.value.runs
    if source.objects:
        begun = entry.value.replaces if entry else None
        return mine or bool(receipt and begun and receipt.value.replaced == begun)
    found = head(s3, target.lake, target.key)
    if entry and entry.value.done and found and found.metadata.get(TOKEN) == entry.value.write:
        return True
    return bool(receipt and found and receipt.value.etag == found.etag and holder in receipt.value.runs)


def replacing(
    s3: Publishes, source: Feed, target: Target, entry: Entry[Checkpoint] | None, begun: Checkpoint
) -> Checkpoint:
    """Return the checkpoint of a run that replaces just what is there now, or that goes on with that.

    Nothing is written here, but for the error below. The caller has seen that nobody holds the lease.

    Args:
        entry: The checkpoint that is stored, if there is one.
        begun: What the run would go on with.

    Raises:
        ConditionLost: It was to go on, and what is there is something else by now. The stored checkpoint is dropped, if
            it is still the one that was read.
    """
    state = State(s3, target.state)
    if source.objects:
        receipt = state.get(target.receipt, Receipt)
        found, former = receipt.version if receipt else None, begun.former
        names = dict.fromkeys((*(each.key for each in receipt.value.objects), *former)) if receipt else {}
    else:
        there = head(s3, target.lake, target.key)
        found, names = there.etag if there else None, {}
    # A checkpoint without a page may be a replay's, which knows nothing of the objects.
    if found is None or (begun.replaces == found and (begun.pages or begun.done)):
        return begun
    if begun.replaces and begun.replaces != found:
        if entry:
            discard(s3, target, entry)
        raise ConditionLost(
            f"{target} was changed by another writer since its replacement began: it was ETag {begun.replaces}, it is "
            f"{found}; nothing was written; replace that by running it again"
        )
    etags = {key: seen.etag for key in names if (seen := head(s3, target.lake, key))}
    return Checkpoint(write=new_token(), ts=now(), replaces=found, former=etags)


def refuse_replays(s3: Publishes, source: Feed, target: Target) -> None:
    """Fail with UsageError if an object with replayed records of the date is beside what a run is to replace.

    The caller holds the lease of the date, without which no replay writes one.
    """
    if beside := _replays(s3, source, target):
        raise UsageError(
            f"{target} has {beside} beside it, of a replay: its records would be there twice; delete it first"
        )


def broken_off(s3: Publishes, target: Target, entry: Entry[Checkpoint], error: ConditionLost) -> ConditionLost:
    """Keep which objects a replacement that cannot go on was about, for the next; give the error that says how far
    it came."""
    done = entry.value
    known = {**done.former, **{each.key: each.etag for each in done.published}}
    left = Checkpoint(write=new_token(), ts=now(), lease=release(done.lease), former=known)
    State(s3, target.state).put(target.checkpoint, left, Matches(entry.version))
    sweep(s3, target, done.write)
    return ConditionLost(
        f"{error}; {len(done.published)} objects of {target.source} {target.date} were replaced before, the others are "
        "as they were; run it again with --replace to replace all of them"
    )


def _replays(s3: Publishes, source: Feed, target: Target) -> str | None:
    """Give the key of an object with replayed records of the date, if there is one."""
    if not source.objects:
        folder = target.key.rpartition("/")[0] + "/"
        return next((key for key in list_keys(s3, target.lake, folder) if key != target.key), None)
    if head(s3, target.state, target.quarantine) is None:
        return None
    own, late = (
        re.escape(target.object(day).rpartition("/")[2].removesuffix(f".{target.suffix}"))
        for day in (target.date, "another")
    )
    name = re.compile(
        rf".*/date=({re.escape(target.date)}/{own}|[^/]*/{late})\.[0-9a-f]{{12}}\.{re.escape(target.suffix)}"
    )
    return next((key for key in list_keys(s3, target.lake, target.folder) if name.fullmatch(key)), None)
