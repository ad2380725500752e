"""Concatenate objects into one. S3 copies all that it can copy by itself."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from brigade.errors import NotFound, UsageError
from brigade.s3.conditions import Condition
from brigade.s3.listing import ListedObject
from brigade.s3.location import Location
from brigade.s3.multipart import LARGEST_PART, MOST_PARTS, SMALLEST_PART, Part, Upload
from brigade.s3.objects import WriteResult
from brigade.s3.read import stream_object

_AT_ONCE = 8
_Copied = tuple[ListedObject, tuple[int, int] | None]
"""A source, and the span of its bytes that one part copies. None: all of it."""


def concatenate(
    client: Any,
    bucket: str,
    sources: Sequence[ListedObject],
    key: str,
    *,
    condition: Condition = None,
    content_type: str = "binary/octet-stream",
    metadata: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> WriteResult:
    """Publish the bytes of all sources as one object under `condition`, whole or not at all.

    The order: first the sources of 5 MiB or more, then the smaller ones, each group in the given order. S3 copies the
    large ones. It takes a part under 5 MiB only as the last one, so the small ones are read here, in at most 10 MiB of
    memory. Each source must still be the version that was listed.

    Args:
        sources: Objects of `bucket`.
        attributes: As in `objects.put`.

    Raises:
        NotFound: The sources have no bytes.
        UsageError: The object would have more than 10,000 parts.
        BrigadeError: A source has changed, or an error of `Upload.complete`. The upload is aborted.
    """
    large = [piece for source in sources if source.size >= SMALLEST_PART for piece in _pieces(source)]
    small = [source for source in sources if 0 < source.size < SMALLEST_PART]
    if not large and not small:
        raise NotFound(f"there is nothing to put together in s3://{bucket}/{key}")
    if len(large) + len(small) > MOST_PARTS:
        raise UsageError(f"s3://{bucket}/{key} would need {len(large) + len(small)} parts; S3 accepts {MOST_PARTS}")
    upload = Upload.create(client, bucket, key, content_type=content_type, metadata=metadata, attributes=attributes)

    def copied(numbered: tuple[int, _Copied]) -> Part:
        number, (source, span) = numbered
        return upload.copy_part(number, Location(bucket, source.key), source, span)

    try:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="brigade-copy") as threads:
            parts = list(threads.map(copied, enumerate(large, 1)))
        for number, body in enumerate(_together(client, bucket, small), len(parts) + 1):
            parts.append(upload.part(number, body))
        return upload.complete(parts, condition)
    except BaseException:
        upload.abort()
        raise


def _pieces(source: ListedObject) -> Iterator[_Copied]:
    """Yield the parts that S3 copies of one source: one, or several of about the same size if it is over 5 GiB."""
    many = -(-source.size // LARGEST_PART)
    edges = [source.size * number // many for number in range(many + 1)]
    yield from ((source, span if many > 1 else None) for span in pairwise(edges))


def _together(client: Any, bucket: str, sources: Sequence[ListedObject]) -> Iterator[bytearray]:
    """Yield the bytes of small sources in blocks of 5 to 10 MiB. The last block has any size."""
    block = bytearray()
    for source in sources:
        for piece in stream_object(client, bucket, source.key, if_match=source.etag):
            block += piece
        if len(block) >= SMALLEST_PART:
            yield block
            block = bytearray()
    if block:
        yield block
