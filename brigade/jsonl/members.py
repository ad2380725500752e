"""The members of a JSON object as bytes, without Python objects, and a check that each occurs once."""

import re
from collections.abc import Collection, Iterator, Sequence

import msgspec

from brigade.declarations.path import Path, format_path
from brigade.errors import InvalidData

_SPACE = re.compile(rb"[ \t\r\n]*")
# Possessive (++, *+): without backtracking a string of many MiB takes no memory.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^,}\] \t\r\n]+")
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]]', re.DOTALL)
_ESCAPED = re.compile(r'["\\/\x00-\x1f]')
"""The characters of a name that have another escape than `\\u`."""
_CLOSE, _QUOTE, _COMMA = b'}",'


def iterate_members(text: bytes | bytearray) -> Iterator[tuple[str, int, int, int]]:
    """Yield each member of a well-formed object: its decoded name, and the positions of it, its value and its end.

    A name that occurs twice is yielded twice. A text that is not an object has no members.
    """
    position = _end_of(_SPACE, text, 0)
    if text[position : position + 1] != b"{":
        return
    position = _end_of(_SPACE, text, position + 1)
    while text[position] != _CLOSE:
        start = position
        position = _end_of(_STRING, text, position)
        name = msgspec.json.decode(text[start:position], type=str)
        position = _end_of(_SPACE, text, position) + 1  # the colon
        value = _end_of(_SPACE, text, position)
        position = _value_end(text, value)
        yield name, start, value, position
        position = _end_of(_SPACE, text, position)
        if text[position] == _COMMA:
            position = _end_of(_SPACE, text, position + 1)


def check_once(text: bytes | bytearray, paths: Collection[Path], place: str, *, above: Path = ()) -> None:
    """Raise InvalidData if a member of one of `paths` occurs twice in its object.

    JSON does not define which one counts (https://www.rfc-editor.org/rfc/rfc8259#section-4), and parsers differ. A text
    with each name once is only searched for the names.

    Args:
        text: Well-formed JSON.
        place: The page, for the error.
        above: The path of `text` in the page, for the error.
    """
    names = {step for steps in paths for step in steps if isinstance(step, str)}
    has_one_spelling = b"\\u" not in text and not any(_ESCAPED.search(name) for name in names)
    if has_one_spelling and all(text.count(msgspec.json.encode(name)) < 2 for name in names):
        return
    for steps in paths:
        _check_path(text, steps, place, above)


def without_rows(data: bytes | bytearray, rows: Sequence[msgspec.Raw], widths: Sequence[int]) -> bytes | bytearray:
    """Return `data` without the rows of an array in it. Return all of it if the position of the rows is ambiguous.

    The rows are between the first occurrence of the first row and the last occurrence of the last row, if that text is
    as long as the rows and the separators between them.
    """
    if not rows:
        return data
    first, last = bytes(rows[0]), bytes(rows[-1])
    start, end = data.find(first), data.rfind(last) + len(last)
    separators = 0
    if len(rows) > 1:
        behind = start + len(first)
        separators = (data.find(bytes(rows[1]), behind) - behind) * (len(rows) - 1)
    return data[:start] + data[end:] if end - start == sum(widths) + separators else data


def _check_path(text: bytes | bytearray, steps: Path, place: str, above: Path) -> None:
    for number, step in enumerate(steps):
        if isinstance(step, int):
            try:
                text = bytes(msgspec.json.decode(text, type=list[msgspec.Raw])[step])
            except (msgspec.DecodeError, IndexError):
                return
            continue
        found = [(value, end) for name, _, value, end in iterate_members(text) if name == step]
        if len(found) > 1:
            path = format_path((*above, *steps[: number + 1]))
            raise InvalidData(f"{place}: the member {path} occurs {len(found)} times; which one counts is not known")
        if not found:
            return
        text = text[found[0][0] : found[0][1]]


def _value_end(text: bytes | bytearray, position: int) -> int:
    if text[position] == _QUOTE:
        return _end_of(_STRING, text, position)
    if text[position] not in b"{[":
        return _end_of(_SCALAR, text, position)
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text, position):
        bracket = text[found.start()]
        depth += (bracket in b"{[") - (bracket in b"}]")
        if depth == 0:
            return found.end()
    raise AssertionError("a well-formed object closes what it opens")


def _end_of(pattern: re.Pattern[bytes], text: bytes | bytearray, position: int) -> int:
    found = pattern.match(text, position)
    if found is None:
        raise AssertionError("a well-formed object has a token here")
    return found.end()
