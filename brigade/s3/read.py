"""Read one version of an object: all of it as a stream of blocks, or a range into a buffer.

A read that breaks off continues behind the last byte that came, under `If-Match`.
So the bytes of two versions are never mixed.
"""

import re
from collections.abc import Iterator
from typing import Any

from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import TRIES, pause, same_etag
from brigade.s3.errors import client_errors, error_code, require_fields, translate_error
from brigade.s3.location import Location

_PIECE = 1024 * 1024  # boto3's body holds it once more


def stream_object(
    client: S3Client,
    bucket: str,
    key: str,
    version_id: str | None = None,
    if_match: str | None = None,
    chunk: int = 1024 * 1024,
) -> Iterator[bytes]:
    """Iterate over all bytes of one version of an object, in order, in blocks of at most `chunk` bytes.

    The first answer decides which version it is. Memory: one block.

    Raises:
        NotFound: There is no such object.
        ConditionLost: The object is not `if_match`, or was changed during the read.
        RetryLater: The read broke off several times without a byte of progress.
        InvalidData: The server does not support ranges, which a continued read needs.
        BrigadeError: Not allowed.
    """
    position, etag, broken = 0, if_match, 0
    while True:
        answer = _open_stream(client, bucket, key, version_id, etag, position)
        with answer["Body"] as body:
            with require_fields("read", bucket, key):
                etag, end = answer["ETag"], position + answer["ContentLength"]
            failure: Exception | None = None
            while position < end:
                try:
                    block = body.read(min(chunk, end - position))
                except _read_errors() as error:
                    failure = error
                    break
                if not block:
                    break
                position, broken = position + len(block), 0
                yield block
        if position >= end:
            return
        broken += 1
        if broken >= TRIES:
            raise RetryLater(f"reading s3://{bucket}/{key} broke off at byte {position} of {end}") from failure
        pause(broken)


def read_range(
    client: S3Client,
    bucket: str,
    key: str,
    start: int,
    buffer: memoryview,
    *,
    etag: str,
    version_id: str | None = None,
) -> None:
    """Fill the whole buffer with the bytes from `start` of the version with this ETag.

    Raises:
        ConditionLost: The object was changed.
        InvalidData: The server answered with other bytes.
        NotFound: The object is gone.
        RetryLater: The read broke off four times without a byte of progress.
    """
    done, broken, failure = 0, 0, None
    while done < len(buffer):
        body = _open_range(client, bucket, key, start + done, start + len(buffer) - 1, etag, version_id)
        before = done
        try:
            with body:
                while done < len(buffer) and (count := body.readinto(buffer[done : done + _PIECE])):
                    done += count
        except _range_errors() as error:
            failure = error
        if done == len(buffer):
            return
        broken = broken + 1 if done == before else 1
        if broken >= TRIES:
            raise RetryLater(
                f"reading s3://{bucket}/{key} broke off at byte {start + done}, again and again"
            ) from failure
        pause(broken)


def check_answer(answer: Any, location: Location, etag: str | None, first: int = 0, last: int | None = None) -> None:
    """Close an answer to GetObject and raise unless it has the requested version and bytes.

    A server, or a cache in front of one, may ignore `Range` and `If-Match`, and answer with a whole other object.

    Args:
        etag: The requested version. None: any.
        first: The first requested byte.
        last: The last requested byte. None: the end of the object.

    Raises:
        ConditionLost: It is another version.
        InvalidData: It has other bytes.
        RetryLater: It names no version.

    Source: RFC 9110, sections 14.4 and 15.3.7.
    """
    try:
        with require_fields("read", *location):
            _check_version(answer, location, etag)
        if first or last is not None:
            _check_range(answer, location, first, last)
    except BaseException:
        answer["Body"].close()
        raise


def _check_version(answer: Any, location: Location, etag: str | None) -> None:
    if etag is not None and not same_etag(answer["ETag"], etag):
        raise ConditionLost(f"{location} is not the version with ETag {etag} (any more)")


def _check_range(answer: Any, location: Location, first: int, last: int | None) -> None:
    status, header = answer["ResponseMetadata"]["HTTPStatusCode"], answer.get("ContentRange", "")
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", header)
    given = tuple(int(each) for each in found.groups()) if found else (-1, -1, 0)
    if status != 206 or given[:2] != (first, given[2] - 1 if last is None else last):
        raise InvalidData(
            f"{location}: bytes {first} to {'the end' if last is None else last} were asked for, the server answered "
            f"{status} with {header or 'no range'}: it does not support ranges"
        )


def _range_errors() -> tuple[type[Exception], ...]:
    return (*client_errors(), OSError)


def _read_errors() -> tuple[type[Exception], ...]:
    from urllib3.exceptions import HTTPError  # of boto3's body; the pipes' own client reads without it

    return (*client_errors(), HTTPError, OSError)


def _open_stream(
    client: S3Client, bucket: str, key: str, version_id: str | None, etag: str | None, position: int
) -> Any:
    arguments: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if version_id is not None:
        arguments["VersionId"] = version_id
    if etag is not None:
        arguments["IfMatch"] = etag
    if position:
        arguments["Range"] = f"bytes={position}-"
    try:
        answer = client.get_object(**arguments)
    except client_errors() as error:
        if error_code(error) in {"PreconditionFailed", "412"}:
            raise ConditionLost(f"s3://{bucket}/{key} is not the version with ETag {etag} (any more)") from error
        raise translate_error(error, "read", bucket, key) from error
    check_answer(answer, Location(bucket, key), etag, position)
    return answer


def _open_range(
    client: S3Client, bucket: str, key: str, first: int, last: int, etag: str, version_id: str | None
) -> Any:
    arguments: dict[str, Any] = {"VersionId": version_id} if version_id is not None else {}
    try:
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{last}", IfMatch=etag, **arguments)
        check_answer(answer, Location(bucket, key), etag, first, last)
        return answer["Body"]
    except client_errors() as error:
        if error_code(error) in {"PreconditionFailed", "412"}:
            raise ConditionLost(
                f"s3://{bucket}/{key} was changed while it was read: it is not ETag {etag} any more"
            ) from error
        raise translate_error(error, "read", bucket, key) from error
