"""One object made of several, by S3 itself as far as it can."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from brigade.errors import NotFound, UsageError
from brigade.s3.condition import Condition
from brigade.s3.copy import copy_part
from brigade.s3.list import Listed
from brigade.s3.location import Location
from brigade.s3.read import stream
from brigade.s3.settle import Written
from brigade.s3.upload import LARGEST_PART, MOST_PARTS, SMALLEST_PART, Part, Upload

_AT_ONCE = 8
_Copied = tuple[Listed, tuple[int, int] | None]
"""A source, and where the bytes begin and end that a part takes of it; None for all."""


def concatenate(
    client: Any,
    bucket: str,
    sources: Sequence[Listed],
    key: str,
    *,
    condition: Condition = None,
    content_type: str = "binary/octet-stream",
    metadata: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Written:
    """Publish the bytes of ``sources``, objects of ``bucket``, as one object under ``condition``, whole or not at all.

    The large ones first, then those under 5 MiB, each in the order given. S3 copies what has 5 MiB or more; it takes
    less only as a last part, so the small ones pass through here, 10 MiB of memory at most. Each is taken only as it
    was listed.

    Fails with NotFound when there is not a byte, UsageError when it takes more than 10,000 parts, BrigadeError when a
    source has changed, and as ``Upload.complete`` does; the upload is aborted then.
    """
    large = [piece for source in sources if source.size >= SMALLEST_PART for piece in _pieces(source)]
    small = [source for source in sources if 0 < source.size < SMALLEST_PART]
    if not large and not small:
        raise NotFound(f"there is nothing to put together in s3://{bucket}/{key}")
    if len(large) + len(small) > MOST_PARTS:
        raise UsageError(f"s3://{bucket}/{key} would take {len(large) + len(small)} parts; S3 takes {MOST_PARTS}")
    upload = Upload.create(client, bucket, key, content_type=content_type, metadata=metadata, attributes=attributes)

    def copied(numbered: tuple[int, _Copied]) -> Part:
        number, (source, span) = numbered
        return copy_part(upload, number, Location(bucket, source.key), source, span)

    try:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="brigade-copy") as threads:
            parts = list(threads.map(copied, enumerate(large, 1)))
        for number, body in enumerate(_together(client, bucket, small), len(parts) + 1):
            parts.append(upload.part(number, body))
        return upload.complete(parts, condition)
    except BaseException:
        upload.abort()
        raise


def _pieces(source: Listed) -> Iterator[_Copied]:
    """The parts that S3 copies of one source: one, or several of about the same size when it is over 5 GiB."""
    many = -(-source.size // LARGEST_PART)
    edges = [source.size * number // many for number in range(many + 1)]
    yield from ((source, span if many > 1 else None) for span in pairwise(edges))


def _together(client: Any, bucket: str, sources: Sequence[Listed]) -> Iterator[bytearray]:
    """The bytes of small sources, in blocks of 5 to 10 MiB, the last one of any size."""
    block = bytearray()
    for source in sources:
        for piece in stream(client, bucket, source.key, if_match=source.etag):
            block += piece
        if len(block) >= SMALLEST_PART:
            yield block
            block = bytearray()
    if block:
        yield block
