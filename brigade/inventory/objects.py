"""The few S3 calls that reading a delivery needs, with refusals said in our own words."""

from collections.abc import Iterator
from typing import Any, Protocol

from botocore.exceptions import ClientError

from brigade.errors import BrigadeError, NotFound, RetryLater

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion"})
_CHUNK = 1 << 20


class Store(Protocol):
    """What is asked of an S3 client."""

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803 - boto3's names
        """Give the whole object, its bytes still to come."""

    def list_objects_v2(self, **request: Any) -> Any:
        """Give a page of keys."""


def get(s3: Store, bucket: str, key: str) -> bytes:
    """Give the whole of a small object. Fails with NotFound when it is not there."""
    return b"".join(stream(s3, bucket, key))


def stream(s3: Store, bucket: str, key: str) -> Iterator[bytes]:
    """Give the bytes of an object as they arrive, a mebibyte at a time. Fails with NotFound when it is not there."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        raise refusal(error, f"s3://{bucket}/{key}") from error
    try:
        yield from body.iter_chunks(_CHUNK)
    finally:
        body.close()


def listing(s3: Store, bucket: str, prefix: str, *, delimiter: str = "") -> Iterator[Any]:
    """Give the pages of a listing, each as S3 answered it. Fails with NotFound when there is no such bucket."""
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    if delimiter:
        request["Delimiter"] = delimiter
    while True:
        try:
            page = s3.list_objects_v2(**request)
        except ClientError as error:
            raise refusal(error, f"s3://{bucket}/{prefix}") from error
        yield page
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def refusal(error: ClientError, what: str) -> BrigadeError:
    """Say a refusal of AWS on one line: NotFound, RetryLater when it throttled, else BrigadeError."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code in _MISSING:
        return NotFound(f"{what} is not there ({code})")
    if code in {"SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"}:
        return RetryLater(f"AWS asks to slow down at {what} ({code}); try again in a minute")
    if code in {"AccessDenied", "AccessDeniedException", "403"}:
        return BrigadeError(f"AWS refused {what} ({code}: {message}); the operator policy of the stage allows it")
    return BrigadeError(f"AWS refused {what} ({code}: {message})")
