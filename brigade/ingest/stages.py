"""Several objects of one run: lines sorted by day, their members staged in S3 until the last page is there."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec

from brigade.codec import open_compressor
from brigade.errors import InvalidData, SettingsError
from brigade.ingest.checkpoint import Checkpoint, Share, Staged
from brigade.ingest.feed import Feed, Objects
from brigade.ingest.target import Target, is_date
from brigade.s3.client_type import S3Client
from brigade.s3.objects import delete, put

_PLAIN = 8 * 1024 * 1024


class Stage(msgspec.Struct, frozen=True):
    """Members of several objects, to be stored as one."""

    number: int
    body: bytearray
    lengths: dict[str, int]
    shares: dict[str, Share]


StoresStages: TypeAlias = S3Client


class Unnamed(msgspec.Struct, frozen=True):
    """A stage that is stored and that no checkpoint names: a run that was overtaken takes it away again."""

    s3: S3Client
    bucket: str
    key: str

    def abort(self) -> None:
        """Delete it. No other run has its key, which holds the run's token and epoch."""
        delete(self.s3, self.bucket, self.key)


class Stages:
    """Lines to members to stages; a stage holds what came of every object since the one before.

    So a checkpoint behind it names nothing that could be lost, however many objects are open. Nothing is published
    here. Memory: 8 MiB of lines, and a stage of ``part_bytes`` and a page twice, however many objects there are.

    Fails with InvalidData, naming the page, where a record has no date in the field, or there are more dates than the
    source allows.
    """

    def __init__(self, s3: StoresStages, target: Target, source: Feed, begun: Checkpoint, part_bytes: int) -> None:
        if source.objects is None:
            raise SettingsError(f"{target.source} has one object a run: it needs no stages")
        self.unnamed: Unnamed | None = None
        """A stage that no checkpoint names yet."""
        self._s3, self._target, self._part_bytes = s3, target, part_bytes
        self._objects: Objects = source.objects
        self._packer = open_compressor(source.compression, source.level)
        self._days = Days(source.objects.date_field, target.date)
        self._lines: dict[str, list[bytes]] = {}
        self._plain = 0
        self._members: dict[str, bytearray] = {}
        self._shares = dict(begun.shares)
        self._newest = {day: int(number) for day, number in (name.split("/") for name in begun.shares)}
        # No two runs have the same token and epoch: one that was overtaken changes nothing of what this one staged.
        self._prefix, self._number = f"{target.stages}{begun.write}/{begun.lease.epoch:06}-", 0

    def add(self, lines: bytes, place: str) -> None:
        """Take lines of a page."""
        for day, line in self._days(lines, place):
            self._lines.setdefault(day, []).append(line)
        if len(self._lines.keys() | self._newest.keys()) > self._objects.dates:
            raise InvalidData(
                f"{place}: the records are of more than {self._objects.dates} dates; raise objects.dates of the source "
                "if that is right"
            )
        self._plain += len(lines)
        if self._plain >= _PLAIN:
            self._pack()

    @property
    def full(self) -> bool:
        """Whether there is enough for a stage."""
        return sum(map(len, self._members.values())) >= self._part_bytes

    def take(self, *, last: bool = False) -> Stage:
        """End all members, and give what ``store`` shall store."""
        self._pack()
        lengths = {name: len(members) for name, members in self._members.items()}
        body = bytearray()
        for name in lengths:
            body += self._members.pop(name)
        self._number += 1
        return Stage(self._number, body, lengths, dict(self._shares))

    def store(self, stage: Stage, durable: Checkpoint, *, last: bool = False) -> dict[str, Any]:
        """Make a stage durable behind those of ``durable``, and give the members of the checkpoint that say so."""
        if not stage.body:
            return {"stages": durable.stages, "shares": stage.shares}
        key = f"{self._prefix}{stage.number:06}"
        self.unnamed = Unnamed(self._s3, self._target.state, key)
        written = put(self._s3, self._target.state, key, stage.body)
        return {"stages": (*durable.stages, Staged(key, written.etag, stage.lengths)), "shares": stage.shares}

    @property
    def digests(self) -> None:
        """Each object has its own, once it is published."""

    def _pack(self) -> None:
        for day in sorted(self._lines):
            lines = self._lines.pop(day)
            while lines:
                name, room = self._open(day)
                taken, lines = lines[:room], lines[room:]
                self._end(name, taken)
        self._plain = 0

    def _open(self, day: str) -> tuple[str, int]:
        """Give the name of the object that the day's next records go to, and how many more it may have."""
        number = self._newest.get(day, 1)
        share, limits = self._shares.get(f"{day}/{number}", Share()), self._objects
        if (limits.records and share.records >= limits.records) or (limits.bytes and share.bytes >= limits.bytes):
            number, share = number + 1, Share()
        self._newest[day] = number
        return f"{day}/{number}", (limits.records or sys.maxsize) - share.records

    def _end(self, name: str, lines: list[bytes]) -> None:
        member = self._packer.compress(b"".join(lines)) + self._packer.flush()
        self._members.setdefault(name, bytearray()).extend(member)
        share = self._shares.get(name, Share())
        self._shares[name] = Share(
            share.records + len(lines), share.plain_bytes + sum(map(len, lines)), share.bytes + len(member)
        )


class Days:
    """Say which date each line is for: the one in ``field``, or ``date`` where there is no such field.

    Fails with InvalidData, naming the place, where the field of a record is absent or no text that starts with a date.
    """

    def __init__(self, field: str | None, date: str) -> None:
        self._field, self._date = field, date
        kind = msgspec.defstruct("Line", [("day", str)], rename={"day": field or "day"})
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        self._known: set[str] = set()

    def __call__(self, lines: bytes, place: str) -> Iterator[tuple[str, bytes]]:
        """Give each line with its date."""
        for line in lines.splitlines(keepends=True):
            yield (self._day(line, place) if self._field else self._date), line

    def _day(self, line: bytes, place: str) -> str:
        day = ""
        with suppress(msgspec.ValidationError):
            day = str(self._decoder.decode(line).day)[:10]
        if day not in self._known:
            if not is_date(day):
                raise InvalidData(
                    f"{place}: a record has no date in {self._field}; it takes text that begins with YYYY-MM-DD"
                )
            self._known.add(day)
        return day
