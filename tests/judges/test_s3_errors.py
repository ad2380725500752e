"""Errors, and what something between a server and us sends in place of an answer: read as botocore reads them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judges.answers import ALL, FEW, LISTS, PLAIN, WRITES, document, element, texts, written
from tests.judges.wires import Given, Judge

CODES = st.sampled_from(["SlowDown", "InternalError", "NoSuchUpload", "InvalidPart", "PreconditionFailed", "Other"])
NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n<hr></body>\r\n</html>\r\n"
)
PAGES = [
    b"",
    b"no XML",
    b"<",
    NGINX.format("413 Request Entity Too Large").encode(),
    b"<html><body><b>Http/1.1 Service Unavailable</b></body></html>",
    b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><Code>x</Code></html>',
    b"\xff\xfe\x00<\x00",
    b'<?xml version="1.0" encoding="no-such"?><html><Code>C</Code></html>',
]


@pytest.mark.parametrize(("call", "root", "used", "arguments"), [*WRITES, *LISTS])
@FEW
@given(code=CODES, message=PLAIN, blanks=st.integers(0, 2000), namespace=st.booleans(), late=st.booleans())
def test_an_error_in_an_answer_of_status_200(
    judge: Judge,
    call: str,
    root: str,
    used: tuple[str, ...],
    arguments: dict[str, Any],
    code: str,
    message: str,
    blanks: int,
    namespace: bool,
    late: bool,
) -> None:
    """botocore takes an error in a namespace for a result that lacks all; it is an error here too."""
    head, space = b'<?xml version="1.0" encoding="UTF-8"?>', b" " * blanks
    error = document("Error", texts(Code=code, Message=message), namespace=namespace, declared=False)
    theirs, ours = written(judge, call, Given(200, {}, head + space + error if late else space + error), arguments)
    assert (ours.document, ours.code, ours.status) == (None, code, 500)
    if not namespace:
        assert (theirs.document, theirs.code, theirs.status) == (None, code, 500)
        assert ours.message == theirs.message


@pytest.mark.parametrize(("call", "root", "used", "arguments"), [*WRITES, *LISTS])
def test_an_answer_that_is_cut_anywhere_is_an_error(
    judge: Judge, call: str, root: str, used: tuple[str, ...], arguments: dict[str, Any]
) -> None:
    inner = texts(IsTruncated="false", ETag='"e"', UploadId="u") + element("Contents", texts(Key="k", Size=1, ETag="e"))
    body = document(root, inner)
    for end in range(len(body)):
        _, ours = written(judge, call, Given(200, {}, body[:end]), arguments)
        assert (ours.document, ours.status) == (None, 500), body[:end]


@pytest.mark.parametrize(("call", "arguments"), ALL)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 413, 416, 429, 500, 501, 502, 503, 504])
def test_a_page_of_something_between_is_read_by_its_status(
    judge: Judge, call: str, arguments: dict[str, Any], status: int
) -> None:
    for body in PAGES:
        if call == "head_object" and body:
            continue
        theirs, ours = written(judge, call, Given(status, {}, body), arguments)
        assert (ours.document, ours.code, ours.status) == (None, str(status), status), body
        if not theirs.code or b"<Code>" in body:  # botocore reads a page of well-formed XML as an error without a code
            continue
        assert (theirs.code, theirs.status, theirs.message) == (ours.code, ours.status, ours.message), body


@pytest.mark.parametrize(("call", "arguments"), ALL)
@FEW
@given(code=CODES, message=PLAIN, status=st.sampled_from([400, 403, 404, 409, 412, 500, 503]), more=PLAIN)
def test_an_error(
    judge: Judge, call: str, arguments: dict[str, Any], code: str, message: str, status: int, more: str
) -> None:
    body = (
        b""
        if call == "head_object"
        else document("Error", texts(Code=code, Message=message, Key=more), namespace=False)
    )
    theirs, ours = written(judge, call, Given(status, {"x-amz-request-id": "r"}, body), arguments)
    assert ours == theirs
