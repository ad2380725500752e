"""Put records that broke the contract through again, once the source or its contract is mended."""

import gzip
from typing import Any

import msgspec

from brigade.errors import ConditionLost, NotFound
from brigade.ingest.feed import Feed
from brigade.ingest.parts import content_type, metadata
from brigade.ingest.pour import Pour
from brigade.ingest.profile import Profile
from brigade.ingest.publish import Publishes
from brigade.ingest.stages import Days
from brigade.ingest.target import Target
from brigade.jsonl import Page, Stamp, packer, unpacked
from brigade.s3 import Absent, Matches
from brigade.s3.get import get
from brigade.s3.put import put


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

    Fails with NotFound when nothing is quarantined, ConditionLost when another replay was faster, or when one that was
    killed wrote other records than hold now.
    """
    got = get(s3, target.lake, target.quarantine)
    if got is None:
        raise NotFound(
            f"s3://{target.lake}/{target.quarantine} does not exist: no record of {target.date} is quarantined"
        )
    pour = Pour(source, Stamp(target.date, ts), profile=Profile(), patient=True)
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
    put(s3, target.lake, target.quarantine, left, condition=Matches(got.etag), content_type="application/gzip")
    return Replayed(objects=tuple(objects), mended=pour.records, broken=pour.broken)


def _write(s3: Publishes, source: Feed, target: Target, key: str, lines: list[bytes]) -> None:
    pack = packer(source.compression, source.level)
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
        earlier = b"".join(unpacked(source.compression, [there.body])) if there else b""
        if _timeless(earlier.splitlines()) != _timeless(lines):
            raise ConditionLost(
                f"s3://{target.lake}/{key} has other records than hold now: a replay by another version of the source "
                "was broken off; delete it, and replay again"
            ) from None


def _timeless(lines: list[bytes]) -> list[Any]:
    """Give records without the time of the replay."""
    records = [msgspec.json.decode(line) for line in lines]
    return [{name: value for name, value in record.items() if name != "ingest_ts"} for record in records]
