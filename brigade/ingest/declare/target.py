"""Where an ingest of a date writes: the object or objects, its checkpoint and its receipt."""

from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from brigade.ingest.declare.source import BaseSource

SUFFIXES = {"gzip": "jsonl.gz", "zstd": "jsonl.zst"}
"""How the name of an object ends, by its compression."""


class Target(Struct, frozen=True):
    """The date of a source, in a lake and a state bucket: the one place that makes the keys of an ingest.

    With ``*`` for a name or a date a key is the pattern of all such keys, as IAM takes it: the stacks grant by it.
    """

    source: str
    date: str
    lake: str
    state: str
    prefix: str = ""
    """What stands before the source's folder in the lake, without a slash at the end; ``""``: nothing."""
    suffix: str = "jsonl.gz"
    partition: str | None = None
    """The one partition of the date that is written; None: the whole."""

    @classmethod
    def of(cls, source: BaseSource, name: str, date: str, lake: str, state: str) -> Self:
        """Give where the source writes a date, as it is declared."""
        return cls(name, date, lake, state, source.prefix, SUFFIXES[source.compression])

    def part(self, partition: str) -> "Target":
        """Give where a partition of the date is written: an object, a checkpoint and a receipt of its own."""
        return replace(self, partition=partition)

    @property
    def folder(self) -> str:
        """What all keys of the source in the lake start with, with a slash at the end."""
        return f"{self.prefix}/{self.source}/" if self.prefix else f"{self.source}/"

    @property
    def key(self) -> str:
        """The key of the published object, in the lake."""
        return self.object(self.date)

    def object(self, day: str, number: int = 1) -> str:
        """Give the key of the ``number``-th object with the records of a day, from 1.

        Records of another day than the run's own are in an object named for the run too, since other runs may bring
        records of that day as well.
        """
        name = self._name if day == self.date else f"{self._name}.{self.date}"
        return f"{self.folder}date={day}/{name}{f'.{number:05}' if number > 1 else ''}.{self.suffix}"

    @property
    def quarantine(self) -> str:
        """The key of the records that broke the contract, in the state bucket; always gzip.

        It is not in the lake: no table, crawler or reader of the lake takes broken records for good ones.
        """
        return f"{quarantines(self.source)}date={self.date}/{self._name}.jsonl.gz"

    @property
    def checkpoint(self) -> str:
        """The key of what an unfinished run has done, in the state bucket."""
        if self.partition:
            return f"{under_way(self.source)}partitions/{self.date}/{self.partition}.json"
        return f"{under_way(self.source)}{self.date}.json"

    @property
    def cuts(self) -> str:
        """The key of where the date is cut into partitions, in the state bucket."""
        return f"{under_way(self.source)}partitions/{self.date}/cuts.json"

    @property
    def stages(self) -> str:
        """What the keys of an unfinished run's staged bytes start with, in the state bucket."""
        return f"{under_way(self.source)}{self.date}/"

    @property
    def receipt(self) -> str:
        """The key of what a published run did, in the state bucket; ``receipts/`` has those of whole dates only."""
        if self.partition:
            return f"{under_way(self.source)}partitions/{self.date}/{self.partition}.receipt.json"
        return f"{receipts(self.source)}{self.date}.json"

    @property
    def window(self) -> str:
        """The key of from where to where a date of an incremental source reads, in the state bucket."""
        return f"{under_way(self.source)}windows/{self.date}.json"

    @property
    def turn(self) -> str:
        """The key of which date of an incremental source is under way, in the state bucket."""
        return f"{under_way(self.source)}turn.json"

    def remembered(self, date: str) -> str:
        """The key, in the state bucket, of what the date behind ``date`` leaves out; of ``""`` what all start with."""
        return f"{under_way(self.source)}remembered/{date}"

    @property
    def _name(self) -> str:
        return f"{self.source}-{self.partition}" if self.partition else self.source

    def __str__(self) -> str:
        return f"s3://{self.lake}/{self.key}"


def under_way(source: str) -> str:
    """Return the prefix, in the state bucket, of what a source's runs remember and delete: checkpoints, stages …"""
    return f"ingest/{source}/"


def receipts(source: str) -> str:
    """Return the prefix, in the state bucket, of the receipts of a source's whole dates."""
    return f"receipts/{source}/"


def quarantines(source: str) -> str:
    """Return the prefix, in the state bucket, of a source's records that broke the contract."""
    return f"quarantine/{source}/"


def refresh_token(source: str) -> str:
    """Return the key, in the state bucket, of the newest refresh token of a source."""
    return f"{under_way(source)}refresh-token.json"
