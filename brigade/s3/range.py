"""Read a range of one version of an object into a buffer."""

import re
from typing import Any

from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.s3.get import Gets
from brigade.s3.location import Location
from brigade.s3.refusal import code, complete, failures, refusal
from brigade.s3.settle import TRIES, pause

_PIECE = 1024 * 1024  # boto3's body holds it once more


def fill(
    client: Gets,
    bucket: str,
    key: str,
    start: int,
    buffer: memoryview,
    *,
    etag: str,
    version_id: str | None = None,
) -> None:
    """Fill the buffer with the bytes from ``start`` of the version with this ETag, all of them.

    A range that breaks off is opened again where it stopped, under ``If-Match``. Fails with ConditionLost when the
    object is another by now, InvalidData when the server gives other bytes than it was asked for, NotFound when it is
    gone, RetryLater when it broke four times without a byte of progress.
    """
    done, broken, failure = 0, 0, None
    while done < len(buffer):
        body = _open(client, bucket, key, start + done, start + len(buffer) - 1, etag, version_id)
        before = done
        try:
            with body:
                while done < len(buffer) and (count := body.readinto(buffer[done : done + _PIECE])):
                    done += count
        except _breaks() as error:
            failure = error
        if done == len(buffer):
            return
        broken = broken + 1 if done == before else 1
        if broken >= TRIES:
            raise RetryLater(
                f"reading s3://{bucket}/{key} broke off at byte {start + done}, again and again"
            ) from failure
        pause(broken)


def _breaks() -> tuple[type[Exception], ...]:
    return (*failures(), OSError)


def check_answer(answer: Any, location: Location, etag: str | None, first: int = 0, last: int | None = None) -> None:
    """Close the answer to GetObject and raise unless it holds what was asked of this version.

    A server, or a cache in front of one, may pass over `Range` and `If-Match`, and answer with a whole other object.

    Args:
        etag: The version that was asked; None for any.
        first: The first byte that was asked.
        last: The last byte that was asked; None for the end of the object.

    Raises:
        ConditionLost: It is of another version.
        InvalidData: It holds other bytes.
        RetryLater: It names no version.

    Source: RFC 9110, sections 14.4 and 15.3.7.
    """
    try:
        with complete("read", *location):
            _check_version(answer, location, etag)
        if first or last is not None:
            _check_range(answer, location, first, last)
    except BaseException:
        answer["Body"].close()
        raise


def _check_version(answer: Any, location: Location, etag: str | None) -> None:
    if etag is not None and answer["ETag"].strip('"') != etag.strip('"'):
        raise ConditionLost(f"{location} is not the version with ETag {etag} (any more)")


def _check_range(answer: Any, location: Location, first: int, last: int | None) -> None:
    status, said = answer["ResponseMetadata"]["HTTPStatusCode"], answer.get("ContentRange", "")
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", said)
    given = tuple(int(each) for each in found.groups()) if found else (-1, -1, 0)
    if status != 206 or given[:2] != (first, given[2] - 1 if last is None else last):
        raise InvalidData(
            f"{location}: bytes {first} to {'the end' if last is None else last} were asked for, the server answered "
            f"{status} with {said or 'no range'}: it does not support ranges"
        )


def _open(client: Gets, bucket: str, key: str, first: int, last: int, etag: str, version_id: str | None) -> Any:
    arguments = {"VersionId": version_id} if version_id is not None else {}
    try:
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{last}", IfMatch=etag, **arguments)
        check_answer(answer, Location(bucket, key), etag, first, last)
        return answer["Body"]
    except failures() as error:
        if code(error) in {"PreconditionFailed", "412"}:
            raise ConditionLost(
                f"s3://{bucket}/{key} was changed while it was read: it is not ETag {etag} any more"
            ) from error
        raise refusal(error, "read", bucket, key) from error
