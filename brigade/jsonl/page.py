"""Split an answer of an API into records, without Python objects."""

import codecs
import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import msgspec

from brigade.declarations.path import Path, format_path, parse_path
from brigade.errors import InvalidData
from brigade.jsonl.members import check_once, without_rows
from brigade.masking import mask_start

_LISTED = 20
_UNNAMABLE = re.compile(r'["\\\x00-\x1f]')
"""Characters that msgspec allows in no name of a field."""
_BLOCK = 1024 * 1024
_view: Callable[[msgspec.Raw], memoryview] = memoryview
Scalar: TypeAlias = str | int | float | bool | None


class Page(msgspec.Struct, frozen=True, dict=True):
    """The bytes of an answer, its records (views, not copies), and the values at the requested paths.

    Attributes:
        place: The page's name, for errors.
        values: The value at each requested path.
        found: The requested paths that the answer has, also those that are null.
        columns: The columns of a table with a header, in order.
    """

    data: bytes | bytearray
    records: Sequence[msgspec.Raw]
    place: str
    values: Mapping[str, Scalar] = msgspec.field(default_factory=dict)
    found: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()

    @functools.cached_property
    def widths(self) -> Sequence[int]:
        """The number of bytes of each record."""
        return [*map(len, map(_view, self.records))]

    def blocks(self, size: int) -> Iterator[tuple[int, Sequence[msgspec.Raw]]]:
        """Iterate over blocks of records with the index of the first: at most `size` bytes, or one larger record."""
        ends, start, before = [*accumulate(self.widths)], 0, 0
        while start < len(ends):
            end = max(start + 1, bisect_right(ends, before + size))
            yield start, self.records[start:end]
            start, before = end, ends[end - 1]


def split_page(data: bytes | bytearray, *, records: str, place: str, values: tuple[str, ...] = ()) -> Page:
    """Return the records of an answer, each validated as JSON in UTF-8.

    The answer is parsed once. Memory: the answer, and about 60 bytes a record.

    Args:
        records: The path of the array of records (`brigade.declarations.path`); `""` is the answer itself.
        values: Paths of other values. A null above a path, or an array that is too short, makes the value null. A
            value that is absent is None too, and its path is not in `Page.found`.
        place: The page's name, for errors.

    Raises:
        InvalidData: Not UTF-8, not JSON (NaN and Infinity are not), no array at `records`, a value that is neither
            text, number, boolean nor null, or a member of one of these paths occurs twice. The message has the place.
    """
    check_utf8(data, place)
    wanted = ((records, True), *((path, False) for path in values))
    try:
        answer = _decoder(tuple((parse_path(path), is_records) for path, is_records in wanted)).decode(data)
        found = {path: _at(answer, parse_path(path), is_records=is_records) for path, is_records in wanted[1:]}
        rows = _at(answer, parse_path(records), is_records=True)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"{place}: {error}; it starts with {_start(data)}") from error
    if rows is None or rows is msgspec.UNSET:
        raise InvalidData(
            f"{place}: it has no records at {records!r}: {explain_absence(data, records)}; "
            f"it starts with {_start(data)}"
        )
    for path, value in found.items():
        if isinstance(value, list | dict | msgspec.Struct):
            raise InvalidData(f"{place}: at {path} is no single value but an array or an object")
    known = frozenset(path for path, value in found.items() if value is not msgspec.UNSET)
    page = Page(data, rows, place, {path: found[path] if path in known else None for path in found}, known)
    _check_once(page, parse_path(records), [parse_path(path) for path in values])
    return page


def _check_once(page: Page, records: Path, values: Sequence[Path]) -> None:
    """Raise InvalidData if a member of the path of the records or of a value occurs twice.

    The text of the records is not searched, so the cost does not depend on their number.
    """
    inside = [steps for steps in values if steps[: len(records)] == records and steps[len(records) :]]
    outside = {records, *values}.difference(inside)
    if any(outside):
        check_once(without_rows(page.data, page.records, page.widths), outside, page.place)
    for steps in inside:
        number, rest = steps[len(records)], steps[len(records) + 1 :]
        if isinstance(number, int) and -len(page.records) <= number < len(page.records):
            check_once(bytes(memoryview(page.records[number])), [rest], page.place, above=(*records, number))


