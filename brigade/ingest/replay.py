"""Put records that broke the contract through again, once the source or its contract is mended."""

import gzip
from contextlib import suppress
from typing import Any

import msgspec

from brigade.codec import decompress_members, open_compressor
from brigade.errors import BrigadeError, ConditionLost, NotFound
from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.feed import Feed
from brigade.ingest.parts import content_type, metadata
from brigade.ingest.pour import Pour
from brigade.ingest.profile import Profile
from brigade.ingest.publish import Publishes
from brigade.ingest.stages import Days
from brigade.ingest.target import Target
from brigade.jsonl import Page, Stamp
from brigade.s3 import Absent, Matches
from brigade.s3.conditions import new_token
from brigade.s3.objects import get, head, put
from brigade.state import Entry, State
from brigade.state.lease import Lease, acquire, this_process

_LEASE_S = 900.0


class Aside(msgspec.Struct, frozen=True):
    """A record in quarantine, as it came, with why it is there and where it was."""

    reason: str
    page: str
    number: int
    record: msgspec.Raw


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to: the objects with the mended records, and how many are mended, and still broken."""

    objects: tuple[str, ...]
    mended: int
    broken: int


def replay(s3: Publishes, source: Feed, target: Target, ts: str) -> Replayed:
    """Write the quarantined records of a date that hold now into an object beside the date's own, exactly once.

    Its name has the quarantine's ETag, so a replay that was killed and is repeated finds what it wrote; the quarantine
    keeps what is still broken, and is changed only from what was read. A source with a ``date_field`` gets an object
    for each date. Memory: the quarantined records.

    It holds the lease of the date meanwhile: no run can replace the date between its reading and its writing.

    Raises:
        NotFound: Nothing is quarantined.
        ConditionLost: A run of the date, or another replay, is under way or unfinished; or a replay that was killed
            wrote other records than hold now.
    """
    state = State(s3, target.state)
    entry = _acquire(s3, state, source, target, ts)
    try:
        return _replay(s3, source, target, ts)
    finally:
        with suppress(BrigadeError):  # the lease runs out by itself
            state.delete(target.checkpoint, entry.version)


def _acquire(s3: Publishes, state: State, source: Feed, target: Target, ts: str) -> Entry[Checkpoint]:
    """Store a checkpoint without a page that has the lease, and names what is published as a replacing run's does.

    By that name another run of the published date leaves it alone.
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
        raise ConditionLost(f"{target} has an unfinished run: run it to its end, or reset it, and replay again")
    if source.objects:
        receipt = state.get(target.receipt, Receipt)
        version = receipt.version if receipt else None
    else:
        found = head(s3, target.lake, target.key)
        version = found.etag if found else None
    held = Checkpoint(write=new_token(), ts=ts, replaces=version, lease=lease)
    return state.put(target.checkpoint, held, Matches(entry.version) if entry else Absent())


def _replay(s3: Publishes, source: Feed, target: Target, ts: str) -> Replayed:
    got = get(s3, target.state, target.quarantine)
    if got is None:
        raise NotFound(
            f"s3://{target.state}/{target.quarantine} does not exist: no record of {target.date} is quarantined"
        )
    pour = Pour(source, Stamp(target.date, ts), profile=Profile(), replayed=True)
    days = Days(source.objects.date_field if source.objects else None, target.date)
    found: dict[str, list[bytes]] = {}
    for line in gzip.decompress(got.body).splitlines():
        aside = msgspec.json.decode(line, type=Aside)
        page = Page(bytes(memoryview(aside.record)), [aside.record], f"{aside.page}, record {aside.number}")
        for block in pour.lines(page):
            for day, mended in days(block, page.place):
                found.setdefault(day, []).append(mended)
    objects = []
    for day, lines in sorted(found.items()):
        stem = target.object(day).removesuffix(f".{target.suffix}")
        key = f"{stem}.{got.etag.strip(chr(34))[:12]}.{target.suffix}"
        _write(s3, source, target, key, lines)
        objects.append(f"s3://{target.lake}/{key}")
    left = pour.quarantine or gzip.compress(b"", mtime=0)
    put(s3, target.state, target.quarantine, left, condition=Matches(got.etag), content_type="application/gzip")
    return Replayed(objects=tuple(objects), mended=pour.records, broken=pour.broken)


def _write(s3: Publishes, source: Feed, target: Target, key: str, lines: list[bytes]) -> None:
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
                f"s3://{target.lake}/{key} has other records than hold now: a replay by another version of the source "
                "was broken off; delete it, and replay again"
            ) from None


def _timeless(lines: list[bytes]) -> list[Any]:
    """Give records without the time of the replay."""
    records = [msgspec.json.decode(line) for line in lines]
    return [{name: value for name, value in record.items() if name != "ingest_ts"} for record in records]
