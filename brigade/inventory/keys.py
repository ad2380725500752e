"""Keys as CSV deliveries write them: form-style percent-encoding, a whole column at a time."""

import re
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.compute as pc

from brigade.errors import InvalidData

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


def decoded(column: pa.Array, name: str, first_row: int) -> pa.Array:
    """Decode a column of keys: ``%XX`` is a byte of UTF-8, ``+`` a space; keys without either are not touched.

    Arguments: ``name`` and ``first_row``, what an error calls the file, and the row of the column's first key in it.

    Fails with InvalidData, naming file and row, when a key is empty, a ``%`` is not followed by two hexadecimal digits
    or the bytes are not UTF-8: S3 writes none of these, and a key that is not exact is another object's.
    """
    if column.null_count:
        raise InvalidData(f"{name} row {first_row + pc.index(column.is_null(), value=True).as_py()}: there is no key")
    encoded = pc.match_substring_regex(column, "[%+]")
    if not pc.any(encoded).as_py():
        return column
    rows = pc.indices_nonzero(encoded)
    plain = []
    for row, text in zip(rows.to_pylist(), column.take(rows).to_pylist(), strict=True):
        try:
            if _BROKEN.search(text):
                raise ValueError("a % without two hexadecimal digits")  # noqa: TRY301 - one place says which row
            plain.append(unquote_plus(text, errors="strict"))
        except ValueError as error:
            raise InvalidData(f"{name} row {first_row + row}: the key {text!r} is not encoded as S3 does") from error
    return pc.replace_with_mask(column, encoded, pa.array(plain, pa.string()))
