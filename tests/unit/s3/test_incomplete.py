"""An answer of status 200 without what S3 always says, as a proxy may make it up: one line that says to try again."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from brigade.errors import RetryLater
from brigade.operations.object import Object
from brigade.s3.objects import get, head
from brigade.s3.read import stream_object


class Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("etag", '"e"')
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def client() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        made = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"max_attempts": 1}),
        )
        yield made
        made.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("ask", "act"),
    [
        (lambda s3: head(s3, "bucket", "k"), "look at"),
        (lambda s3: get(s3, "bucket", "k"), "read"),
        (lambda s3: next(stream_object(s3, "bucket", "k")), "read"),
        (lambda s3: Object(s3, "bucket", "k").head, "look at"),
    ],
)
def test_an_answer_that_lacks_a_field_is_to_be_tried_again(client: Any, ask: Callable[[Any], object], act: str) -> None:
    with pytest.raises(RetryLater) as raised:
        ask(client)
    assert str(raised.value) == f"cannot {act} s3://bucket/k now: the answer lacks ContentLength; try again later"
