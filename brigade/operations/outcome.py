"""The result of a task: a result code of S3 Batch Operations, and one line of text for the completion report."""

import re
from typing import Literal

from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError

from brigade.errors import BrigadeError, RetryLater
from brigade.masking import mask
from brigade.retry import RETRYABLE_CODES, RETRYABLE_STATUS

ResultCode = Literal["Succeeded", "TemporaryFailure", "PermanentFailure"]

# S3's own codes besides, and the codes of HEAD, whose answer has no body.
_LATER = RETRYABLE_CODES | {"OperationAborted", "ConditionalRequestConflict", *map(str, RETRYABLE_STATUS)}

_SECRETS = (
    (
        re.compile(
            r"(?i)\b(authorization|x-amz-(?:signature|security-token|credential)"
            r"|[\w-]*(?:password|passwd|secret|token|api[_-]?key|signature))([\"']?\s*[=:]\s*)"
            r"(?:(?:Bearer|Basic)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s&,;\"']+)"
        ),
        r"\1\2…",
    ),
    (re.compile(r"://[^\s/@:]+:[^\s/@]+@"), "://…@"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), "…"),
)


class OutOfTime(BaseException):
    """The function's time is nearly over. Not a subclass of Exception, so `except Exception` does not catch it."""


def classify_error(error: BaseException, limit: int) -> tuple[ResultCode, str]:
    """Return the result code and the text for an error that an operation raised.

    TemporaryFailure, which S3 retries: RetryLater, OutOfTime, throttling by AWS, timeouts, internal errors and lost
    connections. PermanentFailure: every other error. The text is the error's type or AWS's code, and its message.

    Args:
        limit: Bytes of the text at most.
    """
    if isinstance(error, OutOfTime):
        return "TemporaryFailure", "OutOfTime: the function's time limit came before the task was done"
    if (
        isinstance(error, BrigadeError)
        and isinstance(error.__cause__, ClientError)
        and not isinstance(error, RetryLater)
    ):
        # The message of brigade.s3 names the object. A row of the report has the object already, and needs the code.
        return classify_error(error.__cause__, limit)
    if isinstance(error, ClientError):
        code = str(error.response["Error"].get("Code", "Unknown"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        text = report_text(f"{code}: {error.response['Error'].get('Message', '')} ({error.operation_name})", limit)
        return ("TemporaryFailure" if code in _LATER or status in RETRYABLE_STATUS else "PermanentFailure"), text
    temporary = isinstance(
        error,
        # ConnectionError and TimeoutError of Python itself: what urllib3, sockets and other clients of AWS raise.
        RetryLater | AwsConnectionError | HTTPClientError | IncompleteReadError | FlexibleChecksumError
        | ConnectionError | TimeoutError,
    )  # fmt: skip
    message = report_text(f"{type(error).__name__}: {error}", limit) if str(error) else type(error).__name__
    return ("TemporaryFailure" if temporary else "PermanentFailure"), message


def report_text(text: str, limit: int) -> str:
    """Return `text` on one line, without anything that looks like a secret, in at most `limit` bytes of valid UTF-8."""
    text = mask(text)  # secrets that were read here, then text that only looks like one
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return truncate_text(one_line(text), limit)


def one_line(text: str) -> str:
    """Return `text` with one space for each run of white space, and escapes for characters that cannot be printed."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def truncate_text(text: str, limit: int) -> str:
    """Return `text`, cut to `limit` bytes of UTF-8 with a `…` at the end if it is longer. No character is cut."""
    if len(text) * 4 <= limit or len(packed := text.encode()) <= limit:
        return text
    return packed[: limit - len("…".encode())].decode(errors="ignore") + "…"
