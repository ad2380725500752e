"""gzip and Zstandard: compress to whole members or into a destination, decompress in bounded memory.

Members one after another are one file (RFC 1952, section 2.2). Zstandard calls them frames (RFC 8878, section 3).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from brigade.errors import InvalidData, UsageError

Compression: TypeAlias = Literal["gzip", "zstd"]
SUFFIXES: dict[Compression, tuple[str, ...]] = {"gzip": (".gz", ".tgz"), "zstd": (".zst", ".zstd")}
LEVELS: dict[Compression, range] = {"gzip": range(4), "zstd": range(1, 20)}
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
BLOCK = 1024 * 1024
_GZIP_WRAPPER = 31  # zlib's `wbits` for gzip with the largest window


class MemberCompressor:
    """Compress to gzip. `flush` ends a member, so that all bytes before it can be decompressed on their own.

    A member without bytes is not written, unless `compress(b"")` was called. Memory: about 100 KiB.

    Args:
        level: 0 to 3. The default is 1: level 2 is slower and not smaller.
    """

    _level = 1

    def __init__(self, level: int | None = None) -> None:
        self._level = self._level if level is None else level
        self._member: Any = None

    def compress(self, block: bytes | bytearray) -> bytes:
        """Add a block and return the compressed bytes that are ready, possibly none."""
        if self._member is None:
            self._member = self._begin()
        return bytes(self._member.compress(block))

    def flush(self) -> bytes:
        """End the member and return the rest of it."""
        if self._member is None:
            return b""
        rest = bytes(self._member.flush())
        self._member = None
        return rest

    def _begin(self) -> Any:
        from isal import isal_zlib

        return isal_zlib.compressobj(self._level, isal_zlib.DEFLATED, _GZIP_WRAPPER)


class FrameCompressor(MemberCompressor):
    """Compress to Zstandard, with a checksum in each frame. Memory: some MiB, tens of MiB at the highest levels.

    Args:
        level: 1 to 19. The default is 3.
    """

    _level = 3

    def _begin(self) -> Any:
        return _zstd_compressor(self._level)


def open_compressor(compression: Compression, level: int | None = None) -> MemberCompressor:
    """Return a compressor to members."""
    return MemberCompressor(level) if compression == "gzip" else FrameCompressor(level)


class SupportsWrite(Protocol):
    """The destination of compressed bytes."""

    def write(self, block: bytes | bytearray | memoryview) -> int:
        """Write a block."""


class _DestinationFile:
    """A destination with the methods of a file that igzip calls."""

    def __init__(self, destination: SupportsWrite) -> None:
        self.write = destination.write

    def flush(self) -> None:
        """Do nothing: a destination has no buffer to flush."""

    def close(self) -> None:
        """Leave the destination open: its owner closes it."""


class GzipStream:
    """Compress to gzip into a destination, in a thread of its own. Memory: about 8 MiB."""

    def __init__(self, destination: SupportsWrite, level: int | None, threads: int) -> None:
        from isal import igzip_threaded

        opened: Any = igzip_threaded.open
        self._file = opened(
            _DestinationFile(destination),
            "wb",
            compresslevel=1 if level is None else level,
            threads=threads,
            block_size=BLOCK,
        )

    def write(self, block: memoryview) -> None:
        """Compress a block."""
        self._file.write(block)

    def finish(self) -> None:
        """Write the rest to the destination."""
        self._file.close()

    def drop(self) -> None:
        """Discard all bytes that are not in the destination yet. Call it when the destination has failed."""
        from contextlib import suppress

        with suppress(Exception):  # the caller raises the error of the destination
            self._file.close()


class ZstdStream:
    """Compress to Zstandard into a destination, with a checksum in the frame. Memory: 10 MiB to 100 MiB, by level."""

    def __init__(self, destination: SupportsWrite, level: int | None, threads: int) -> None:
        self._destination = destination
        self._compressor = _zstd_compressor(3 if level is None else level, threads if threads > 1 else 0)

    def write(self, block: memoryview) -> None:
        """Compress a block."""
        self._destination.write(self._compressor.compress(block))

    def finish(self) -> None:
        """Write the rest to the destination."""
        self._destination.write(self._compressor.flush())

    def drop(self) -> None:
        """Discard all bytes that are not in the destination yet."""


def open_compressed_stream(
    compression: Compression, destination: SupportsWrite, level: int | None = None, threads: int | None = None
) -> GzipStream | ZstdStream:
    """Return a compressor into `destination`.

    Args:
        level: 0 to 3 for gzip (default 1), 1 to 19 for Zstandard (default 3).
        threads: Default: one for each core, at most two.

    Raises:
        UsageError: The compression has no such level.
    """
    levels = LEVELS[compression]
    if level is not None and level not in levels:
        raise UsageError(f"{compression} has levels {levels[0]} to {levels[-1]}, not {level}")
    threads = threads or min(2, os.cpu_count() or 1)
    return GzipStream(destination, level, threads) if compression == "gzip" else ZstdStream(destination, level, threads)


def gunzip(blocks: Iterable[bytes | memoryview], name: str = "") -> Iterator[bytes]:
    """Iterate over the content of gzip, in pieces of at most 1 MiB. Memory: a block and a window.

    The iterator ends only behind a whole member with the right checksum. The decoder is the standard library's, which
    also refuses reserved header flags, and which every Lambda package has.

    Args:
        name: The start of error messages.

    Raises:
        InvalidData: The data is not sound, or is truncated, or has no member. The message has the position.
    """
    import zlib

    decoder = _Decoder("gzip", "member", lambda: zlib.decompressobj(_GZIP_WRAPPER), (zlib.error,))
    return _decompress(blocks, decoder, name)


def unzstd(blocks: Iterable[bytes | memoryview], name: str = "") -> Iterator[bytes]:
    """Iterate over the content of Zstandard. Pieces, memory and errors are those of `gunzip`."""
    from backports import zstd

    decoder = _Decoder("Zstandard", "frame", zstd.ZstdDecompressor, (zstd.ZstdError, EOFError))
    return _decompress(blocks, decoder, name)


class _Decoder(NamedTuple):
    name: str
    part: str
    begin: Callable[[], Any]
    """Returns the decompressor of one part, with the interface of zlib's."""
    errors: tuple[type[Exception], ...]


