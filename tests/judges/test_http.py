"""Answers as bytes, read by the standard library's HTTP client and by ours: ours returns the same, or refuses."""

import http.client
import io
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brigade.s3.http.connection import BrokenResponse, HttpConnection
from tests.examples import examples

BODY = st.binary(max_size=30) | st.sampled_from([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", b"0\r\n\r\n"])
ODD_LENGTH = st.sampled_from([b"-1", b"+1", b"1_0", b"0x5", b"5, 5", b"", b"\xb2", b"9"])
ODD_SIZE = st.sampled_from([b"-1", b"+3", b"0x3", b"1_0", b"", b"zz", b"3;x=y", b"3 "])
LINES = st.lists(
    st.sampled_from(
        [
            b'ETag: "e"',
            b'etag: "f"',
            b"X-A:b",
            b"x-a:  c ",
            b" folded",
            b"no colon",
            b"Content-Type : x",
            b": y",
            b"X: \xe4",
        ]
    ),
    max_size=3,
)


@st.composite
def answers(draw: Any) -> bytes:
    """An answer, whole, cut or wrong in one place."""
    body = draw(BODY)
    framing = draw(st.sampled_from(["length", "chunked", "close", "odd length", "odd chunk", "both"]))
    head = [draw(st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 404 Not Found", b"HTTP/2 200 OK"]))]
    head += draw(LINES)
    if framing in {"length", "both"}:
        head.append(b"Content-Length: %d" % len(body))
    if framing == "odd length":
        head.append(b"Content-Length: " + draw(ODD_LENGTH))
    if framing in {"chunked", "odd chunk", "both"}:
        head.append(b"Transfer-Encoding: chunked")
        size = draw(ODD_SIZE) if framing == "odd chunk" else b"%x" % len(body)
        body = (size + b"\r\n" + body + b"\r\n" if body or framing == "odd chunk" else b"") + b"0\r\n\r\n"
    whole = b"\r\n".join([*head, b"", body])
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def makefile(self, *_: object) -> io.BytesIO:
        return self._file


def theirs(data: bytes, method: str) -> tuple[int, str | None, bytes]:
    response = http.client.HTTPResponse(_Socket(data), method=method)  # type: ignore[arg-type]  # as its own tests do
    response.begin()
    return response.status, response.headers["etag"], response.read()


def ours(data: bytes, method: str) -> tuple[int, str | None, bytes]:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(data)
        far.shutdown(socket.SHUT_WR)
        connection = HttpConnection("127.0.0.1:9", None)
        connection._socket = near
        response = connection.exchange(method, "/", {"host": "h"})
        return response.status, response.headers.get("etag"), response.read()


@settings(max_examples=examples(150))
@given(data=answers(), method=st.sampled_from(["GET", "HEAD"]))
def test_an_answer_is_read_as_by_the_standard_library_or_refused(data: bytes, method: str) -> None:
    try:
        meant = theirs(data, method)
    except (http.client.HTTPException, ValueError, OSError):
        with pytest.raises(BrokenResponse):
            ours(data, method)
        return
    try:
        found = ours(data, method)
    except BrokenResponse:
        return  # we may be stricter: the request is made again
    assert found[0::2] == meant[0::2]
    assert (found[1] or "").partition(", ")[0] == (meant[1] or "")  # a repeated header: the first, or both


def test_what_is_well_formed_is_read() -> None:
    for method, data, body in [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        ("HEAD", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\n\r\n", b"hi"),
    ]:
        assert ours(data, method) == theirs(data, method) == (200, None, body)


def test_the_rest_of_an_answer_is_not_taken_for_the_next() -> None:
    """A body that came with an answer to HEAD is no answer to the request that follows."""
    near, far = socket.socketpair()
    with near, far:
        connection = HttpConnection("127.0.0.1:9", None)
        connection._socket = near
        rest = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "x"\r\n\r\nwrong'
        far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + rest)
        assert connection.exchange("HEAD", "/", {"host": "h"}).reusable
        assert not connection.quiet
        with pytest.raises(BrokenResponse, match="longer than its Content-Length"):
            connection.exchange("GET", "/", {"host": "h"})


def test_a_connection_that_was_closed_meanwhile_is_not_quiet() -> None:
    near, far = socket.socketpair()
    with near:
        connection = HttpConnection("127.0.0.1:9", None)
        connection._socket = near
        far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert connection.exchange("GET", "/", {"host": "h"}).reusable
        assert connection.quiet
        far.close()
        assert not connection.quiet
