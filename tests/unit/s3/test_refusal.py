"""S3's errors in plain words, and whether a write may have happened despite the error."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, HTTPClientError

from brigade.errors import BrigadeError, NotFound, RetryLater
from brigade.s3.errors import no_response, translate_error


def answered(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "kind", "told", "open_"),
    [
        (answered(500, "InternalError"), RetryLater, "try again later", True),
        (answered(503, "SlowDown"), RetryLater, "try again later", True),
        (answered(200, "InternalError"), RetryLater, "try again later", True),
        (answered(400, "RequestTimeout"), RetryLater, "try again later", False),
        (answered(501, "NotImplemented"), BrigadeError, "NotImplemented", False),
        (answered(400, "BadDigest"), BrigadeError, "BadDigest", False),
        (answered(403, "AccessDenied"), BrigadeError, "check the credentials", False),
        (answered(403, "RequestTimeTooSkewed"), BrigadeError, "clock of this machine", False),
        (answered(403, "InvalidObjectState"), BrigadeError, "restore it first", False),
        (answered(403, "SignatureDoesNotMatch"), BrigadeError, "secret access key", False),
        (answered(403, "InvalidAccessKeyId"), BrigadeError, "does not know the access key id", False),
        (answered(413, "413"), BrigadeError, "so large a request", False),
        (answered(404, "404"), BrigadeError, "404", False),
        (answered(404, "NoSuchKey"), NotFound, "there is no such object", False),
        (answered(404, "NoSuchBucket"), NotFound, "there is no such bucket", False),
        (HTTPClientError(error="reset"), RetryLater, "try again later", True),
        (ConnectTimeoutError(endpoint_url="http://x"), RetryLater, "try again later", True),
    ],
)
def test_an_answer_is_one_line_that_says_what_to_do(
    error: Exception, kind: type[BrigadeError], told: str, open_: bool
) -> None:
    """``open_``: nobody knows whether the write happened; a look at the object has to settle it."""
    made = translate_error(error, "write", "bucket", "k")
    assert type(made) is kind
    assert str(made).startswith(("cannot write s3://bucket/k", "not allowed to write s3://bucket/k"))
    assert told in str(made)
    assert "\n" not in str(made)
    assert no_response(error) is open_
