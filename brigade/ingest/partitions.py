"""A date that is split into key ranges: their bounds, the pending ones, and the receipt of the whole date."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Literal

import msgspec
from msgspec.structs import replace

from brigade import __version__
from brigade.errors import ConditionLost, SettingsError, UsageError
from brigade.ingest.clock import now
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.read.reader import PageReader, RangeReader
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.profile import Profile
from brigade.ingest.state.receipt import PublishedObject, Receipt, add_counts
from brigade.ingest.state.run_result import RunResult, make_result
from brigade.ingest.write.publish import compare_with_earlier
from brigade.s3 import Absent
from brigade.s3.client_type import S3Client
from brigade.s3.objects import head
from brigade.state import State


class PartitionBounds(msgspec.Struct, frozen=True):
    """Ascending key values as text. Each is the last of a partition. The last partition has no end."""

    at: tuple[str, ...]

    @property
    def ranges(self) -> dict[str, tuple[str | None, str | None]]:
        """The ranges by partition, in order: first value < key <= second value; None is no limit.

        Each key is in exactly one range.
        """
        ends = (None, *self.at, None)
        width = len(str(len(self.at) + 1))
        return {f"{number:0{width}}": ends[number - 1 : number + 1] for number in range(1, len(ends))}  # type: ignore[misc]  # a slice of two is a pair


class PendingPartitions(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a date with unpublished partitions. Run each of them, then the date again."""

    outcome: Literal["partitions"] = "partitions"
    source: str
    date: str
    replace: bool = False
    partitions: tuple[str, ...]


class Partitions(msgspec.Struct, frozen=True):
    """The partitions of a date."""

    source: BaseSource
    target: Target
    api: PageReader
    s3: S3Client

    def __call__(self) -> RunResult | PendingPartitions:
        """Return the pending partitions. If all are published, write the receipt of the whole date, once.

        The bounds are computed once a date and stored first, so that any later attempt reads the same ranges. A
        partition is published if its object is the one that its receipt names.

        Raises:
            ConditionLost: Another writer wrote the object of a partition.
        """
        state = State(self.s3, self.target.state)
        if there := state.get(self.target.receipt, Receipt):
            return make_result("already_published", self.target, there.value)
        names = [*self._learned(state).ranges]
        done = {name: receipt for name in names if (receipt := self._published(state, name))}
        left = tuple(name for name in names if name not in done)
        if left:
            return PendingPartitions(source=self.target.source, date=self.target.date, partitions=left)
        whole = self._whole(state, done)
        try:
            state.put(self.target.receipt, whole, Absent())
        except ConditionLost:  # another run wrote it first, with the same objects
            return self()
        return make_result("published", self.target, whole)

    def open_partition(self, name: str) -> tuple[Target, PageReader]:
        """Return the target and the reader of a partition. Raise UsageError if there is no such partition."""
        kept = State(self.s3, self.target.state).get(self.target.cuts, PartitionBounds)
        ranges = kept.value.ranges if kept else {}
        if name not in ranges:
            raise UsageError(
                f"{self.target.source} {self.target.date} has no partition {name!r}; "
                + (f"its partitions are {', '.join(ranges)}" if ranges else "run the date without a partition first")
            )
        return self.target.for_partition(name), self._range_reader.for_range(*ranges[name])

    @property
    def _range_reader(self) -> RangeReader:
        if not isinstance(self.api, RangeReader):
            raise SettingsError(f"{self.target.source} has partitions, but its reader cannot read ranges")
        return self.api

    def _learned(self, state: State) -> PartitionBounds:
        kept = state.get(self.target.cuts, PartitionBounds)
        if kept is None:
            with suppress(ConditionLost):  # another run stored bounds at the same time
                return state.put(
                    self.target.cuts, PartitionBounds(self._range_reader.split_points(self.source.partitions)), Absent()
                ).value
            kept = state.get(self.target.cuts, PartitionBounds)
        if kept is None:
            raise ConditionLost(
                f"the partition bounds of {self.target.source} {self.target.date} were deleted meanwhile: run it again"
            )
        return kept.value

    def _published(self, state: State, name: str) -> Receipt | None:
        target = self.target.for_partition(name)
        found, receipt = head(self.s3, target.lake, target.key), state.get(target.receipt, Receipt)
        if found is None:
            return None
        if receipt and receipt.value.etag == found.etag:
            return receipt.value
        if state.get(target.checkpoint, Checkpoint):  # its run was killed before the receipt, and must be repeated
            return None
        raise ConditionLost(f"another writer wrote {target}, so its rows are unknown: delete it and run the date again")

    def _whole(self, state: State, done: dict[str, Receipt]) -> Receipt:
        receipts = [*done.values()]
        profile = merge_profiles(receipt.profile for receipt in receipts)
        slowest = max((receipt.times for receipt in receipts), key=lambda times: times.slowest_s)
        return Receipt(
            source=self.target.source,
            date=self.target.date,
            object=f"s3://{self.target.lake}/{self.target.folder}",
            etag=None,
            version_id=None,
            bytes=sum(receipt.bytes for receipt in receipts),
            sha256=None,
            objects=tuple(_object(self.target.for_partition(name), receipt) for name, receipt in done.items()),
            runs=tuple(dict.fromkeys(run for receipt in receipts for run in receipt.runs)),
            times=replace(slowest, total_s=round(sum(receipt.times.total_s for receipt in receipts), 3)),
            ingest_ts=min(receipt.ingest_ts for receipt in receipts),
            published_at=now(),
            profile=profile,
            drift=compare_with_earlier(state, self.target, profile),
            version=__version__,
            **add_counts(receipts),
        )


def partition_targets(state: State, target: Target) -> tuple[Target, ...]:
    """Return the targets of the partitions of a date, in order; the target itself if it has none."""
    kept = state.get(target.cuts, PartitionBounds)
    return tuple(map(target.for_partition, kept.value.ranges)) if kept else (target,)


def _object(target: Target, receipt: Receipt) -> PublishedObject:
    return PublishedObject(
        key=target.key,
        etag=receipt.etag or "",
        version_id=receipt.version_id,
        records=receipt.records,
        bytes=receipt.bytes,
        plain_bytes=receipt.plain_bytes,
        sha256=receipt.sha256 or "",
        plain_sha256=receipt.plain_sha256 or "",
    )


def merge_profiles(profiles: Iterable[Profile]) -> Profile:
    """Return the sum of several profiles."""
    whole = Profile()
    for profile in profiles:
        whole.records += profile.records
        whole.plain_bytes += profile.plain_bytes
        whole.widest = max(whole.widest, profile.widest)
        whole.sampled += profile.sampled
        for name, kinds in profile.fields.items():
            counts = whole.fields.setdefault(name, {})
            for kind, count in kinds.items():
                counts[kind] = counts.get(kind, 0) + count
    return whole
