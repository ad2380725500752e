"""Join segments into one object. S3 copies them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from brigade.errors import BrigadeError, InvalidData, NotFound, UsageError
from brigade.pipe.segments import manifest
from brigade.pipe.writer import recheck_condition
from brigade.s3.checksum import crc64nvme
from brigade.s3.conditions import Condition, require_conditions
from brigade.s3.location import Location
from brigade.s3.multipart import MOST_PARTS, SMALLEST_PART, Part, Upload
from brigade.s3.objects import ObjectHead, WriteResult, head

_THREADS = 8


def join_segments(
    client: Any, path: Location, target: Location, *, condition: Condition = None
) -> tuple[WriteResult, int, bool]:
    """Publish the segments of a completed path as one object under `condition`, whole or not at all.

    S3 copies the segments, each pinned by its ETag. Memory: about 100 bytes a segment.

    Returns:
        The new version, its size in bytes, and whether its CRC-64 was compared with that of the segments.

    Raises:
        NotFound: There are no segments.
        InvalidData: S3 has another CRC-64 than the segments have.
        BrigadeError: The path is not completed, or has segments under 5 MiB, which S3 does not join.
    """
    segments = plan_join(client, path, target, condition=condition)
    size = sum(found.size for _, found in segments)
    require_conditions(client, target, condition)
    upload = Upload.create(client, *target, checksum=crc64nvme())
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            parts = list(pool.map(lambda each: _copy(upload, *each), enumerate(segments, 1)))
        recheck_condition(client, target, condition)
        written = upload.complete(parts, condition)
    except BaseException:
        upload.abort()
        raise
    return written, size, _proved(client, target, written, segments)


def plan_join(
    client: Any, path: Location, target: Location, *, condition: Condition = None
) -> list[tuple[Location, ObjectHead]]:
    """Return the segments that `join` would copy, in order. Nothing is written. Raises what `join` raises."""
    if target.bucket == path.bucket and target.key.startswith(f"{path.key.rstrip('/')}/"):
        raise UsageError(f"{target} is among the segments of {path}/: join them into an object elsewhere")
    found = manifest.read(client, path)
    if found is None:
        raise NotFound(f"there are no segments under {path}/")
    if not found[0].completed:
        raise BrigadeError(f"{path}/ is not completed: {found[0].failed or 'it is still being written'}")
    segments = list(_segments(client, path, found[0].segments))
    size = sum(found.size for _, found in segments)
    if size != found[0].total:
        raise InvalidData(f"{path}/ has {size} bytes in its segments, its manifest says {found[0].total}")
    if any(found.size < SMALLEST_PART for _, found in segments[:-1]) or len(segments) > MOST_PARTS:
        raise BrigadeError(
            f"S3 joins up to {MOST_PARTS} segments of 5 MiB or more: use brigade pipe from {path} | brigade pipe to"
        )
    recheck_condition(client, target, condition)
    return segments


def _copy(upload: Upload, number: int, segment: tuple[Location, ObjectHead]) -> Part:
    """Return the segment as a part of the upload.

    Raises:
        InvalidData: S3 says that it copied other bytes than the segment has.
    """
    location, found = segment
    part = upload.copy_part(number, location, found)
    kept = found.checksums.get("CRC64NVME") if found.whole else None
    if kept and part.checksum and part.checksum != kept:
        raise InvalidData(f"S3 copied {location} as {part.checksum}, not {kept}: nothing was published")
    return part


def _segments(client: Any, path: Location, count: int) -> Iterator[tuple[Location, ObjectHead]]:
    for number in range(1, count + 1):
        location = Location(path.bucket, manifest.segment_key(path, number))
        found = head(client, *location, checksum=True)
        if found is None:
            raise NotFound(f"{location} is named by the manifest but not there")
        yield location, found


def _proved(client: Any, target: Location, written: WriteResult, segments: list[tuple[Location, ObjectHead]]) -> bool:
    sums = [(found.checksums.get("CRC64NVME"), found.size) for _, found in segments]
    found = head(client, *target, checksum=True)
    kept = found.checksums.get("CRC64NVME") if found and found.etag == written.etag and found.whole else None
    if kept is None or any(each is None for each, _ in sums):
        return False
    meant = crc64nvme().whole((each or "", size) for each, size in sums)
    if kept != meant:
        raise InvalidData(f"S3 reports CRC-64 {kept} for {target}, but its segments have {meant}: do not use it")
    return True
