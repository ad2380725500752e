"""One answer of an API, split into records without building objects of them."""

import codecs
import functools
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import msgspec

from brigade.errors import InvalidData

_BLOCK = 1024 * 1024
_view: Callable[[msgspec.Raw], memoryview] = memoryview
Scalar: TypeAlias = str | int | float | bool | None


class Page(msgspec.Struct, frozen=True, dict=True):
    """An answer's bytes, the records in them (views, not copies), and what was asked for beside them, by its path.

    ``place`` names the page in errors.
    """

    data: bytes | bytearray
    records: Sequence[msgspec.Raw]
    place: str
    values: Mapping[str, Scalar] = msgspec.field(default_factory=dict)

    @functools.cached_property
    def widths(self) -> Sequence[int]:
        """The bytes that each record has."""
        return [*map(len, map(_view, self.records))]

    def blocks(self, size: int) -> Iterator[tuple[int, Sequence[msgspec.Raw]]]:
        """Give all records in blocks, each with the index of its first: ``size`` bytes at most, or one wider record."""
        ends, start, before = [*accumulate(self.widths)], 0, 0
        while start < len(ends):
            end = max(start + 1, bisect_right(ends, before + size))
            yield start, self.records[start:end]
            start, before = end, ends[end - 1]


def split(data: bytes | bytearray, *, records: str, place: str, values: tuple[str, ...] = ()) -> Page:
    """Split an answer into its records, each checked to be well-formed JSON in valid UTF-8.

    Arguments: ``records`` and ``values``, where they are in the answer: names with dots between, ``""`` for the answer
    itself; a value that is absent is None; ``place``, what errors call the page. The answer is read once. Memory: the
    answer, and 60 bytes or so a record.

    Fails with InvalidData, naming the place: not UTF-8, not JSON (NaN and Infinity are not), no array of records there,
    a value that is neither text, number, boolean nor null.
    """
    check_utf8(data, place)
    try:
        answer = _decoder(records, values).decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"{place}: {error}; it starts with {_start(data)}") from error
    found = _at(answer, records) if records else answer
    if found is None:
        raise InvalidData(f"{place}: it has no records at {records!r}; it starts with {_start(data)}")
    return Page(data, found, place, {path: _at(answer, path) for path in values})


@functools.lru_cache(maxsize=8)
def _decoder(records: str, values: tuple[str, ...]) -> "msgspec.json.Decoder[Any]":
    """Make a decoder that looks only at these paths and checks the rest without building anything of it."""
    if not records:
        return msgspec.json.Decoder(list[msgspec.Raw])
    tree: dict[str, Any] = {}
    for path in (records, *values):
        *above, last = path.split(".")
        here = tree
        for name in above:
            here = here.setdefault(name, {})
        here[last] = list[msgspec.Raw] if path == records else Scalar
    return msgspec.json.Decoder(_shape(tree))


def _shape(tree: Mapping[str, Any]) -> Any:
    """Make the type of an object with these members, each of which may be absent or null."""
    kinds = {name: _shape(kind) if isinstance(kind, dict) else kind for name, kind in tree.items()}
    # A member's name may be no identifier, so the fields have names of their own.
    fields = [(f"field{number}", kind | None, None) for number, kind in enumerate(kinds.values())]
    names = {f"field{number}": name for number, name in enumerate(kinds)}
    return msgspec.defstruct("Answer", fields, rename=names)


def _at(answer: Any, path: str) -> Any:
    here = answer
    for name in path.split("."):
        if here is None:
            return None
        names = type(here).__struct_encode_fields__
        here = getattr(here, f"field{names.index(name)}")
    return here


def check_utf8(data: bytes | bytearray | memoryview, place: str) -> None:
    """Fail with InvalidData, naming the place and the byte, unless the data is UTF-8; no second copy is made of it.

    msgspec does not look into strings that it skips. Most pages are ASCII, which is known at once.
    """
    if not isinstance(data, memoryview) and data.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    for start in range(0, len(data), _BLOCK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[start : start + _BLOCK], start + _BLOCK >= len(data))
        except UnicodeDecodeError as error:
            at = start - pending + error.start
            raise InvalidData(f"{place}: byte {at} is not UTF-8 ({error.reason})") from error


def _start(data: bytes | bytearray | msgspec.Raw) -> str:
    return repr(bytes(memoryview(data)[:60]).decode(errors="replace"))
