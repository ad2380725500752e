"""Which rows of the last value that a date read were published, so that the next date can read that value again."""

import hashlib
import struct
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec

from brigade.errors import InvalidData
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.position import ReadWindow, last_published_date
from brigade.jsonl import Page
from brigade.s3.objects import get
from brigade.state import State

MOST = 50_000
"""Rows of one value that are remembered."""
_ENTRY = struct.Struct(">q16s")


class BoundaryDeduplicator:
    """Leave out the rows that the date before published, and remember those that the next date reads again.

    A table's ``since`` column can get more rows of its last value after they were read: of the same day, for example.
    So the next date reads that value again. Rows are the same when all of their columns are; as many are left out as
    were published. Memory: MOST rows of each of two dates, some 200 bytes each.
    """

    newest = None

    def __init__(self, field: str, state: State, target: Target, begun: Checkpoint) -> None:
        self.left_out = begun.left_out
        self._state, self._target, self._begun = state, target, begun
        row = msgspec.defstruct("_Row", [("since", msgspec.Raw)], rename={"since": field})
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row)

    def fresh(self, page: Page) -> Sequence[msgspec.Raw]:
        """Return the records of a page that the date before did not publish.

        Raises:
            InvalidData: More than MOST rows have the last value.
        """
        kept = []
        for raw in page.records:
            value = _text(self._decoder.decode(raw).since)
            if value not in (self._window.after, self._window.until):
                kept.append(raw)
                continue
            digest = hashlib.sha256(bytes(raw)).digest()[:16]
            if value == self._window.until:
                self._recent[digest] += 1
            if self._known[digest] > 0:
                self._known[digest] -= 1
                self.left_out += 1
            else:
                kept.append(raw)
        if self._recent.total() > MOST:
            raise InvalidData(f"{page.place}: {too_many(self._window.until)}")
        return kept

    @property
    def recent(self) -> bytes:
        """The rows of the last value, packed."""
        return b"".join(_ENTRY.pack(count, digest) for digest, count in self._recent.items())

    def end(self, place: str) -> None:
        """Do nothing: where the date ends was known before its first page."""

    @cached_property
    def _recent(self) -> Counter[bytes]:
        return _unpacked(self._begun.recent)

    @cached_property
    def _known(self) -> Counter[bytes]:
        date = last_published_date(self._state, self._target.source, self._target.date)
        got = get(self._state.client, self._state.bucket, self._target.remembered(date)) if date else None
        return _unpacked(got.body) if got else Counter()

    @cached_property
    def _window(self) -> ReadWindow:
        entry = self._state.get(self._target.window, ReadWindow)
        return entry.value if entry else ReadWindow(after=None, until=None)


def too_many(value: str | None) -> str:
    """Return the error of a value that more than MOST rows have."""
    return (
        f"more than {MOST} rows have {value}, the last value of the column by which the source is read, and the next "
        "date would have to know them all; set lag_s where the column is a time, or choose a finer column"
    )


def _text(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode()
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text


def _unpacked(body: bytes) -> Counter[bytes]:
    return Counter({digest: count for count, digest in _ENTRY.iter_unpack(body)})
