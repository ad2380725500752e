"""The command before a server that keeps all that it is sent: closed streams, pages in place of answers, refusals."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from brigade.errors import BrigadeError, InvalidData
from brigade.pipe.read import ByteRange, ObjectReader
from brigade.s3.errors import translate_errors
from brigade.s3.http import connect, session
from brigade.s3.location import Location
from brigade.s3.objects import delete, get, put

pytestmark = pytest.mark.process

BRIGADE = Path(sys.executable).parent / "brigade"
BODY = b"GET /the/object/is/a/request HTTP/1.1\r\n\r\n" * 30_000  # more than a part of it fits a socket's buffer
NGINX = b"<html>\r\n<head><title>x</title></head>\r\n<body>\r\n<h1>x</h1>\r\n<hr>\r\n</body></html>\r\n"


class Server(ThreadingHTTPServer):
    """Keep the first line and headers of each request; `answer` says what to send."""

    daemon_threads = True
    ranged = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []
        self.answers: list[tuple[int, bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
        return {**os.environ, **keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}"}


class Handler(BaseHTTPRequestHandler):
    """One object of `BODY` at each key."""

    protocol_version = "HTTP/1.1"
    raw_requestline: bytes
    server: Server

    def parse_request(self) -> bool:
        self.server.seen.append(self.raw_requestline.decode("latin-1").rstrip())
        return super().parse_request()

    def do_GET(self) -> None:
        self._answer(b"" if self.command == "HEAD" else BODY)

    def do_DELETE(self) -> None:
        self._answer(b"")

    do_HEAD = do_GET  # noqa: N815 - the name that the library calls

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(b"")

    do_POST = do_PUT  # noqa: N815 - as above

    def _answer(self, body: bytes) -> None:
        status, said = self.server.answers.pop(0) if self.server.answers else (200, body)
        asked = self.headers.get("range", "")
        self.close_connection = status >= 400
        if asked and self.server.ranged and status == 200:
            first, last = (int(each) for each in asked.removeprefix("bytes=").split("-"))
            status, said = 206, body[first : last + 1]
        self.send_response(status)
        if status == 206:
            self.send_header("content-range", f"bytes {first}-{last}/{len(body)}")
        self.send_header("content-length", str(len(BODY) if self.command == "HEAD" else len(said)))
        self.send_header("etag", '"e"')
        self.send_header("last-modified", "Sun, 22 Nov 2026 14:00:00 GMT")
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(session, "backoff", lambda *_: 0.0)
    made: Any = connect()
    yield made
    made.close()


def run(server: Server, redirects: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run `brigade ARGUMENTS` with these redirections of the shell."""
    command = ["sh", "-c", f'exec "$@" {redirects}', "sh", str(BRIGADE), *arguments]
    return subprocess.run(command, capture_output=True, check=False, env=server.environment, timeout=60, input=b"in")


@pytest.mark.parametrize("others", ["", "<&-", "<&- 2>&-"])
def test_an_object_is_not_sent_to_the_server_where_stdout_is_closed(server: Server, others: str) -> None:
    done = run(server, f">&- {others}", "pipe", "from", "--unproved", "s3://bucket/key")
    assert done.returncode == 1
    assert done.stderr.decode() == ("" if "2>&-" in others else "brigade: stdout: Bad file descriptor\n")
    assert all("/bucket/key" in line for line in server.seen)


def test_a_full_disk_is_one_line(server: Server) -> None:
    done = run(server, ">/dev/full", "pipe", "from", "--unproved", "s3://bucket/key")
    assert (done.returncode, done.stderr) == (1, b"brigade: stdout: No space left on device\n")


@pytest.mark.parametrize("others", ["", ">&-", ">&- 2>&-"])
def test_a_closed_stdin_is_no_empty_object(server: Server, others: str) -> None:
    done = run(server, f"<&- {others}", "pipe", "to", "--allow-empty", "s3://bucket/key")
    assert done.returncode == 1
    told = "brigade: reading the input failed: Bad file descriptor; nothing was published\n"
    assert done.stderr.decode() == ("" if "2>&-" in others else told)
    assert [line for line in server.seen if line.startswith(("PUT", "POST"))] == []


def test_talk_does_not_go_to_stdout_where_stderr_is_closed(server: Server) -> None:
    """print writes what is meant for a stderr of None to stdout: among the bytes of the object."""
    done = run(server, "2>&-", "pipe", "from", "s3://bucket/")
    assert (done.returncode, done.stdout) == (1, b"")


