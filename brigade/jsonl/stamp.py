"""Records stamped with when they were ingested, by splicing bytes: a record is not turned into objects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import msgspec

from brigade.errors import InvalidData
from brigade.jsonl.page import Page

FIELDS = ("ingest_date", "ingest_ts")

_EMPTY = re.compile(rb"\{[ \t\r\n]*\}")
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^,}\] \t\r\n]+")
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_OPEN, _CLOSE, _QUOTE, _COMMA = b'{}",'
_BLOCK = 128 * 1024


@dataclass(frozen=True)
class Stamp:
    """``ingest_date`` (the date that the data is for) and ``ingest_ts`` (when the run started), both ISO 8601 text."""

    date: str
    ts: str

    def lines(self, page: Page) -> Iterator[bytes]:
        """Give the page's records as JSON Lines, each with the stamp as its last members, in blocks of some 128 KiB.

        Every other byte of a record stays as it was, numbers and duplicate keys included, but for newlines between its
        tokens, which become spaces. A record's own ``ingest_date`` or ``ingest_ts``, however spelled, gives way.

        Memory: a block and the widest record. Fails with InvalidData, naming the page and the record's number, when a
        record is no object.
        """
        plain = _plain(page.data)
        pieces: list[bytes | memoryview] = []
        size = 0
        for number, raw in enumerate(page.records, 1):
            record = memoryview(raw)
            if record[0] != _OPEN:
                raise InvalidData(f"{page.place}, record {number}: it must be an object, not {_start(record)}")
            body, end = self._spliced(record) if plain else self._rewritten(bytes(record))
            pieces += body, end
            size += len(body) + len(end)
            if size >= _BLOCK:
                yield b"".join(pieces)
                pieces.clear()
                size = 0
        if pieces:
            yield b"".join(pieces)

    def _spliced(self, record: memoryview) -> tuple[bytes | memoryview, bytes]:
        if record[1] != _QUOTE and _EMPTY.fullmatch(record):
            return b"{", self._end[1:]
        return record[:-1], self._end

    def _rewritten(self, record: bytes) -> tuple[bytes | memoryview, bytes]:
        """Stamp a record of a page in which some record has a newline or a stamp of its own."""
        if _plain(record):
            return self._spliced(memoryview(record))
        # JSON allows a newline only between tokens, so a space means the same there.
        record = record.replace(b"\n", b" ").replace(b"\r", b" ")
        if not _may_be_stamped(record):
            return self._spliced(memoryview(record))
        kept = [member for key, member in _members(record) if key not in FIELDS]
        return b"{" + b",".join(kept), self._end if kept else self._end[1:]

    @cached_property
    def _end(self) -> bytes:
        stamp = msgspec.json.encode(dict(zip(FIELDS, (self.date, self.ts), strict=True)))
        return b"," + stamp[1:] + b"\n"


def _plain(data: bytes | bytearray) -> bool:
    """Say that no record in the data can have a newline or a stamp of its own; a false alarm only costs time."""
    return b"\n" not in data and b"\r" not in data and not _may_be_stamped(data)


def _may_be_stamped(data: bytes | bytearray) -> bool:
    # A name can be spelled with escapes (\\u005f); one byte is looked for much faster than several, so it comes first.
    return b'"ingest_' in data or (b"\\" in data and b"\\u00" in data)


def _members(record: bytes) -> Iterator[tuple[str, bytes]]:
    """Split a well-formed object into its members, each with its key decoded and its bytes as they are."""
    position = _end_of(_SPACE, record, 1)
    while record[position] != _CLOSE:
        start = position
        position = _end_of(_STRING, record, position)
        key = msgspec.json.decode(record[start:position], type=str)
        position = _end_of(_SPACE, record, position) + 1  # the colon
        position = _value_end(record, _end_of(_SPACE, record, position))
        yield key, record[start:position]
        position = _end_of(_SPACE, record, position)
        if record[position] == _COMMA:
            position = _end_of(_SPACE, record, position + 1)


def _value_end(record: bytes, position: int) -> int:
    if record[position] == _QUOTE:
        return _end_of(_STRING, record, position)
    if record[position] not in b"{[":
        return _end_of(_SCALAR, record, position)
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(record, position):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    raise AssertionError("a well-formed record closes what it opens")


def _end_of(pattern: re.Pattern[bytes], record: bytes, position: int) -> int:
    found = pattern.match(record, position)
    if found is None:
        raise AssertionError("a well-formed record has a token here")
    return found.end()


def _start(record: memoryview) -> str:
    return bytes(record[:40]).decode(errors="replace")
