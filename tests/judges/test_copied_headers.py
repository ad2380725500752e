"""A copy carries the headers of its source byte for byte, by the boto3 that operations use."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData
from brigade.headers import sent_text
from brigade.operations.object import Object
from brigade.s3 import Absent

_COPIED = b'<CopyObjectResult><ETag>"e"</ETag><LastModified>2026-11-22T01:00:00Z</LastModified></CopyObjectResult>'


@contextlib.contextmanager
def server(headers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer HEAD with `headers` and PUT as CopyObject; yield the address and the requests."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        request += connection.recv(65536)
                    requests.append(request)
                    head = request.startswith(b"HEAD")
                    more = b'Content-Length: 3\r\nETag: "e"\r\n' + headers
                    lines = more if head else b"Content-Length: %d\r\n" % len(_COPIED)
                    body = b"" if head else _COPIED
                    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + lines + b"\r\n" + body)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests


def copied(headers: bytes) -> list[bytes]:
    """Return the headers that the copy of an object with these `headers` is made with."""
    with server(headers) as (url, requests):
        s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
        Object(s3, "lake", "k").copy("k2", Absent())
        return requests[1].split(b"\r\n")


@pytest.mark.parametrize(
    "header",
    [
        'Content-Disposition: attachment; filename="ü €.txt"',
        "Content-Type: text/plain; name=naïve",
        "Cache-Control: max-age=60",
        "Content-Language: français",
    ],
)
def test_a_copy_sends_the_bytes_that_were_received(header: str) -> None:
    assert header.encode() in copied(header.encode() + b"\r\n")


def test_a_header_that_boto3_cannot_send_as_it_is_is_refused() -> None:
    with pytest.raises(InvalidData, match="is not UTF-8"):
        copied(b"Content-Disposition: \xfc\r\n")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_text_that_was_decoded_byte_by_byte_is_sent_as_it_was(text: str) -> None:
    assert sent_text(text.encode().decode("latin-1")) == text