def test_what_a_command_prints_to_a_closed_stdout_is_missed(server: Server) -> None:
    for redirect in (">&-", ">/dev/full"):
        done = run(server, redirect, "--version")
        assert done.returncode == 1
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--content-type", "text/plain\r\nx-amz-acl: public-read"],
        ["--content-disposition", "a\nb"],
        ["--cache-control", "a\x01"],
        ["--content-language", "a\x7f"],
        ["--content-encoding", "a\tb"],
        ["--storage-class", "STANDARD\r"],
        ["--sse-kms-key", "key\n"],
        ["--acl", "private\r\nx: y"],
        ["--lock-mode", "GOVERNANCE\n"],
        ["--metadata", "a b=c"],
        ["--metadata", "a=b\r\nc: d"],
        ["--metadata", "A=1", "--metadata", "a=2"],
        ["--metadata", "a=1", "--metadata", "a=2"],
        ["--metadata", "brigade-write=1"],
        ["--tag", "a=b\n"],
        ["--tag", "a=b", "--tag", "a=c"],
    ],
)
def test_an_option_that_a_header_cannot_carry_is_refused_before_anything_is_sent(
    server: Server, options: list[str]
) -> None:
    done = run(server, "", "pipe", "to", "s3://bucket/key", *options)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert server.seen == []


@pytest.mark.parametrize(
    "options",
    [
        ["--segments", "--resume", "n"],
        ["--segments", "--sha256"],
        ["--segments", "--segment-size", "64"],
        ["--state", "s3://bucket/p"],
        ["--exec-retries", "2"],
        ["--expect-sha256", "abc"],
        ["--expect-trailer", "x" * 4097],
    ],
)
def test_an_option_that_would_have_no_effect_or_can_never_hold_is_refused(server: Server, options: list[str]) -> None:
    done = run(server, "", "pipe", "to", "s3://bucket/key", *options)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert server.seen == []


def test_a_condition_is_not_trusted_to_a_server_that_passes_over_it(server: Server) -> None:
    done = run(server, "", "pipe", "to", "s3://bucket/key", "--if-match", '"e"')
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"passes over IfMatch of PutObject, so that s3://bucket/key could be replaced" in done.stderr
    assert [line for line in server.seen if line.startswith(("PUT /bucket/key ", "POST /bucket/key"))] == []
    assert server.seen[-1].startswith("DELETE /bucket/key.brigade-probe-")


def test_a_page_of_a_proxy_is_one_line_or_tried_again(server: Server, client: Any) -> None:
    server.answers = [(502, NGINX), (503, b""), (500, NGINX)]
    assert put(client, "bucket", "k", b"x").etag == '"e"'
    assert len([line for line in server.seen if line.startswith("PUT")]) == 4
    server.answers = [(413, NGINX)]
    with pytest.raises(BrigadeError, match=r"^cannot write s3://bucket/k: a server in front of S3 .*\(413\)"):
        put(client, "bucket", "k", b"x")
    server.answers = [(502, NGINX)] * 5
    with pytest.raises(BrigadeError, match=r"^cannot list s3://bucket/ now, after retries \(502\): try again later$"):  # noqa: SIM117 - the line is the outer one's
        with translate_errors("list", "bucket"):
            client.list_objects_v2(Bucket="bucket")


def test_a_page_of_a_proxy_does_not_say_that_there_is_no_object(server: Server, client: Any) -> None:
    """S3 names what is absent in its answer to GET; a page of status 404 is of something else."""
    for body in (NGINX, b""):
        server.answers = [(404, body)] * 2
        with pytest.raises(BrigadeError, match=r"cannot read s3://bucket/k: .*404"):
            get(client, "bucket", "k")
        with pytest.raises(BrigadeError, match=r"cannot delete s3://bucket/k: .*404"):
            delete(client, "bucket", "k")
    gone = b"<Error><Code>NoSuchKey</Code></Error>"
    server.answers = [(404, gone)] * 2
    assert get(client, "bucket", "k") is None
    delete(client, "bucket", "k")


def test_a_server_that_passes_over_ranges_is_refused(server: Server, client: Any) -> None:
    server.ranged = False
    reading = ObjectReader.open(client, Location("bucket", "k"))
    with pytest.raises(InvalidData, match="it does not support ranges"):
        list(reading.blocks(ByteRange(5, 10), unproved=True))
    server.ranged = True
    assert b"".join(reading.blocks(ByteRange(5, 10), unproved=True)) == BODY[5:15]


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_header_of_boto3s_client_is_checked_too(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from brigade.aws import Connection
    from brigade.errors import UsageError

    for each, value in server.environment.items():
        monkeypatch.setenv(each, value)
    client = Connection(endpoint_url=server.environment["AWS_ENDPOINT_URL"]).client("s3")
    ask: Callable[..., Any] = client.put_object if name == "a" else client.create_multipart_upload
    with pytest.raises(UsageError, match=r"U\+000D; nothing was sent"):
        ask(Bucket="bucket", Key="k", ContentType="text/plain\r\n x-amz-acl: public-read")
    client.close()
    assert server.seen == []
