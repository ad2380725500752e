"""Read a range of one version of an object into a buffer."""

from typing import Any

from brigade.errors import ConditionLost, RetryLater
from brigade.s3.get import Gets
from brigade.s3.refusal import code, failures, refusal
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
    object is another by now, NotFound when it is gone, RetryLater when it broke four times without a byte of progress.
    """
    done, broken, failure = 0, 0, None
    while done < len(buffer):
        body = _open(client, bucket, key, f"bytes={start + done}-{start + len(buffer) - 1}", etag, version_id)
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


def _open(client: Gets, bucket: str, key: str, span: str, etag: str, version_id: str | None) -> Any:
    arguments = {"VersionId": version_id} if version_id is not None else {}
    try:
        return client.get_object(Bucket=bucket, Key=key, Range=span, IfMatch=etag, **arguments)["Body"]
    except failures() as error:
        if code(error) in {"PreconditionFailed", "412"}:
            raise ConditionLost(
                f"s3://{bucket}/{key} was changed while it was read: it is not ETag {etag} any more"
            ) from error
        raise refusal(error, "read", bucket, key) from error
