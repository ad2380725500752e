"""HTTP/1.1 as servers speak it: the ends of bodies, chunks, what comes before an answer, and what is none."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from brigade.s3.http import connection as wire
from brigade.s3.http.connection import BrokenResponse, HttpConnection

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def answering(listener: socket.socket, *answers: bytes) -> HttpConnection:
    """Answer each request on one connection in turn, a byte or two at a time for the first kilobyte.

    A client may hang up as soon as it has seen what is no HTTP, before all of it is sent.
    """

    def serve() -> None:
        taken, _ = listener.accept()
        with taken, suppress(ConnectionResetError, BrokenPipeError):
            for answer in answers:
                got = b""
                while b"\r\n\r\n" not in got:
                    got += taken.recv(4096)
                for start in range(0, min(len(answer), 1000), 2):
                    taken.sendall(answer[start : min(start + 2, 1000)])
                taken.sendall(answer[1000:])

    threading.Thread(target=serve, daemon=True).start()
    return HttpConnection(f"127.0.0.1:{listener.getsockname()[1]}", None)


@pytest.mark.parametrize(
    ("answer", "body", "reusable"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
        (OK + b"content-length:0\r\n\r\n", b"", True),
        (OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello", b"hello", False),
        (OK + b"\r\nuntil it is closed", b"until it is closed", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi", False),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
            b"abc0123456789",
            True,
        ),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n", b"", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n9c40\r\n" + b"z" * 40_000 + b"\r\n0\r\n\r\n", b"z" * 40_000, True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx", b"x", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    ],
)
def test_a_body_ends_where_it_should(listener: socket.socket, answer: bytes, body: bytes, reusable: bool) -> None:
    connection = answering(listener, answer)
    response = connection.exchange("GET", "/", {"host": "h"})
    assert response.read() == body
    assert response.reusable is reusable
    connection.close()


def test_a_connection_is_used_again_and_an_answer_to_head_has_no_body(listener: socket.socket) -> None:
    connection = answering(listener, OK + b"Content-Length: 7\r\nX-A: b\r\n\r\n", OK + b"Content-Length: 3\r\n\r\nabc")
    head = connection.exchange("HEAD", "/", {"host": "h"})
    assert (head.headers["x-a"], head.read(), head.reusable) == ("b", b"", True)
    body = connection.exchange("GET", "/", {"host": "h"})
    assert (body.read(2), body.reusable, body.read(2), body.read(2)) == (b"ab", False, b"c", b"")
    assert body.reusable
    connection.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "closed before an answer"),
        (b"SSH-2.0-server\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 OK\r\n\r\n", "no HTTP"),
        (OK + b"Content-Length: 9\r\n\r\nshort", "cut with 4 bytes to come"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nshort", "cut with 4 bytes to come"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nlong\r\n0\r\n\r\n", "longer than its stated size"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "no size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "closed before"),
        (OK + b"X: " + b"y" * 300_000, "without the end of a header"),
    ],
)
def test_what_is_cut_or_no_http_is_broken_and_never_an_end(listener: socket.socket, answer: bytes, told: str) -> None:
    connection = answering(listener, answer)
    with pytest.raises(BrokenResponse, match=told):
        connection.exchange("GET", "/", {"host": "h"}).read()
    connection.close()


@pytest.mark.parametrize(
    ("body", "told"), [(b"", "nothing came for 1 s"), (bytes(64 << 20), "the server read nothing for 1 s")]
)
def test_who_says_or_takes_nothing_is_not_waited_for(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, body: bytes, told: str
) -> None:
    monkeypatch.setattr(wire, "READ_S", 1.0)
    connection = HttpConnection(f"127.0.0.1:{listener.getsockname()[1]}", None)
    with pytest.raises(TimeoutError, match=told):
        connection.exchange("PUT", "/", {"host": "h"}, body)
    connection.close()


def test_who_is_slow_is_waited_for(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the whole takes, as long as something comes in each of the given times."""
    monkeypatch.setattr(wire, "READ_S", 3.0)

    def serve() -> None:
        taken, _ = listener.accept()
        with taken:
            taken.recv(4096)
            for byte in OK + b"Content-Length: 6\r\n\r\n", *(bytes([each]) for each in b"slowly"):
                taken.sendall(byte)
                time.sleep(0.7)

    threading.Thread(target=serve, daemon=True).start()
    connection = HttpConnection(f"127.0.0.1:{listener.getsockname()[1]}", None)
    began = time.monotonic()
    assert connection.exchange("GET", "/", {"host": "h"}).read() == b"slowly"
    assert time.monotonic() - began > 3
    connection.close()
