"""The bodies of answers, unpacked: a body that ends before its gzip does is refused, never taken for a whole one."""

from collections.abc import Iterator, Mapping

from urllib3.exceptions import ProtocolError

from brigade.codec import GZIP_MAGIC, gunzip
from brigade.errors import InvalidData


def unpack_content(pieces: Iterator[bytes], headers: Mapping[str, str], url: str) -> Iterator[bytes]:
    """Return the body as its Content-Encoding says: as it is, or gzip. Memory: a block, and 1 MiB of what it becomes.

    Args:
        pieces: The body as it was sent.
        url: What errors call the answer.

    Raises:
        InvalidData: The body is no gzip, or has an encoding that was not asked for.
        ProtocolError: The body ends before its gzip does, as where what compressed it broke off: ask again.

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
    """Yield a body, unpacked where it is a gzip file that nobody declared to be one, of one member or more.

    Raises:
        InvalidData: The gzip file is broken or ends before its end.
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
