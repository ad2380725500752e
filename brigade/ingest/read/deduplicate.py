"""Leave out the records that an earlier date published, and remember those that the next date reads again."""

import hashlib
import struct
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec

from brigade.errors import InvalidData
from brigade.ingest.declare.incremental import Newest, Since, finer_digits
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.position import ReadWindow, last_published_date
from brigade.jsonl import Page
from brigade.s3.objects import get
from brigade.state import State

MOST = 50_000
"""The most records that are remembered for the next date."""
_ENTRY = struct.Struct(">q16s")


class Deduplicator:
    """Leaves out the records of an API that an earlier date published, and tracks the greatest position.

    A record is identified by 16 bytes of the SHA-256 of its position and key. Memory: MOST records of the date before
    and of this one, and those of a page, about 200 bytes each. If the next run would read more than MOST records again,
    that is an error, because its duplicates could not be recognized.

    Nothing is read before the first page: by then the reader has claimed the read window.

    Attributes:
        newest: The greatest position as it was received, or the last one of a response. None if a date has an end.
        left_out: The number of records left out.
    """

    def __init__(self, since: "Since | Newest", state: State, target: Target, begun: Checkpoint) -> None:
        self.newest = begun.newest
        self.left_out = begun.left_out
        self._since, self._state, self._target, self._begun = since, state, target, begun
        self._key = tuple(name for name in since.key if name != since.field)
        names = {f"field{number}": name for number, name in enumerate((since.field, *self._key))}
        fields = [(name, str | int | bool | None, None) for name in names]  # two numbers can have one binary form
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.defstruct("_Key", fields, rename=names))
        self._reached = self._position(self.newest) if self.newest and since.field else None

    def filter_page(self, page: Page) -> Sequence[msgspec.Raw]:
        """Return the records of a page that no earlier date published.

        Raises:
            InvalidData: A record has no position or no key, or more than MOST records are to be remembered. The message
                names the page and the record.
        """
        if self._since.at:
            found = page.values.get(self._since.at)
            if isinstance(found, bool | float) or found == "":  # a float may have lost digits
                raise InvalidData(
                    f"{page.place}: the position at {self._since.at} is {found!r}: no run can start from this value"
                )
            self.newest = self.newest if found is None else str(found)
            return page.records
        if self._reached is None and not self._since.bounded and (after := self._window.after) is not None:
            self._reached, self.newest = self._position(after), after  # it never goes back
        kept, known, recent = [], self._known, self._recent
        for number, raw in enumerate(page.records, 1):
            order, digest = self._read(raw, number, page.place)
            if digest in known:
                self.left_out += 1
                continue
            kept.append(raw)
            if digest:
                recent[digest] = order
        if len(recent) > MOST:
            self._forget(page.place)
        return kept

    @property
    def recent(self) -> bytes:
        """The records that the next run may read again, packed."""
        if not self._since.key:
            return b""
        self._forget(str(self._target))
        return b"".join(_ENTRY.pack(order, digest) for digest, order in self._recent.items())

    def check_end(self, place: str) -> None:
        """Raise InvalidData if no response had the declared position."""
        if self._since.at and self.newest is None:
            raise InvalidData(f"{place}: no response had a value at {self._since.at}, from which the next run starts")

    def _read(self, raw: msgspec.Raw, number: int, place: str) -> tuple[int, bytes]:
        since = self._since
        try:
            value, *key = msgspec.structs.astuple(self._decoder.decode(raw))
        except msgspec.ValidationError as error:
            raise InvalidData(f"{place}, record {number}: {error}; new records are found by it") from None
        try:
            order = since.order(value)
        except ValueError:
            said = f"{since.field} is no {since.kind}; the source finds new records by it"
            raise InvalidData(f"{place}, record {number}: {said}") from None
        if None in key:
            missing = self._key[key.index(None)]
            raise InvalidData(
                f"{place}, record {number}: {missing} is missing, and the source needs it to find duplicates"
            )
        finer = finer_digits(value)
        if not since.bounded and (self._reached is None or (order, finer) > self._reached):
            self._reached, self.newest = (order, finer), str(value)
        if not since.key:
            return order, b""
        same = (order, finer, *key) if finer else (order, *key)  # without finer digits, as earlier versions stored it
        return order, hashlib.sha256(msgspec.json.encode(same)).digest()[:16]

    def _forget(self, place: str) -> None:
        """Forget the records that the next run will not read again."""
        reached = self._window.until if self._since.bounded else self.newest
        if reached is None:
            return
        start, recent = self._since.reread_from(reached), self._recent
        for digest in [digest for digest, order in recent.items() if order < start]:
            del recent[digest]
        if len(recent) > MOST:
            raise InvalidData(
                f"{place}: the next run would ask for {len(recent)} of the records again, more than the {MOST} that "
                "are remembered; shorten the overlap of the source"
            )

    def _position(self, text: str) -> tuple[int, str]:
        """Return the exact sort key of a value, including the digits of an instant after its microseconds."""
        return self._since.order(int(text) if self._since.kind == "integer" else text), finer_digits(text)

    @cached_property
    def _recent(self) -> dict[bytes, int]:
        return _unpack(self._begun.recent) if self._begun.pages else dict(self._known)

    @cached_property
    def _known(self) -> dict[bytes, int]:
        if not self._since.key:
            return {}
        return _unpack(_read_remembered(self._state, self._target))

    @cached_property
    def _window(self) -> ReadWindow:
        return _read_window(self._state, self._target)


