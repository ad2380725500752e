"""Which records a date before did not publish already, and how far they reach: where the next date begins."""

import hashlib
import struct
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import msgspec

from brigade.errors import InvalidData
from brigade.ingest.declare.incremental import Newest, Since, finer_digits
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target
from brigade.ingest.read.boundary import BoundaryDeduplicator
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.position import ReadWindow, last_published_date
from brigade.jsonl import Page
from brigade.s3 import Absent, Matches
from brigade.s3.objects import get, head, put
from brigade.state import State

MOST = 50_000
"""Records that are remembered: those that the next run may ask for again."""
_ENTRY = struct.Struct(">q16s")


class Deduplicator:
    """Tell which records of pages no date before published, and keep what the next date must know of them.

    What was published is known by the SHA-256, cut to 16 bytes, of a record's place in the order and its key. Memory:
    MOST records of the date before and as many of this one, with a page's, some 200 bytes each. More than MOST that the
    next run would ask for again are an error that publishes nothing, since their doubles could not be told.

    Nothing is read before the first page: by then the reader has taken the date's window.
    """

    def __init__(self, since: "Since | Newest", state: State, target: Target, begun: Checkpoint) -> None:
        self.newest = begun.newest
        """The greatest value that came, as it came; or the last that an answer gave. None where a date has an end."""
        self.left_out = begun.left_out
        self._since, self._state, self._target, self._begun = since, state, target, begun
        self._key = tuple(name for name in since.key if name != since.field)
        names = {f"field{number}": name for number, name in enumerate((since.field, *self._key))}
        fields = [(name, str | int | bool | None, None) for name in names]  # two numbers can have one binary form
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.defstruct("_Key", fields, rename=names))
        self._reached = self._position(self.newest) if self.newest and since.field else None

    def fresh(self, page: Page) -> Sequence[msgspec.Raw]:
        """Give the records of a page that no date before published.

        Fails with InvalidData, naming the page and the record, where one has no value that says where it is in the
        order, or no key; and naming the page where more records are to be remembered than MOST.
        """
        if self._since.at:
            found = page.values.get(self._since.at)
            if isinstance(found, bool | float) or found == "":  # a float may have lost digits
                raise InvalidData(
                    f"{page.place}: the position at {self._since.at} is {found!r}: no run can begin there"
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
        """What is remembered of the records that the next run may ask for again."""
        if not self._since.key:
            return b""
        self._forget(str(self._target))
        return b"".join(_ENTRY.pack(order, digest) for digest, order in self._recent.items())

    def end(self, place: str) -> None:
        """Fail with InvalidData if the answers should have said where the next run begins, and did not."""
        if self._since.at and self.newest is None:
            raise InvalidData(f"{place}: no answer had a value at {self._since.at}, where the next run is to begin")

    def _read(self, raw: msgspec.Raw, number: int, place: str) -> tuple[int, bytes]:
        since = self._since
        try:
            value, *key = msgspec.structs.astuple(self._decoder.decode(raw))
        except msgspec.ValidationError as error:
            raise InvalidData(f"{place}, record {number}: {error}; the source tells new records by it") from None
        try:
            order = since.order(value)
        except ValueError:
            said = f"{since.field} is no {since.kind}, which says what is new"
            raise InvalidData(f"{place}, record {number}: {said}") from None
        if None in key:
            missing = self._key[key.index(None)]
            raise InvalidData(f"{place}, record {number}: {missing} is missing, by which the source knows it again")
        finer = finer_digits(value)
        if not since.bounded and (self._reached is None or (order, finer) > self._reached):
            self._reached, self.newest = (order, finer), str(value)
        if not since.key:
            return order, b""
        same = (order, finer, *key) if finer else (order, *key)  # without finer digits, as earlier versions stored it
        return order, hashlib.sha256(msgspec.json.encode(same)).digest()[:16]

    def _forget(self, place: str) -> None:
        """Drop what the next run will not ask for again."""
        reached = self._window.until if self._since.bounded else self.newest
        if reached is None:
            return
        start, recent = self._since.again(reached), self._recent
        for digest in [digest for digest, order in recent.items() if order < start]:
            del recent[digest]
        if len(recent) > MOST:
            raise InvalidData(
                f"{place}: the next run would ask for {len(recent)} of the records again, more than the {MOST} that "
                "are remembered; shorten the overlap of the source"
            )

    def _position(self, text: str) -> tuple[int, str]:
        """Return where a value is in the order, exactly: the digits of an instant beyond microseconds count too."""
        return self._since.order(int(text) if self._since.kind == "integer" else text), finer_digits(text)

    @cached_property
    def _recent(self) -> dict[bytes, int]:
        return _unpacked(self._begun.recent) if self._begun.pages else dict(self._known)

    @cached_property
    def _known(self) -> dict[bytes, int]:
        if not self._since.key:
            return {}
        date = last_published_date(self._state, self._target.source, self._target.date)
        got = get(self._state.client, self._state.bucket, self._target.remembered(date)) if date else None
        return _unpacked(got.body) if got else {}

    @cached_property
    def _window(self) -> ReadWindow:
        entry = self._state.get(self._target.window, ReadWindow)
        return entry.value if entry else ReadWindow(after=None, until=None)


def open_deduplicator(
    source: BaseSource, state: State, target: Target, begun: Checkpoint
) -> "Deduplicator | BoundaryDeduplicator | None":
    """Return what leaves out the records that a date before published; None where none can come again."""
    if source.boundary_column:
        return BoundaryDeduplicator(source.boundary_column, state, target, begun)
    return Deduplicator(source.deduplicated_by, state, target, begun) if source.deduplicated_by else None


def save_position(state: State, target: Target, done: Checkpoint, require_current: Callable[[], None]) -> None:
    """Keep where the next date begins, and what it shall leave out; both count from the date's receipt on.

    May be repeated. What only dates before the last one needed is forgotten.

    Args:
        require_current: Raises ConditionLost when another run took over the date.

    Raises:
        ConditionLost: Another run took over the date. What it wrote stays.
    """
    entry = state.get(target.window, ReadWindow)
    key = target.remembered(target.date)
    there = head(state.client, state.bucket, key)
    last = last_published_date(state, target.source, target.date)
    require_current()
    if done.newest is not None and entry:
        state.put(target.window, ReadWindow(after=entry.value.after, until=done.newest), Matches(entry.version))
    if not done.recent:
        return
    put(state.client, state.bucket, key, done.recent, condition=Matches(there.etag) if there else Absent())
    for key in list(state.list(target.remembered(""))):
        if key < target.remembered(last or target.date):
            state.delete(key)


def _unpacked(body: bytes) -> dict[bytes, int]:
    return {digest: order for order, digest in _ENTRY.iter_unpack(body)}
