"""Decompress response bodies. A body that ends before its gzip data does is an error."""

from collections.abc import Iterator, Mapping

from urllib3.exceptions import ProtocolError

from brigade.codec import GZIP_MAGIC, gunzip
from brigade.errors import InvalidData


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
        name = f"{url}, an answer with Content-Encoding gzip"
        return _unpacked(pieces, name, ProtocolError)
    raise InvalidData(f"{url}: the answer has the Content-Encoding {encoding!r}; only gzip was asked for")


def unpack_file(pieces: Iterator[bytes], url: str) -> Iterator[bytes]:
    """Yield a body. An undeclared gzip file, of one or more members, is decompressed.

    Raises:
        InvalidData: The gzip file is broken or truncated.
    """
    first = next(pieces, b"")
    rest = _again(first, pieces)
    name = f"{url}, the gzip file in the answer"
    yield from _unpacked(rest, name, InvalidData) if first.startswith(GZIP_MAGIC) else rest


def _unpacked(pieces: Iterator[bytes], name: str, truncated: type[Exception]) -> Iterator[bytes]:
    try:
        yield from gunzip(pieces, name)
    except InvalidData as error:
        if error.truncated:
            raise truncated(str(error)) from error
        raise


def _again(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces
