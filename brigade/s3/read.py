"""Read an object of any size as a stream of blocks."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, IncompleteReadError
from urllib3.exceptions import HTTPError

from brigade.errors import ConditionLost, RetryLater
from brigade.s3.get import Gets
from brigade.s3.location import Location
from brigade.s3.range import check_answer
from brigade.s3.refusal import code, complete, failures, refusal
from brigade.s3.settle import TRIES, pause

_BROKEN = (BotoCoreError, IncompleteReadError, HTTPError, OSError)


def stream(
    client: Gets,
    bucket: str,
    key: str,
    version_id: str | None = None,
    if_match: str | None = None,
    chunk: int = 1024 * 1024,
) -> Iterator[bytes]:
    """Give the bytes of one version of the object in order, in blocks of at most ``chunk`` bytes, every one of them.

    The version is pinned by the first answer: when the connection breaks, reading goes on behind the last byte that
    came, under ``If-Match``, so blocks of two versions are never mixed. Memory: one block.

    Fails with NotFound, with ConditionLost when the object is not (or no longer) ``if_match``, with RetryLater when it
    broke several times without a byte of progress, with InvalidData when the server does not support the ranges that
    going on takes, with BrigadeError when not allowed.
    """
    position, etag, broken = 0, if_match, 0
    while True:
        answer = _open(client, bucket, key, version_id, etag, position)
        with answer["Body"] as body:
            with complete("read", bucket, key):
                etag, end = answer["ETag"], position + answer["ContentLength"]
            while position < end:
                try:
                    block = body.read(min(chunk, end - position))
                except _BROKEN as error:
                    failure: Exception | None = error
                    break
                if not block:
                    failure = None
                    break
                position, broken = position + len(block), 0
                yield block
        if position >= end:
            return
        broken += 1
        if broken >= TRIES:
            raise RetryLater(f"reading s3://{bucket}/{key} broke off at byte {position} of {end}") from failure
        pause(broken)


def _open(client: Gets, bucket: str, key: str, version_id: str | None, etag: str | None, position: int) -> Any:
    arguments: dict[str, str] = {"Bucket": bucket, "Key": key}
    if version_id is not None:
        arguments["VersionId"] = version_id
    if etag is not None:
        arguments["IfMatch"] = etag
    if position:
        arguments["Range"] = f"bytes={position}-"
    try:
        answer = client.get_object(**arguments)
    except failures() as error:
        if code(error) in {"PreconditionFailed", "412"}:
            raise ConditionLost(f"s3://{bucket}/{key} is not the version with ETag {etag} (any more)") from error
        raise refusal(error, "read", bucket, key) from error
    check_answer(answer, Location(bucket, key), etag, position)
    return answer
