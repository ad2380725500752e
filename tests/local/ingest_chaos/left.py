"""Comparison of the objects of a date with the expected objects."""

import collections
import functools
import gzip
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Self

from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt
from brigade.jsonl import Stamp, split_page
from brigade.state import State
from tests.local.ingest_process import Memory


@dataclass(frozen=True)
class Left:
    """Counts of wrong, missing and leftover things."""

    lost: int = 0
    doubled: int = 0
    objects: int = 0
    uploads: int = 0
    leases: int = 0
    state: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def left(s3: Any, target: Target, api: Memory, *, former: Sequence[str] = ()) -> Left:
    """Compare what a date left with all lines of the API, and clear it away.

    ``former``: the keys whose objects had to be replaced, and to stay as the versions before. A line that is not the
    API's counts as doubled.
    """
    state = State(s3, target.state)
    entry, checkpoint = state.get(target.receipt, Receipt), state.get(target.checkpoint, Checkpoint)
    receipt = entry.value if entry else None
    keys = [each.key for each in receipt.objects] or [target.key] if receipt else []
    found, expected = _lines(s3, target, keys, receipt.ingest_ts if receipt else ""), _expected(api, target)
    lost = doubled = 0
    if found != expected:
        got, want = collections.Counter(found), collections.Counter(expected)
        lost, doubled = (want - got).total(), (got - want).total()
        assert lost or doubled, "the lines are in another order"
    versions = s3.list_object_versions(Bucket=target.lake)
    there = [(each["Key"], each["VersionId"]) for each in versions.get("Versions", [])]
    have, good = collections.Counter(key for key, _ in there), collections.Counter([*keys, *former])
    uploads = s3.list_multipart_uploads(Bucket=target.lake).get("Uploads", [])
    names = [*state.list()]
    answer = Left(
        lost,
        doubled,
        ((have - good) + (good - have)).total() + len(versions.get("DeleteMarkers", [])),
        len(uploads),
        int(bool(checkpoint and checkpoint.value.lease.holder)),
        len({*names} - {target.receipt}),
    )
    for key, version in there:
        s3.delete_object(Bucket=target.lake, Key=key, VersionId=version)
    for name in names:
        state.delete(name)
    return answer


def _lines(s3: Any, target: Target, keys: list[str], ts: str) -> list[bytes]:
    """Return the objects' lines without the run's timestamp; skip lines of another day than their object's."""
    lines = []
    for key in keys:
        packed = s3.get_object(Bucket=target.lake, Key=key)["Body"].read()
        day = key.partition("date=")[2][:10].encode() if key.endswith(f".{target.date}.jsonl.gz") else b""
        lines += [line for line in gzip.decompress(packed).splitlines(keepends=True) if b'"day":"' + day in line]
    return [line.replace(ts.encode(), b"") for line in lines]


@functools.lru_cache(maxsize=1)
def _expected(api: Memory, target: Target) -> list[bytes]:
    stamp = Stamp(target.date, "")
    pages = (split_page(api.page(str(number)).body, records="rows", place="page") for number in range(api.pages))
    return b"".join(block for page in pages for block in stamp.lines(page)).splitlines(keepends=True)
