"""Put records that broke the contract through again, once the source or its contract is mended."""

import gzip
from contextlib import suppress
from typing import Any

import msgspec
from msgspec.structs import replace

from brigade.errors import ConditionLost, NotFound
from brigade.ingest.assembly import CONTENT_TYPE
from brigade.ingest.feed import Feed
from brigade.ingest.pour import Pour
from brigade.ingest.profile import Profile
from brigade.ingest.publish import Publishes
from brigade.ingest.target import Target
from brigade.jsonl import Gzip, Page, Stamp
from brigade.s3 import Absent, Matches
from brigade.s3.get import get
from brigade.s3.put import put


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to: the object with the mended records, if there are any, and how many are still broken."""

    object: str | None
    mended: int
    broken: int


def replay(s3: Publishes, source: Feed, target: Target, ts: str) -> Replayed:
    """Write the quarantined records of a date that hold now into an object beside the date's own, exactly once.

    Its name has the quarantine's ETag, so a replay that was killed and is repeated finds what it wrote; the quarantine
    keeps what is still broken, and is changed only from what was read. Memory: the quarantined records.

    Fails with NotFound when nothing is quarantined, ConditionLost when another replay was faster.
    """
    got = get(s3, target.lake, target.quarantine)
    if got is None:
        raise NotFound(
            f"s3://{target.lake}/{target.quarantine} does not exist: no record of {target.date} is quarantined"
        )
    aside: list[dict[str, Any]] = [msgspec.json.decode(line) for line in gzip.decompress(got.body).splitlines()]
    patient = replace(source, contract=source.contract and replace(source.contract, tolerated=1.0))
    pour, packer = Pour(patient, Stamp(target.date, ts), profile=Profile()), Gzip()
    lines = bytearray()
    for each in aside:
        raw = msgspec.Raw(msgspec.json.encode(each["record"]))
        page = Page(bytes(memoryview(raw)), [raw], f"{each['page']}, record {each['number']}")
        for block in pour.lines(page):
            lines += packer.compress(block)
    lines += packer.flush()
    key = f"{target.source}/date={target.date}/{target.source}.{got.etag.strip(chr(34))[:12]}.jsonl.gz"
    if pour.records:
        with suppress(ConditionLost):  # a replay that was killed wrote it, of the same records
            put(s3, target.lake, key, lines, condition=Absent(), content_type=CONTENT_TYPE)
    left = pour.quarantine or gzip.compress(b"", mtime=0)
    put(s3, target.lake, target.quarantine, left, condition=Matches(got.etag), content_type=CONTENT_TYPE)
    return Replayed(
        object=f"s3://{target.lake}/{key}" if pour.records else None, mended=pour.records, broken=pour.broken
    )