def explain_absence(data: bytes | bytearray, path: str) -> str:
    """Return the reason why an answer has nothing at a path: the first missing step, and the names that exist there."""
    steps = parse_path(path)
    above, names = deepest_level(data, steps)
    where = f"{format_path(above)!r} of the answer" if above else "the answer"
    if len(above) == len(steps):
        return f"{where} is null or empty"
    if names is None:
        return f"{where} is null or no {'array' if isinstance(steps[len(above)], int) else 'object'}"
    rest = steps[len(above) :]
    dotted = ".".join(str(step) for step in rest)
    hint = f"; write {format_path((*above, dotted))} for the member {dotted!r}" if rest[1:] and dotted in names else ""
    listed = ", ".join(repr(mask_start(name, 60)) for name in names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    return f"{where} has no {format_path(rest[:1])!r}, it has {listed or 'no members'}{hint}"


def deepest_level(data: bytes | bytearray, steps: Path) -> tuple[Path, Sequence[str] | None]:
    """Return the steps of a path that exist in an answer, and the names of the members there; None: not an object."""
    here: bytes | bytearray | msgspec.Raw = data
    for number, step in enumerate(steps):
        kind: Any = list[msgspec.Raw] if isinstance(step, int) else dict[str, msgspec.Raw]
        try:
            inside = msgspec.json.decode(here, type=kind)
            here = inside[step]
        except msgspec.DecodeError:
            return steps[:number], None
        except LookupError:
            return steps[:number], [] if isinstance(step, int) else [*inside]
    return steps, None


@functools.lru_cache(maxsize=64)
def _decoder(wanted: tuple[tuple[Path, bool], ...]) -> "msgspec.json.Decoder[Any]":
    """Return a decoder that builds only the values at these paths (True: an array of records) and checks the rest."""
    root = _Node()
    for steps, is_records in wanted:
        here = root
        for number, step in enumerate(steps):
            if isinstance(step, int):
                here.kinds.add("array")  # its elements are decoded one by one, when they are asked for
                break
            here.kinds.add("object")
            here = here.members.setdefault(step, _Node())
            if number == len(steps) - 1:
                here.kinds.add("array" if is_records else "value")
        if not steps:
            here.kinds.add("array" if is_records else "value")
    return msgspec.json.Decoder(root.type())


class _Node:
    """A node of an answer on one of the paths."""

    def __init__(self) -> None:
        self.members: dict[str, _Node] = {}
        self.kinds: set[str] = set()

    def type(self) -> Any:
        """Return the type that msgspec decodes here. If two kinds are requested, the array wins."""
        if "array" in self.kinds:
            return list[msgspec.Raw]
        if "object" not in self.kinds:
            return Scalar
        if any(_UNNAMABLE.search(name) for name in self.members):
            return dict[str, msgspec.Raw]  # slower; the members are decoded one by one, when they are asked for
        # A member's name may be no identifier, so the fields have names of their own. Each may be absent or null.
        kinds = [node.type() | msgspec.UnsetType | None for node in self.members.values()]
        fields = [(f"field{number}", kind, msgspec.UNSET) for number, kind in enumerate(kinds)]
        names = {f"field{number}": name for number, name in enumerate(self.members)}
        return msgspec.defstruct("Answer", fields, rename=names)


def _at(answer: Any, steps: Path, *, is_records: bool) -> Any:
    """Return the value at a path of a decoded answer: UNSET if it is absent, None if it or a value above it is null."""
    here = answer
    for number, step in enumerate(steps):
        if here is None or here is msgspec.UNSET:
            return here
        if isinstance(step, int):
            return _inside(here[step], steps[number + 1 :], is_records) if -len(here) <= step < len(here) else None
        if isinstance(here, list):
            return msgspec.UNSET
        if isinstance(here, dict):
            return _inside(here[step], steps[number + 1 :], is_records) if step in here else msgspec.UNSET
        here = getattr(here, f"field{type(here).__struct_encode_fields__.index(step)}")
    return here


def _inside(value: msgspec.Raw, rest: Path, is_records: bool) -> Any:
    if bytes(memoryview(value)[:5]) == b"null":
        return None
    return _at(_decoder(((rest, is_records),)).decode(value), rest, is_records=is_records)


def check_utf8(data: bytes | bytearray | memoryview, place: str) -> None:
    """Raise InvalidData, with the place and the byte, unless the data is UTF-8. The data is not copied.

    msgspec does not validate strings that it skips. Most pages are ASCII, which is fast to detect.
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
    return repr(mask_start(memoryview(data), 60))
