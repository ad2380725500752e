"""The keys of a date of a source: its objects, checkpoint and receipt. The stacks grant by the same keys."""

from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from brigade import layout
from brigade.ingest.declare.source import BaseSource

SUFFIXES = {"gzip": "jsonl.gz", "zstd": "jsonl.zst"}
"""The suffix of an object by compression."""


class Target(Struct, frozen=True):
    """The target of a date of a source: the only place that makes the keys of an ingest.

    With `*` for a name or a date, a key is an IAM pattern of all such keys.

    Attributes:
        source: The name of the source.
        date: The date, `YYYY-MM-DD`.
        lake: The name of the lake bucket.
        state: The name of the state bucket.
        prefix: The prefix before the folder of the source in the lake, without a trailing slash.
        suffix: The suffix of objects.
        partition: The partition of the date that is written; None: the whole date.
    """

    source: str
    date: str
    lake: str
    state: str
    prefix: str = ""
    suffix: str = "jsonl.gz"
    partition: str | None = None

    @classmethod
    def of(cls, source: BaseSource, name: str, date: str, lake: str, state: str) -> Self:
        """Return the target of a date of a declared source."""
        return cls(name, date, lake, state, source.prefix, SUFFIXES[source.compression])

    def for_partition(self, partition: str) -> "Target":
        """Return the target of a partition of the date, with an object, a checkpoint and a receipt of its own."""
        return replace(self, partition=partition)

    @property
    def folder(self) -> str:
        """The prefix of all keys of the source in the lake, with a trailing slash."""
        return f"{self.prefix}/{self.source}/" if self.prefix else f"{self.source}/"

    @property
    def key(self) -> str:
        """The key of the published object, in the lake."""
        return self.object_key(self.date)

    def object_key(self, day: str, number: int = 1) -> str:
        """Return the key of an object with the records of a day.

        An object with records of another day than the run's has the date of the run in its name, because other runs may
        have records of that day too.

        Args:
            day: The day of the records, `YYYY-MM-DD`.
            number: The number of the object, from 1.
        """
        name = self._name if day == self.date else f"{self._name}.{self.date}"
        return f"{self.folder}{layout.DATE}{day}/{name}{f'.{number:05}' if number > 1 else ''}.{self.suffix}"

    @property
    def quarantine(self) -> str:
        """The key, in the state bucket, of the records that broke the contract; always gzip.

        It is not in the lake, so that no table or crawler of the lake reads broken records.
        """
        return f"{quarantine_prefix(self.source)}{layout.DATE}{self.date}/{self._name}.jsonl.gz"

    @property
    def checkpoint(self) -> str:
        """The key of the checkpoint, in the state bucket."""
        if self.partition:
            return f"{run_prefix(self.source)}partitions/{self.date}/{self.partition}.json"
        return f"{run_prefix(self.source)}{self.date}.json"

    @property
    def cuts(self) -> str:
        """The key of the bounds of the partitions, in the state bucket."""
        return f"{run_prefix(self.source)}partitions/{self.date}/cuts.json"

    @property
    def staged_prefix(self) -> str:
        """The prefix of staged objects of unfinished runs, in the state bucket."""
        return f"{run_prefix(self.source)}{self.date}/"

    @property
    def receipt(self) -> str:
        """The key of the receipt, in the state bucket. `receipts/` has those of whole dates only."""
        if self.partition:
            return f"{run_prefix(self.source)}partitions/{self.date}/{self.partition}.receipt.json"
        return f"{receipt_prefix(self.source)}{self.date}.json"

    @property
    def window(self) -> str:
        """The key of the read window of a date of an incremental source, in the state bucket."""
        return f"{run_prefix(self.source)}windows/{self.date}.json"

    @property
    def active_date(self) -> str:
        """The key of the active date of an incremental source, in the state bucket."""
        return f"{run_prefix(self.source)}turn.json"

    def remembered_key(self, date: str) -> str:
        """Return the key, in the state bucket, of the records that the date after `date` leaves out; "": the prefix."""
        return f"{run_prefix(self.source)}remembered/{date}"

    @property
    def _name(self) -> str:
        return f"{self.source}-{self.partition}" if self.partition else self.source

    def __str__(self) -> str:
        return f"s3://{self.lake}/{self.key}"


def run_prefix(source: str) -> str:
    """Return the prefix, in the state bucket, of all that the runs of a source may delete, such as checkpoints."""
    return f"{layout.INGEST}/{source}/"


def receipt_prefix(source: str) -> str:
    """Return the prefix, in the state bucket, of the receipts of a source's whole dates."""
    return f"{layout.RECEIPTS}/{source}/"


def quarantine_prefix(source: str) -> str:
    """Return the prefix, in the state bucket, of a source's records that broke the contract."""
    return f"{layout.QUARANTINE}/{source}/"


def refresh_token_key(source: str) -> str:
    """Return the key, in the state bucket, of the newest refresh token of a source."""
    return f"{run_prefix(source)}refresh-token.json"
