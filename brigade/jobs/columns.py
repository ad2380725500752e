"""Selected objects as columns of Arrow: the lines of a manifest made of whole columns at once."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from brigade.jobs.row import KEY_CHARACTERS, check_length
from brigade.operations.rights import pattern

_SAFE = bytes(range(ord("0"), ord("9") + 1)) + b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-~/"
_BETWEEN = b"\xff"  # no byte of UTF-8
_PERCENT, _SPACE = b"% "


@dataclass(frozen=True)
class Columns:
    """Some objects of a selection: ``buckets`` and ``keys`` as they are; ``versions`` and ``sizes`` where known."""

    buckets: pa.StringArray
    keys: pa.StringArray
    versions: pa.StringArray | None
    sizes: pa.Int64Array | None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def size(self) -> int | None:
        """The objects' bytes, None where the size of any of them is not known."""
        if self.sizes is None or self.sizes.null_count:
            return None
        return int(pc.sum(self.sizes).as_py() or 0)

    def stranger(self, bucket: str) -> tuple[int, str] | None:
        """Give the place and the bucket of the first object that is not in ``bucket``; None if all are."""
        others = pc.not_equal(self.buckets, bucket)
        at: int = pc.index(others, value=True).as_py()
        return None if at < 0 else (at, self.buckets[at].as_py())

    def outside(self, reads: tuple[str, ...]) -> str | None:
        """Return the first key that none of IAM's patterns `reads` matches; None if each is matched."""
        inside = pc.match_substring_regex(self.keys, rf"\A(?:{pattern(reads)})\z")
        at: int = pc.index(inside, value=False).as_py()
        return None if at < 0 else str(self.keys[at].as_py())

    def lines(self, bucket: str) -> bytes:
        """Give the manifest's lines of these objects, all of which are in ``bucket``: each key as ``encoded`` has it.

        A version is written as it is, since S3's are made of characters that need no quotes.
        """
        text = encoded(_joined(self.keys))
        if 3 * pc.max(pc.binary_length(self.keys)).as_py() > KEY_CHARACTERS:  # a byte is three characters at most
            for key_text in text.split(_BETWEEN):
                check_length(key_text.decode())
        start = f"{bucket},".encode()
        if self.versions is None:
            return start + text.replace(_BETWEEN, b"\n" + start) + b"\n"
        rows = pc.binary_join_element_wise(
            pa.array(text.split(_BETWEEN), pa.binary()), self.versions.cast(pa.binary()), b","
        )
        return start + _joined(rows).replace(_BETWEEN, b"\n" + start) + b"\n"


def encoded(text: bytes) -> bytes:
    """Encode bytes of UTF-8 like a form, ``/`` bare; 0xFF, which is no byte of UTF-8, stays.

    Each character that needs it is replaced everywhere at once, the percent sign first and the space last, so that what
    a replacement brings in is not replaced.
    """
    odd = set(text.translate(None, _SAFE + _BETWEEN))
    if _PERCENT in odd:
        text = text.replace(b"%", b"%25")
    for byte in odd - {_PERCENT, _SPACE}:
        text = text.replace(bytes((byte,)), b"%%%02X" % byte)
    return text.replace(b" ", b"+") if _SPACE in odd else text


def _joined(column: Any) -> bytes:
    one = pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column.cast(pa.binary()))
    joined: bytes = pc.binary_join(one, _BETWEEN)[0].as_py()
    return joined
