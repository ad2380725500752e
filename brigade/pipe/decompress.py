"""Take gzip or Zstandard off a stream, whichever it is."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from brigade.errors import InvalidData

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_GZIP_WRAPPER = 31
_OUT = 1024 * 1024


def decompressed(blocks: Iterable[memoryview], name: str) -> Iterator[bytes]:
    """Give what the blocks hold; members and frames one after another are one stream.

    The end comes only behind a whole member whose own checksum is right. Memory: a block and its window. Fails with
    InvalidData, naming the stream, when it is neither of the two, broken or cut short.
    """
    decoder: Any = None
    kind, head = b"", b""
    for block in blocks:
        data: Any = block
        if len(head) < len(_ZSTD) and not kind:
            head += bytes(block)
            if len(head) < len(_ZSTD):
                continue
            kind, data = _kind(head, name), head
        while data:
            decoder = decoder or _decoder(kind)
            yield from _step(decoder, data, name)
            data = decoder.unused_data if decoder.eof else b""
            decoder = None if decoder.eof else decoder
    if head and not kind:
        raise InvalidData(f"{name} is neither gzip nor zstd")
    if decoder:
        raise InvalidData(f"{name} is cut short: its compressed data has no end")


def _step(decoder: Any, data: Any, name: str) -> Iterator[bytes]:
    from backports import zstd
    from isal import isal_zlib

    errors: Any = (isal_zlib.error, zlib.error, zstd.ZstdError, EOFError)
    try:
        yield decoder.decompress(data, _OUT)
        while not decoder.eof:
            rest = getattr(decoder, "unconsumed_tail", b"")
            out = decoder.decompress(rest, _OUT)
            if not out and not rest:
                return
            yield out
    except errors as error:
        raise InvalidData(f"{name} is broken: {error}") from error


def _kind(head: bytes, name: str) -> bytes:
    for magic in (_GZIP, _ZSTD):
        if head.startswith(magic):
            return magic
    raise InvalidData(f"{name} is neither gzip nor zstd")


def _decoder(kind: bytes) -> Any:
    if kind == _GZIP:
        from isal import isal_zlib

        return isal_zlib.decompressobj(_GZIP_WRAPPER)
    from backports import zstd

    return zstd.ZstdDecompressor()
