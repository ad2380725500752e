"""Lines to gzip or zstd, in whole members: members one after another are one file (RFC 1952, 2.2; RFC 8878, 3)."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

from isal import isal_zlib

Compression: TypeAlias = Literal["gzip", "zstd"]
_GZIP_WRAPPER = 31


class Gzip:
    """Compress what is written; ``flush`` ends a member, after which what came before stands on its own.

    ``level``: 0 to 3; unless said 1, whose bytes are as few as those of 2 and come sooner. Memory: a fixed window of
    some 100 KiB. A member that got no bytes is not written.
    """

    _level = 1

    def __init__(self, level: int | None = None) -> None:
        self._level = self._level if level is None else level
        self._member: Any = None

    def compress(self, block: bytes | bytearray) -> bytes:
        """Take a block and give the compressed bytes that are ready, possibly none."""
        if self._member is None:
            self._member = self._begin()
        return bytes(self._member.compress(block))

    def flush(self) -> bytes:
        """End the member and give the rest of it."""
        if self._member is None:
            return b""
        rest = bytes(self._member.flush())
        self._member = None
        return rest

    def _begin(self) -> Any:
        return isal_zlib.compressobj(self._level, isal_zlib.DEFLATED, _GZIP_WRAPPER)


class Zstd(Gzip):
    """The same in frames of zstd; ``level``: 1 to 19. Memory: a window of some MiB, of the highest levels tens."""

    _level = 3

    def _begin(self) -> Any:
        from backports import zstd  # a Lambda that writes gzip does not load it

        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: self._level,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        return zstd.ZstdCompressor(options=options)


def packer(compression: Compression, level: int | None = None) -> Gzip:
    """Give what compresses so; ``level`` None: 1 of gzip, 3 of zstd."""
    return Gzip(level) if compression == "gzip" else Zstd(level)


def unpacked(compression: Compression, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Give the bytes that members have, of a file of ours. Memory: what a block becomes, of gzip 1,032 times its size.

    Fails with the library's error when it is no such file, with EOFError when the last member is not whole.
    """
    member: Any = None
    for block in blocks:
        rest = block
        while rest:
            if member is None or member.eof:
                member = _unpacker(compression)
            yield member.decompress(rest)
            rest = member.unused_data
    if member is not None and not member.eof:
        raise EOFError("the last member is not whole")


def _unpacker(compression: Compression) -> Any:
    if compression == "gzip":
        return isal_zlib.decompressobj(_GZIP_WRAPPER)
    from backports import zstd

    return zstd.ZstdDecompressor()
