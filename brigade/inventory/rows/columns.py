"""Columns of text, computed on their Arrow buffers: percent-decoded keys, and nulls for empty fields."""

import re
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PERCENT, _PLUS, _SPACE = b"%+ "


class BadRow(Exception):
    """A row that S3 would not write: the reason, and the row's number `row` in the parsed block, from 0."""

    def __init__(self, row: int, wrong: str) -> None:
        super().__init__(wrong)
        self.row = row


def decode_keys(column: pa.BinaryArray) -> pa.StringArray:
    """Return a column of keys decoded: `%XX` is a byte of UTF-8, `+` a space.

    Raises:
        BadRow: A key is empty, a `%` lacks its two hexadecimal digits, or the bytes are not UTF-8. S3 writes none of
            these, and an inexact key names another object.
    """
    if column.null_count:
        raise BadRow(pc.index(column.is_null(), value=True).as_py(), "there is no key")
    starts = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, column.offset * 4)
    text = np.frombuffer(column.buffers()[2], np.uint8)[starts[0] : starts[-1]]
    starts = starts - starts[0]
    plain = text - (text == _PLUS).view(np.uint8) * np.uint8(_PLUS - _SPACE)
    escapes = np.flatnonzero(text == _PERCENT)
    if len(escapes):
        before = np.searchsorted(escapes, starts)  # how many escapes begin before each key
        # The last escape before a key must end before it, or the next key's bytes are read as its digits.
        last = escapes[np.maximum(before, 1) - 1]
        digits = _digits()
        if ((last < starts) & (last + 2 >= starts)).any():
            raise _undecodable(column)
        high, low = digits[text[escapes + 1]], digits[text[escapes + 2]]
        if (high | low).max() > 15:
            raise _undecodable(column)
        plain[escapes] = high << 4 | low
        plain = _without_digits(plain, escapes)
        starts = (starts - 2 * before).astype(np.int32)
    keys = pa.Array.from_buffers(pa.string(), len(column), [None, pa.py_buffer(starts), pa.py_buffer(plain)])
    try:
        keys.validate(full=True)
    except pa.ArrowInvalid as error:
        raise _undecodable(column) from error
    return keys


def _without_digits(text: Any, escapes: Any) -> pa.Buffer:
    """Remove the two bytes after each escape, copying the text between them piece by piece."""
    cuts = np.empty(2 * len(escapes) + 2, np.int32)
    cuts[0], cuts[-1] = 0, len(text)
    cuts[1:-1:2], cuts[2::2] = escapes + 1, escapes + 3
    return copy_alternate_pieces(pa.py_buffer(text), cuts).buffers()[2]


@cache
def _digits() -> Any:
    """Return the value of each byte as a hexadecimal digit; 255 if it is none."""
    values = np.full(256, 255, np.uint8)
    for value in range(16):
        values[[ord(f"{value:x}"), ord(f"{value:X}")]] = value
    return values


def _undecodable(column: pa.BinaryArray) -> BadRow:
    """Find the first key that cannot be decoded, one key at a time. Speed is no concern: the error ends the file."""
    for row, raw in enumerate(column.to_pylist()):
        try:
            text = raw.decode()
            if _BROKEN.search(text):
                raise ValueError("a % without two hexadecimal digits")  # noqa: TRY301 - one place adds the row
            unquote_plus(text, errors="strict")
        except ValueError:
            return BadRow(row, f"the key {raw.decode(errors='replace')!r} is not encoded as S3 does")
    raise AssertionError("a column that was refused holds a key that is")


def copy_alternate_pieces(text: pa.Buffer, cuts: Any) -> pa.BinaryArray:
    """Return a copy of the first, third, fifth … piece between `cuts`, one after the other.

    Args:
        cuts: An even number of ascending offsets in the text, as int32.
    """
    count = len(cuts) // 2
    pieces = pa.Array.from_buffers(pa.binary(), 2 * count - 1, [None, pa.py_buffer(cuts), text])
    # Not ``pa.array``: it loads numpy's masked arrays, 20 ms.
    odd = pa.Array.from_buffers(pa.int32(), count, [None, pa.py_buffer(np.arange(0, 2 * count, 2, dtype=np.int32))])
    return pieces.take(odd)


def empty_to_null(texts: pa.Array) -> pa.Array:
    """Return a column of text or bytes with its empty fields as null. No text is copied."""
    if not len(texts):
        return texts
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4)
    filled = places[1:] != places[:-1]
    if filled.all():
        return texts
    if texts.null_count:
        filled &= texts.is_valid().to_numpy(zero_copy_only=False)
    valid = pa.py_buffer(np.packbits(filled, bitorder="little"))
    return pa.Array.from_buffers(texts.type, len(texts), [valid, pa.py_buffer(places), data])