class BoundaryDeduplicator:
    """Leaves out the rows of a table that the date before published.

    The last value of a `since` column can get more rows after it was read, of the same day for example. So the next
    date reads that value again. Rows are the same if all of their columns are. As many are left out as were published.
    Memory: MOST rows of each of two dates, about 200 bytes each.

    Attributes:
        newest: None: the end of a date is known before its first page.
        left_out: The number of rows left out.
    """

    newest = None

    def __init__(self, field: str, state: State, target: Target, begun: Checkpoint) -> None:
        self.left_out = begun.left_out
        self._state, self._target, self._begun = state, target, begun
        row = msgspec.defstruct("_Row", [("since", msgspec.Raw)], rename={"since": field})
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row)

    def filter_page(self, page: Page) -> Sequence[msgspec.Raw]:
        """Return the rows of a page that the date before did not publish.

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

    def check_end(self, place: str) -> None:
        """Do nothing: the end of the date was known before its first page."""

    @cached_property
    def _recent(self) -> Counter[bytes]:
        return _unpack_counts(self._begun.recent)

    @cached_property
    def _known(self) -> Counter[bytes]:
        return _unpack_counts(_read_remembered(self._state, self._target))

    @cached_property
    def _window(self) -> ReadWindow:
        return _read_window(self._state, self._target)


def too_many(value: str | None) -> str:
    """Return the error text for a value that more than MOST rows have."""
    return (
        f"more than {MOST} rows have {value}, the last value of the column by which the source is read, and the next "
        "date would have to know them all; set lag_s where the column is a time, or choose a finer column"
    )


def _text(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode()
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text


def _unpack_counts(body: bytes) -> Counter[bytes]:
    return Counter({digest: count for count, digest in _ENTRY.iter_unpack(body)})


def open_deduplicator(
    source: BaseSource, state: State, target: Target, begun: Checkpoint
) -> "Deduplicator | BoundaryDeduplicator | None":
    """Return the deduplicator of a source; None if no record can come twice."""
    if source.boundary_column:
        return BoundaryDeduplicator(source.boundary_column, state, target, begun)
    return Deduplicator(source.deduplicated_by, state, target, begun) if source.deduplicated_by else None


def _unpack(body: bytes) -> dict[bytes, int]:
    return {digest: order for order, digest in _ENTRY.iter_unpack(body)}


def _read_window(state: State, target: Target) -> ReadWindow:
    entry = state.get(target.window, ReadWindow)
    return entry.value if entry else ReadWindow(after=None, until=None)


def _read_remembered(state: State, target: Target) -> bytes:
    """Return what the last published date stored for this one to leave out."""
    date = last_published_date(state, target.source, target.date)
    stored = get(state.client, state.bucket, target.remembered_key(date)) if date else None
    return stored.body if stored else b""