def _gunzip_fast(blocks: Iterable[bytes | memoryview], name: str = "") -> Iterator[bytes]:
    import zlib

    from isal import isal_zlib

    error: Any = isal_zlib.error
    errors = (error, zlib.error, EOFError)
    decoder = _Decoder("gzip", "member", lambda: isal_zlib.decompressobj(_GZIP_WRAPPER), errors)
    return _decompress(blocks, decoder, name)


def _decompress(blocks: Iterable[bytes | memoryview], decoder: _Decoder, name: str) -> Iterator[bytes]:
    start = f"{name}: " if name else ""
    member: Any = None
    members = position = 0
    for block in blocks:
        rest: Any = block
        pending = len(block) > 0
        while pending:
            member = member or decoder.begin()
            try:
                content = member.decompress(rest, BLOCK)
            except decoder.errors as error:
                what = f"something that is not {decoder.name} follows" if members else f"not sound {decoder.name}"
                raise InvalidData(
                    f"{start}{what}, near byte {position}, after {members} sound {decoder.part}s: {error}"
                ) from None
            if content:
                yield content
            if member.eof:
                rest, member, members = member.unused_data, None, members + 1
                pending = len(rest) > 0
            else:
                # zlib returns the input that it did not use. Zstandard keeps it, and continues with empty input.
                rest = getattr(member, "unconsumed_tail", b"")
                pending = len(rest) > 0 or len(content) == BLOCK or not getattr(member, "needs_input", True)
        position += len(block)
    if member is not None or not members:
        truncated = InvalidData(
            f"{start}{decoder.name} ends in the middle of a {decoder.part}, at byte {position}, after {members} sound "
            f"{decoder.part}s"
        )
        truncated.truncated = True
        raise truncated


def decompress_members(compression: Compression, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Iterate over the content of a file that `open_compressor` wrote. A file without bytes has no content.

    Raises:
        InvalidData: As `gunzip`.
    """
    pieces = iter(blocks)
    first = next((piece for piece in pieces if piece), None)
    if first is not None:
        yield from (_gunzip_fast if compression == "gzip" else unzstd)(chain([first], pieces))


def decompress_detected(blocks: Iterable[memoryview], name: str) -> Iterator[bytes]:
    """Iterate over the content of a stream that is gzip or Zstandard. A stream without bytes has no content.

    Args:
        name: The stream's name, for errors.

    Raises:
        InvalidData: It is neither of the two, broken or truncated.
    """
    pieces, head = iter(blocks), b""
    while len(head) < len(ZSTD_MAGIC) and (piece := next(pieces, None)) is not None:
        head += bytes(piece)
    if not head:
        return
    if not head.startswith((GZIP_MAGIC, ZSTD_MAGIC)):
        raise InvalidData(f"{name} is neither gzip nor zstd")
    yield from (_gunzip_fast if head.startswith(GZIP_MAGIC) else unzstd)(chain([head], pieces), name)


def _zstd_compressor(level: int, workers: int = 0) -> Any:
    from backports import zstd  # a Lambda that writes gzip does not load it

    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.checksum_flag: 1,
        zstd.CompressionParameter.nb_workers: workers,
    }
    return zstd.ZstdCompressor(options=options)
