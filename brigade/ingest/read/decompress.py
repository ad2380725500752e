"""Decompress response bodies. A body that ends before its gzip data does is an error."""

import zlib
from collections.abc import Iterator, Mapping

from urllib3.exceptions import ProtocolError

from brigade.errors import InvalidData

GZIP = b"\x1f\x8b"
"""The first bytes of a gzip file."""
_BLOCK = 1024 * 1024


def unpack_content(pieces: Iterator[bytes], headers: Mapping[str, str], url: str) -> Iterator[bytes]:
    """Return the body, decompressed as its Content-Encoding says. Memory: a block, and 1 MiB of its content.

    Args:
        pieces: The body as it was sent.
        url: The name of the response in errors.

    Raises:
        InvalidData: The body is no gzip data, or has an encoding that was not requested.
        ProtocolError: The body ends before its gzip data does. The request can be retried.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-8.4
    """
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return pieces
    if encoding in ("gzip", "x-gzip"):
        said = f"{url}: the answer is not the gzip that it says it is: it"
        return _unpacked(pieces, said, ProtocolError)
    raise InvalidData(f"{url}: the answer has the Content-Encoding {encoding!r}; only gzip was asked for")


def unpack_file(pieces: Iterator[bytes], url: str) -> Iterator[bytes]:
    """Yield a body. An undeclared gzip file, of one or more members, is decompressed.

    Raises:
        InvalidData: The gzip file is broken or truncated.
    """
    first = next(pieces, b"")
    rest = _again(first, pieces)
    what = f"{url}: the gzip file that it answers with"
    yield from _unpacked(rest, what, InvalidData) if first.startswith(GZIP) else rest


def _unpacked(pieces: Iterator[bytes], what: str, short: type[Exception]) -> Iterator[bytes]:
    member = zlib.decompressobj(31)
    try:
        for piece in pieces:
            block = piece
            while block:
                if member.eof:
                    member = zlib.decompressobj(31)
                yield member.decompress(block, _BLOCK)
                block = member.unconsumed_tail or member.unused_data
    except zlib.error as error:
        raise InvalidData(f"{what} is broken: {error}") from error
    if not member.eof:
        raise short(f"{what} ends before its end")


def _again(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces
