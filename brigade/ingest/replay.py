"""Replay the quarantine: write the records that satisfy the contract now, after the source was corrected."""

import gzip
from contextlib import suppress
from typing import Any

import msgspec

from brigade.codec import decompress_members, open_compressor
from brigade.errors import BrigadeError, ConditionLost, NotFound
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.profile import Profile
from brigade.ingest.write.lines import LineWriter
from brigade.ingest.write.publish import content_type, metadata
from brigade.ingest.write.sink import open_sink
from brigade.ingest.write.staging import DaySplitter
from brigade.jsonl import Page, Stamp
from brigade.s3 import Absent, Matches
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import new_token
from brigade.s3.objects import get, put
from brigade.state import Entry, State
from brigade.state.lease import Lease, acquire, this_process

_LEASE_S = 900.0


class QuarantinedRecord(msgspec.Struct, frozen=True):
    """A record in quarantine: its bytes, how it broke the contract, and its place."""

    reason: str
    page: str
    number: int
    record: msgspec.Raw


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a replay: the objects with the valid records, and how many are valid and still broken."""

    objects: tuple[str, ...]
    mended: int
    broken: int


def replay(s3: S3Client, source: BaseSource, target: Target, ts: str) -> ReplayResult:
    """Write the quarantined records of a date that are valid now to an object beside the date's own, exactly once.

    The name of the object contains the ETag of the quarantine, so a repeated replay finds the same object. The
    quarantine keeps the records that are still broken. A source with a `date_field` gets one object per date.
    Memory: the quarantined records.

    It holds the lease of the date, so that no run replaces the date meanwhile.

    Args:
        ts: The time of the replay: the `ingest_ts` of its records.

    Raises:
        NotFound: Nothing is quarantined.
        ConditionLost: A run of the date, or another replay, is active or unfinished. Or a killed replay wrote other
            records than are valid now.
    """
    state = State(s3, target.state)
    entry = _acquire(s3, state, source, target, ts)
    try:
        return _replay(s3, source, target, ts)
    finally:
        with suppress(BrigadeError):  # the lease expires
            state.delete(target.checkpoint, entry.version)


def _acquire(s3: S3Client, state: State, source: BaseSource, target: Target, ts: str) -> Entry[Checkpoint]:
    """Store a checkpoint that has the lease and no page.

    The checkpoint names the published version, like the checkpoint of a run with `replace`. So no other run deletes it.
    """
    entry = state.get(target.checkpoint, Checkpoint)
    lease = acquire(
        entry.value.lease if entry else Lease(),
        this_process(),
        _LEASE_S,
        age=entry.age if entry else 0.0,
        what=str(target),
    )
    if entry and (entry.value.pages or entry.value.done or entry.value.former):
        raise ConditionLost(f"{target} has an unfinished run: finish or reset that run, then replay again")
    version, _ = open_sink(s3, source, target).find_published(())
    held = Checkpoint(write=new_token(), ts=ts, replaces=version, lease=lease)
    return state.put(target.checkpoint, held, Matches(entry.version) if entry else Absent())


def _replay(s3: S3Client, source: BaseSource, target: Target, ts: str) -> ReplayResult:
    got = get(s3, target.state, target.quarantine)
    if got is None:
        raise NotFound(
            f"s3://{target.state}/{target.quarantine} does not exist: no record of {target.date} is quarantined"
        )
    writer = LineWriter(source, Stamp(target.date, ts), profile=Profile(), replayed=True)
    days = DaySplitter(open_sink(s3, source, target).date_field, target.date)
    found: dict[str, list[bytes]] = {}
    for line in gzip.decompress(got.body).splitlines():
        aside = msgspec.json.decode(line, type=QuarantinedRecord)
        page = Page(bytes(memoryview(aside.record)), [aside.record], f"{aside.page}, record {aside.number}")
        for block in writer.write_page(page):
            for day, mended in days(block, page.place):
                found.setdefault(day, []).append(mended)
    objects = []
    for day, lines in sorted(found.items()):
        stem = target.object_key(day).removesuffix(f".{target.suffix}")
        key = f"{stem}.{got.etag.strip(chr(34))[:12]}.{target.suffix}"
        _write(s3, source, target, key, lines)
        objects.append(f"s3://{target.lake}/{key}")
    left = writer.quarantine or gzip.compress(b"", mtime=0)
    put(s3, target.state, target.quarantine, left, condition=Matches(got.etag), content_type="application/gzip")
    return ReplayResult(objects=tuple(objects), mended=writer.records, broken=writer.broken)


def _write(s3: S3Client, source: BaseSource, target: Target, key: str, lines: list[bytes]) -> None:
    pack = open_compressor(source.compression, source.level)
    body = pack.compress(b"".join(lines)) + pack.flush()
    try:
        put(
            s3,
            target.lake,
            key,
            body,
            condition=Absent(),
            content_type=content_type(source),
            metadata=metadata(target, "replay", len(lines)),
        )
    except ConditionLost:
        there = get(s3, target.lake, key)
        earlier = b"".join(decompress_members(source.compression, [there.body])) if there else b""
        if _timeless(earlier.splitlines()) != _timeless(lines):
            raise ConditionLost(
                f"s3://{target.lake}/{key} has other records than are valid now: a replay by another version of the "
                "source was interrupted; delete the object, then replay again"
            ) from None


def _timeless(lines: list[bytes]) -> list[Any]:
    """Return the records without the time of the replay."""
    records = [msgspec.json.decode(line) for line in lines]
    return [{name: value for name, value in record.items() if name != "ingest_ts"} for record in records]
