"""Translate the errors of an S3 client into ours, with the action, the object, the cause and the next step."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from brigade.errors import BrigadeError, NotFound, RetryLater
from brigade.retry import RETRYABLE_CODES

_ABSENT = {"NoSuchKey", "NoSuchBucket", "NoSuchUpload", "NoSuchVersion", "NotFound", "InvalidPart"}
_ADVICE = {
    "InvalidAccessKeyId": "S3 does not know the access key id",
    "InvalidObjectState": "it is archived: restore it first (aws s3api restore-object)",
    "RequestTimeTooSkewed": "the clock of this machine is wrong: set it",
    "SignatureDoesNotMatch": "the secret access key is not the one of the access key id",
}
_RETRYABLE = RETRYABLE_CODES | {"500", "503"}


class UploadGone(NotFound):
    """S3 no longer has the multipart upload: it was completed or aborted. No other error has this meaning."""


def client_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of a call with valid arguments, for an `except` clause."""
    from botocore.exceptions import BotoCoreError, ClientError  # here and below: most commands never meet an error

    return (ClientError, BotoCoreError, *_parser_errors())


def error_code(error: Exception) -> str:
    """Return S3's error code, or "" if no answer came."""
    from botocore.exceptions import ClientError

    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def error_status(error: Exception) -> int:
    """Return the HTTP status of S3's answer, or 0 if none came."""
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_absent(error: Exception) -> bool:
    """Return whether S3 answered that the bucket, object, version or upload does not exist.

    S3 names what does not exist, except in its answer to HEAD, which has no body. Any other bare 404 is the page of a
    proxy or of a wrong endpoint, which does not know the object.
    """
    if error_code(error) == "404":
        return str(getattr(error, "operation_name", "")).startswith("Head")
    return error_code(error) in _ABSENT


def no_response(error: Exception) -> bool:
    """Return whether no usable answer came: a lost answer, a 5xx, or an error inside a 200.

    A write may then have happened or not. 501 counts as an answer: S3 will not carry out the request later either.
    """
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnection

    if isinstance(error, ClientError):
        status = error_status(error)
        return (status >= 500 and status != 501) or status == 200
    return isinstance(error, (NoConnection, HTTPClientError, *_parser_errors()))


def translate_error(error: Exception, action: str, bucket: str, key: str = "") -> BrigadeError:
    """Return the error to raise for a failed call on an object or a bucket.

    Args:
        action: The failed action, as a verb: `"write"`.
    """
    where = f"s3://{bucket}/{key}"
    code = error_code(error)
    if code == "NoSuchUpload":
        return UploadGone(f"cannot {action} {where}: S3 no longer has the upload")
    if is_absent(error):
        what = {
            "NoSuchBucket": "there is no such bucket",
            "InvalidPart": "S3 does not have the parts that were sent: another run replaced one",
        }
        return NotFound(f"cannot {action} {where}: {what.get(code, 'there is no such object')}")
    if advice := _ADVICE.get(code):
        return BrigadeError(f"cannot {action} {where} ({code}): {advice}")
    if error_status(error) == 413:
        return BrigadeError(
            f"cannot {action} {where}: a server in front of S3 rejects so large a request (413); raise its limit"
        )
    if error_status(error) in {401, 403}:
        return BrigadeError(
            f"not allowed to {action} {where} ({code}): check the credentials and what their policy grants"
        )
    if no_response(error) or code in _RETRYABLE:
        return RetryLater(f"cannot {action} {where} now, after retries ({code or error}): try again later")
    return BrigadeError(f"cannot {action} {where}: {error}")


@contextmanager
def translate_errors(action: str, bucket: str, key: str = "") -> Iterator[None]:
    """Raise what `translate_error` returns for an error of a client inside the block."""
    try:
        yield
    except client_errors() as error:
        raise translate_error(error, action, bucket, key) from error


@contextmanager
def require_fields(action: str, bucket: str, key: str) -> Iterator[None]:
    """Raise RetryLater for a KeyError inside the block: the answer lacks a field that every answer of S3 has.

    A proxy cut the answer or made it up.
    """
    try:
        yield
    except KeyError as missing:
        name = missing.args[0]
        raise RetryLater(
            f"cannot {action} s3://{bucket}/{key} now: the answer lacks {name}; try again later"
        ) from missing


def required_field(answer: Mapping[str, Any], name: str) -> Any:
    """Return a field that every answer of S3 has. Use it inside `require_fields`.

    Raises:
        KeyError: The field is missing or empty. An empty upload id or token would ask for something else.
    """
    if answer.get(name) in {None, ""}:
        raise KeyError(name)
    return answer[name]


def _parser_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions for an unreadable answer. They exist only where boto3 is loaded, which takes long."""
    parsers = sys.modules.get("botocore.parsers")
    return (parsers.ResponseParserError,) if parsers else ()
