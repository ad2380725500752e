"""Keys as CSV deliveries write them: form-style percent-encoding, a whole column decoded at once on its buffers."""

import re
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brigade.inventory.badrow import BadRow
from brigade.inventory.buffers import every_other

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PERCENT, _PLUS, _SPACE = b"%+ "


def decoded(column: pa.BinaryArray) -> pa.StringArray:
    """Decode a column of keys: ``%XX`` is a byte of UTF-8, ``+`` a space.

    Fails with BadRow when a key is empty, a ``%`` is not followed by two hexadecimal digits or the bytes are not UTF-8:
    S3 writes none of these, and a key that is not exact is another object's.
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
        # The last escape before a key must end before it, or it takes the next key's bytes for its digits.
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
    """Close up the two bytes behind each escape: what lies between them is copied by the piece, not by the byte."""
    cuts = np.empty(2 * len(escapes) + 2, np.int32)
    cuts[0], cuts[-1] = 0, len(text)
    cuts[1:-1:2], cuts[2::2] = escapes + 1, escapes + 3
    return every_other(pa.py_buffer(text), cuts).buffers()[2]


@cache
def _digits() -> Any:
    """The value of each byte as a hexadecimal digit; 255 where it is none."""
    values = np.full(256, 255, np.uint8)
    for value in range(16):
        values[[ord(f"{value:x}"), ord(f"{value:X}")]] = value
    return values


def _undecodable(column: pa.BinaryArray) -> BadRow:
    """Find the first key that cannot be decoded, one by one: this is the end of the file in any case."""
    for row, raw in enumerate(column.to_pylist()):
        try:
            text = raw.decode()
            if _BROKEN.search(text):
                raise ValueError("a % without two hexadecimal digits")  # noqa: TRY301 - one place says which row
            unquote_plus(text, errors="strict")
        except ValueError:
            return BadRow(row, f"the key {raw.decode(errors='replace')!r} is not encoded as S3 does")
    raise AssertionError("a column that was refused holds a key that is")
