"""Kept connections that the server closes: the next request goes out on a new one, and that is no try."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from brigade.errors import RetryLater
from brigade.s3.errors import translate_errors
from brigade.s3.http import connect, session

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: "e"\r\nLast-Modified: Sun, 22 Nov 2026 14:00:00 GMT\r\n\r\n'


class Closing:
    """A server that answers the first request of each connection, and sends `second` to the next before it closes."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.second = b""
        self.connections = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # the listener is closed: the test has ended
            while True:
                taken, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(taken,), daemon=True).start()

    def _answer(self, taken: socket.socket) -> None:
        with taken, suppress(OSError):
            for answer in (OK, self.second):
                got = b""
                while b"\r\n\r\n" not in got and (more := taken.recv(65536)):
                    got += more
                taken.sendall(answer)


@pytest.fixture
def server() -> Iterator[Closing]:
    made = Closing()
    yield made
    made.listener.shutdown(socket.SHUT_RDWR)
    made.listener.close()
    made.thread.join()


@pytest.fixture
def client(server: Closing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    made: Any = connect(region="us-east-1", endpoint_url=f"http://127.0.0.1:{server.listener.getsockname()[1]}")
    yield made
    made.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counted: list[int] = []

    def backoff(attempt: int, *_: float) -> float:
        counted.append(attempt)
        return 0.0

    monkeypatch.setattr(session, "backoff", backoff)
    return counted


def test_a_request_on_a_connection_that_was_closed_is_no_try(
    server: Closing, client: Any, pauses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TRIES", 1)
    for number in range(4):
        assert client.head_object(Bucket="b", Key="k")["ETag"] == '"e"'
        assert client.put_object(Bucket="b", Key="k", Body=b"")["ETag"] == '"e"'
        client.delete_object(Bucket="b", Key=f"{number}")
    assert (server.connections, pauses) == (12, [])


@pytest.mark.parametrize("second", [b"", b"HTTP/1.1 200"])
def test_what_may_have_been_carried_out_or_was_answered_in_part_is_a_try(
    server: Closing, client: Any, pauses: list[int], monkeypatch: pytest.MonkeyPatch, second: bytes
) -> None:
    monkeypatch.setattr(session, "TRIES", 1)
    server.second = second
    client.head_object(Bucket="b", Key="k")
    write = client.put_object if second else client.create_multipart_upload
    with pytest.raises(RetryLater), translate_errors("write", "b", "k"):
        write(Bucket="b", Key="k")
    assert (server.connections, pauses) == (1, [])
