"""Compress a stream on its way into a writer."""

import os
from typing import Any, Literal, Protocol, TypeAlias

from brigade.errors import UsageError

Kind: TypeAlias = Literal["gzip", "zstd"]
SUFFIXES: dict[Kind, tuple[str, ...]] = {"gzip": (".gz", ".tgz"), "zstd": (".zst", ".zstd")}
LEVELS = {"gzip": range(4), "zstd": range(1, 20)}
BLOCK = 1024 * 1024


class Sink(Protocol):
    """What takes the compressed bytes."""

    def write(self, block: bytes | bytearray | memoryview) -> int:
        """Take a block."""


class _File:
    """A sink as igzip wants a file."""

    def __init__(self, sink: Sink) -> None:
        self.write = sink.write

    def flush(self) -> None:
        """Hold nothing back."""

    def close(self) -> None:
        """Leave the sink open: who made it ends it."""


class Gzip:
    """gzip by igzip, levels 0 to 3, in one thread beside the caller's. Memory: some 8 MiB."""

    def __init__(self, sink: Sink, level: int | None, threads: int) -> None:
        from isal import igzip_threaded

        opened: Any = igzip_threaded.open
        self._file = opened(
            _File(sink), "wb", compresslevel=1 if level is None else level, threads=threads, block_size=BLOCK
        )

    def write(self, block: memoryview) -> None:
        """Compress a block."""
        self._file.write(block)

    def finish(self) -> None:
        """Give the sink the rest."""
        self._file.close()

    def drop(self) -> None:
        """Forget what is not written yet; the sink publishes nothing anyway."""
        from contextlib import suppress

        with suppress(Exception):  # the sink has failed, and its error is on its way to the reader already
            self._file.close()


class Zstd:
    """Zstandard, levels 1 to 19, with a checksum in the frame. Memory: by level, some 10 MiB to 100 MiB."""

    def __init__(self, sink: Sink, level: int | None, threads: int) -> None:
        from backports import zstd

        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: 3 if level is None else level,
            zstd.CompressionParameter.checksum_flag: 1,
            zstd.CompressionParameter.nb_workers: threads if threads > 1 else 0,
        }
        self._sink, self._compressor = sink, zstd.ZstdCompressor(options=options)

    def write(self, block: memoryview) -> None:
        """Compress a block."""
        self._sink.write(self._compressor.compress(block))

    def finish(self) -> None:
        """Give the sink the rest."""
        self._sink.write(self._compressor.flush())

    def drop(self) -> None:
        """Forget what is not written yet."""


def compressor(kind: Kind, sink: Sink, level: int | None = None, threads: int | None = None) -> Gzip | Zstd:
    """Compress into ``sink`` by ``kind`` with ``threads`` (default: one a core, two at most)."""
    if level is not None and level not in LEVELS[kind]:
        raise UsageError(f"{kind} has levels {LEVELS[kind][0]} to {LEVELS[kind][-1]}, not {level}")
    threads = threads or min(2, os.cpu_count() or 1)
    return Gzip(sink, level, threads) if kind == "gzip" else Zstd(sink, level, threads)
