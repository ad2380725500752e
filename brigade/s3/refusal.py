"""What S3 refused, as one of our errors: what was tried, on which object, why not, and what to do."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from brigade.errors import BrigadeError, NotFound, RetryLater


class UploadGone(NotFound):
    """S3 no longer has the multipart upload: it was completed or aborted. No other absence says that."""


def failures() -> tuple[type[Exception], ...]:
    """Give all that a call of a client can raise once its arguments are right: ``except failures() as error``."""
    from botocore.exceptions import BotoCoreError, ClientError  # here and below: most commands never meet an error

    return (ClientError, BotoCoreError, *_unreadable())


_ABSENT = {"NoSuchKey", "NoSuchBucket", "NoSuchUpload", "NoSuchVersion", "NotFound", "InvalidPart"}
_ADVICE = {
    "InvalidAccessKeyId": "S3 does not know the access key id",
    "InvalidObjectState": "it is archived: restore it first (aws s3api restore-object)",
    "RequestTimeTooSkewed": "the clock of this machine is wrong: set it",
    "SignatureDoesNotMatch": "the secret access key is not the one of the access key id",
}
_LATER = {"SlowDown", "RequestTimeout", "ThrottlingException", "Throttling", "RequestLimitExceeded", "500", "503"}


def code(error: Exception) -> str:
    """Give S3's error code, or "" when no answer came."""
    from botocore.exceptions import ClientError

    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def status(error: Exception) -> int:
    """Give the HTTP status of S3's answer, or 0 when none came."""
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def absent(error: Exception) -> bool:
    """Return whether S3 answered that there is no such thing.

    S3 says by name what there is not, but in the answer to HEAD, which has no body. Any other bare 404 is a page of
    something else, of a proxy or a wrong endpoint, which does not know the object.
    """
    if code(error) == "404":
        return str(getattr(error, "operation_name", "")).startswith("Head")
    return code(error) in _ABSENT


def unheard(error: Exception) -> bool:
    """Say whether no usable answer came, so that a write may have happened or not: lost, 5xx, or an error in a 200.

    501 is an answer: S3 will not do it later either.
    """
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnection

    if isinstance(error, ClientError):
        return (status(error) >= 500 and status(error) != 501) or status(error) == 200
    return isinstance(error, (NoConnection, HTTPClientError, *_unreadable()))


def refusal(error: Exception, act: str, bucket: str, key: str = "") -> BrigadeError:
    """Make the error that a person reads of what ``act`` (``"write"``) on an object, or on a bucket, met."""
    where = f"s3://{bucket}/{key}"
    if code(error) == "NoSuchUpload":
        return UploadGone(f"cannot {act} {where}: S3 no longer has the upload")
    if absent(error):
        what = {
            "NoSuchBucket": "there is no such bucket",
            "InvalidPart": "S3 does not have the parts that were sent: another run replaced one",
        }
        return NotFound(f"cannot {act} {where}: {what.get(code(error), 'there is no such object')}")
    if advice := _ADVICE.get(code(error)):
        return BrigadeError(f"cannot {act} {where} ({code(error)}): {advice}")
    if status(error) == 413:
        return BrigadeError(
            f"cannot {act} {where}: a server in front of S3 takes no request so large (413); raise its limit"
        )
    if status(error) in {401, 403}:
        return BrigadeError(
            f"not allowed to {act} {where} ({code(error)}): check the credentials and what their policy grants"
        )
    if unheard(error) or code(error) in _LATER:
        return RetryLater(f"cannot {act} {where} now, after retries ({code(error) or error}): try again later")
    return BrigadeError(f"cannot {act} {where}: {error}")


@contextmanager
def refused(act: str, bucket: str, key: str = "") -> Iterator[None]:
    """Turn what a call of S3 inside the block raises into one of our errors."""
    try:
        yield
    except failures() as error:
        raise refusal(error, act, bucket, key) from error


@contextmanager
def complete(act: str, bucket: str, key: str) -> Iterator[None]:
    """Raise RetryLater for an answer that lacks what each of S3's has: something between cut it, or made it up."""
    try:
        yield
    except KeyError as lacking:
        field = lacking.args[0]
        raise RetryLater(
            f"cannot {act} s3://{bucket}/{key} now: the answer lacks {field}; try again later"
        ) from lacking


def field(answer: Mapping[str, Any], name: str) -> Any:
    """Return what each of S3's answers has. Use it inside of `complete`.

    Raises:
        KeyError: The answer lacks it, or it is empty: an empty upload id or token would ask for something else.
    """
    if answer.get(name) in {None, ""}:
        raise KeyError(name)
    return answer[name]


def _unreadable() -> tuple[type[Exception], ...]:
    """Give what an answer that cannot be read raises: only where boto3 is loaded, which takes its time, can it be."""
    parsers = sys.modules.get("botocore.parsers")
    return (parsers.ResponseParserError,) if parsers else ()
