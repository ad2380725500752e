"""Staged objects: the compressed members of several future objects, stored in S3 until the last page is read."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from brigade.codec import open_compressor
from brigade.errors import InvalidData
from brigade.ingest.declare.dates import is_date
from brigade.ingest.declare.source import BaseSource, Objects
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint, ObjectCounts, StagedObject
from brigade.s3.client_type import S3Client
from brigade.s3.objects import delete, put

_PLAIN = 8 * 1024 * 1024


class StagedMembers(msgspec.Struct, frozen=True):
    """The members of several future objects, to be stored as one object."""

    number: int
    body: bytearray
    lengths: dict[str, int]
    shares: dict[str, ObjectCounts]


class StageBuffer:
    """Compresses lines into members by day, and stores the members of all objects together in staged objects.

    So every checkpoint names durable bytes only, however many objects are open. Nothing is published here. Memory:
    8 MiB of lines, and two chunks of `part_bytes` and a page, for any number of objects.

    Raises:
        InvalidData: A record has no date in the field, or there are more dates than the source allows. The message
            names the page.
    """

    def __init__(
        self,
        s3: S3Client,
        target: Target,
        source: BaseSource,
        layout: Objects,
        begun: Checkpoint,
        part_bytes: int,
    ) -> None:
        self._unnamed: str | None = None
        self._s3, self._target, self._part_bytes = s3, target, part_bytes
        self._objects = layout
        self._packer = open_compressor(source.compression, source.level)
        self._days = DaySplitter(layout.date_field, target.date)
        self._lines: dict[str, list[bytes]] = {}
        self._plain = 0
        self._members: dict[str, bytearray] = {}
        self._shares = dict(begun.shares)
        self._newest = {day: int(number) for day, number in (name.split("/") for name in begun.shares)}
        # No two runs have the same token and epoch: a run that was taken over cannot change these objects.
        self._prefix, self._number = f"{target.staged_prefix}{begun.write}/{begun.lease.epoch:06}-", 0

    def add(self, lines: bytes, place: str) -> None:
        """Sort the lines of a page by day."""
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
        """True if the buffer holds enough for a staged object."""
        return sum(map(len, self._members.values())) >= self._part_bytes

    def take_chunk(self, *, last: bool = False) -> StagedMembers:
        """End all members, and return the chunk to store."""
        self._pack()
        lengths = {name: len(members) for name, members in self._members.items()}
        body = bytearray()
        for name in lengths:
            body += self._members.pop(name)
        self._number += 1
        return StagedMembers(self._number, body, lengths, dict(self._shares))

    def store(self, stage: StagedMembers, durable: Checkpoint, *, last: bool = False) -> dict[str, Any]:
        """Store a chunk after those of `durable`, and return the fields of the checkpoint that name it."""
        if not stage.body:
            return {"stages": durable.stages, "shares": stage.shares}
        key = f"{self._prefix}{stage.number:06}"
        self._unnamed = key
        written = put(self._s3, self._target.state, key, stage.body)
        return {"stages": (*durable.stages, StagedObject(key, written.etag, stage.lengths)), "shares": stage.shares}

    def commit(self) -> None:
        """Keep the staged object: a durable checkpoint names it now."""
        self._unnamed = None

    def abort(self) -> None:
        """Delete the staged object if no checkpoint names it. Only this run has its key: it holds token and epoch."""
        if self._unnamed:
            delete(self._s3, self._target.state, self._unnamed)

    @property
    def digests(self) -> None:
        """None: each object gets its own when it is published."""

    def _pack(self) -> None:
        for day in sorted(self._lines):
            lines = self._lines.pop(day)
            while lines:
                name, room = self._open(day)
                taken, lines = lines[:room], lines[room:]
                self._end(name, taken)
        self._plain = 0

    def _open(self, day: str) -> tuple[str, int]:
        """Return the name of the object for the next records of a day, and how many more it may have."""
        number = self._newest.get(day, 1)
        share, limits = self._shares.get(f"{day}/{number}", ObjectCounts()), self._objects
        if (limits.records and share.records >= limits.records) or (limits.bytes and share.bytes >= limits.bytes):
            number, share = number + 1, ObjectCounts()
        self._newest[day] = number
        return f"{day}/{number}", (limits.records or sys.maxsize) - share.records

    def _end(self, name: str, lines: list[bytes]) -> None:
        member = self._packer.compress(b"".join(lines)) + self._packer.flush()
        self._members.setdefault(name, bytearray()).extend(member)
        share = self._shares.get(name, ObjectCounts())
        self._shares[name] = ObjectCounts(
            share.records + len(lines), share.plain_bytes + sum(map(len, lines)), share.bytes + len(member)
        )


class DaySplitter:
    """Splits lines by the date in a field, or assigns all to one date.

    Raises:
        InvalidData: The field of a record is absent, or no text that starts with a date. The message names the place.
    """

    def __init__(self, field: str | None, date: str) -> None:
        self._field, self._date = field, date
        kind = msgspec.defstruct("Line", [("day", str)], rename={"day": field or "day"})
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        self._known: set[str] = set()

    def __call__(self, lines: bytes, place: str) -> Iterator[tuple[str, bytes]]:
        """Yield each line with its date."""
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
