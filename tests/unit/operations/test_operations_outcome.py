import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import BrigadeError, ConditionLost, InvalidData, NotFound, RetryLater
from brigade.operations.outcome import OutOfTime, classify_error, report_text
from tests.unit.operations.operations_lake import refusal


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("the API is closed until 9"),
        OutOfTime(),
        refusal("SlowDown", 503),
        refusal("503", 503, "HeadObject"),
        refusal("InternalError", 500),
        refusal("RequestTimeout", 400),
        refusal("ThrottlingException", 400),
        refusal("TooManyRequestsException", 429),
        refusal("ConditionalRequestConflict", 409),
        refusal("Unheard", 502),
        ReadTimeoutError(endpoint_url="https://s3"),
        ConnectTimeoutError(endpoint_url="https://s3"),
        EndpointConnectionError(endpoint_url="https://s3"),
        TimeoutError("timed out"),
        ConnectionResetError(104, "reset by peer"),
    ],
)
def test_what_would_work_later_is_temporary(error: BaseException) -> None:
    assert classify_error(error, 1024)[0] == "TemporaryFailure"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (refusal("NoSuchKey", 404, message="It is gone."), "NoSuchKey: It is gone. (GetObject)"),
        (refusal("AccessDenied", 403, "PutObject", "Denied"), "AccessDenied: Denied (PutObject)"),
        (refusal("NotImplemented", 501, message="x"), "NotImplemented: x (GetObject)"),
        (InvalidData("line 3 is not JSON"), "InvalidData: line 3 is not JSON"),
        (ConditionLost("it exists"), "ConditionLost: it exists"),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "SystemExit: 3"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_everything_else_is_permanent_and_says_what_it_was(error: BaseException, text: str) -> None:
    assert classify_error(error, 1024) == ("PermanentFailure", text)


def test_an_error_of_ours_about_s3_is_told_by_s3s_own_code() -> None:
    def asked() -> None:
        try:
            raise refusal("NoSuchVersion", 404, message="gone")
        except ClientError as error:
            raise NotFound("cannot read s3://bucket/a/long/key: there is no such object") from error

    with pytest.raises(BrigadeError) as caught:
        asked()
    assert classify_error(caught.value, 1024) == ("PermanentFailure", "NoSuchVersion: gone (GetObject)")


def test_text_is_one_line_of_what_can_be_shown() -> None:
    assert report_text("a\nb\t c\x00d\x1b[31m", 1024) == "a b c\\x00d\\x1b[31m"


@given(st.text(), st.integers(min_value=3, max_value=200))
def test_a_cut_never_breaks_a_character_and_never_exceeds_the_limit(text: str, limit: int) -> None:
    cut = report_text(text, limit)
    assert len(cut.encode()) <= limit
    whole = report_text(text, 10_000)
    assert cut == whole or (cut.endswith("…") and whole.startswith(cut[:-1]))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET https://b.s3.amazonaws.com/k?X-Amz-Signature=0f3a9c&x=1", "0f3a9c"),
        ("postgres://joe:hunter2@host/db refused", "hunter2"),
        ("client_secret: hunter2, retry", "hunter2"),
        ('{"api_key": "hunter2"}', "hunter2"),
        ("Authorization: Bearer hunter2", "hunter2"),
        ("the key AKIAIOSFODNN7EXAMPLE is no more", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(text: str, secret: str) -> None:
    assert secret not in report_text(text, 1024)
