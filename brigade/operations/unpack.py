"""Decompressed streams in bounded memory: gzip with any number of members, Zstandard with any number of frames."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from brigade.errors import InvalidData

PIECE = 1024 * 1024
"""Bytes of a piece that is given, at most; gzip's own pieces are never more."""


def gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of gzip in pieces of at most 1 MiB. Raises InvalidData if it is damaged."""
    return _unpacked(pieces, "gzip", lambda: zlib.decompressobj(wbits=31), zlib.error, "member")


def unzstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of Zstandard in pieces of at most 1 MiB. Raises InvalidData if it is damaged."""
    from backports.zstd import ZstdDecompressor, ZstdError

    return _unpacked(pieces, "Zstandard", lambda: _Frame(ZstdDecompressor()), ZstdError, "frame")


class _Frame:
    """A frame of Zstandard with the interface of `zlib`'s decompressor."""

    unconsumed_tail = b""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Decompress up to `limit` bytes."""
        plain: bytes = self._frame.decompress(data, limit)
        # It keeps for itself what it has not used; an empty call goes on there.
        self.more = not self._frame.eof and not self._frame.needs_input
        return plain

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data)


def _unpacked(
    pieces: Iterable[bytes], form: str, new: Callable[[], Any], broken: type[Exception], part: str
) -> Iterator[bytes]:
    current, inside, parts, at = new(), False, 0, 0
    for piece in pieces:
        rest, more = piece, False
        while rest or more:
            inside = True
            try:
                yield current.decompress(rest, PIECE)
            except broken as error:
                what = f"something that is not {form} follows" if parts else f"not sound {form}"
                raise InvalidData(f"{what}, near byte {at}, after {parts} sound {part}s: {error}") from None
            if current.eof:
                rest, more = current.unused_data, False
                current, inside, parts = new(), False, parts + 1
            else:
                rest, more = current.unconsumed_tail, getattr(current, "more", False)
        at += len(piece)
    if inside or not parts:
        raise InvalidData(f"{form} ends in the middle of a {part}, at byte {at}, after {parts} sound {part}s")
