"""Add the ingest date and time to records by splicing bytes, without Python objects."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

import msgspec

from brigade.errors import InvalidData
from brigade.jsonl.members import iterate_members
from brigade.jsonl.page import Page
from brigade.masking import mask_start

FIELDS = ("ingest_date", "ingest_ts")

_EMPTY = re.compile(rb"\{[ \t\r\n]*\}")
_OPEN, _QUOTE, _COMMA = b'{",'
_BLOCK = 128 * 1024
_ESCAPES = (rb"\u006", rb"\u007", rb"\u005")


class Stamp(msgspec.Struct, frozen=True, dict=True):
    """`ingest_date` (the date of the data) and `ingest_ts` (the start of the run), both ISO 8601 text."""

    date: str
    ts: str

    def lines(self, page: Page) -> Iterator[bytes]:
        """Iterate over the page's records as JSON Lines, each with the stamp as its last members, in blocks of 128 KiB.

        All other bytes of a record stay, numbers and duplicate keys included. Newlines between tokens become spaces.
        The stamp replaces a record's own `ingest_date` or `ingest_ts`, in any spelling. Memory: a block and the largest
        record.

        Raises:
            InvalidData: A record is not an object. The message has the page and the number of the record.
        """
        for start, records in page.blocks(_BLOCK):
            block = self._at_once(records, page.widths[start : start + len(records)])
            yield block or b"".join(self._carefully(records, page.place, start))

    def _at_once(self, records: Sequence[msgspec.Raw], widths: Sequence[int]) -> bytes | None:
        """Return stamped records; None if one is not an object, is empty, or has a newline or its own stamp.

        Records are searched a block at a time, while they are in the processor's cache. All are joined at once. Then
        the closing brace of each becomes the comma before its stamp.
        """
        if not _is_plain(b"".join(records)):
            return None
        behind = self._end[1:]
        block, start = bytearray(behind).join([*records, b""]), 0
        for width in widths:
            if block[start] != _OPEN or block[start + 1] != _QUOTE:
                return None
            block[start + width - 1] = _COMMA
            start += width + len(behind)
        return bytes(block)

    def _carefully(self, records: Sequence[msgspec.Raw], place: str, start: int) -> Iterator[bytes | memoryview]:
        for number, raw in enumerate(records, start + 1):
            view = memoryview(raw)
            if view[0] != _OPEN:
                raise InvalidData(f"{place}, record {number}: it must be an object, not {_start(view)}")
            yield from self._rewritten(bytes(view))

    def _spliced(self, record: memoryview) -> tuple[bytes | memoryview, bytes]:
        if record[1] != _QUOTE and _EMPTY.fullmatch(record):
            return b"{", self._end[1:]
        return record[:-1], self._end

    def _rewritten(self, record: bytes) -> tuple[bytes | memoryview, bytes]:
        """Stamp a record of a block in which a record has a newline or its own stamp, or is empty."""
        # JSON allows a newline only between tokens, so a space means the same there.
        record = record.replace(b"\n", b" ").replace(b"\r", b" ")
        if not _may_be_stamped(record):
            return self._spliced(memoryview(record))
        kept = [record[start:end] for name, start, _, end in iterate_members(record) if name not in FIELDS]
        return b"{" + b",".join(kept), self._end if kept else self._end[1:]

    @cached_property
    def _end(self) -> bytes:
        stamp = msgspec.json.encode(dict(zip(FIELDS, (self.date, self.ts), strict=True)))
        return b"," + stamp[1:] + b"\n"


def _is_plain(data: bytes) -> bool:
    return b"\n" not in data and b"\r" not in data and not _may_be_stamped(data)


def _may_be_stamped(data: bytes | bytearray) -> bool:
    """Return whether a record in the data may have its own stamp. A false positive only costs time."""
    # A search from the end takes half the time. A name can be spelled with escapes. Its letters are \\u0061 to
    # \\u0074 and \\u005f; accented ones are not.
    return data.rfind(b'"ingest_') >= 0 or (b"\\" in data and any(escape in data for escape in _ESCAPES))


def _start(record: memoryview) -> str:
    return mask_start(record, 40)
