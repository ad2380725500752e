"""Faults of an API end ``brigade ingest run`` with one clear line and exit code 1, and nothing is published."""

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks.ingest_memory import limited
from brigade.errors import InvalidData
from brigade.ingest.declare.pagination import Pagination
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.ingests import MIB, Lake, lake_of
from tests.unit.ingest.api import Answer, Server, page, serving

BRIGADE = str(REPOSITORY / ".venv/bin/brigade")
GOOD = {"id": 1, "text": "x" * 1000}
AT_ONCE = {"Retry-After": "0"}

# The second page, which is asked for as often as a source says where that can help.
FAULTS: dict[str, tuple[Answer, int, str]] = {
    "429, seconds": (Answer(b"slower", 429, AT_ONCE), 6, "no successful response in 6 tries: status 429: 'slower'"),
    "429, a date": (Answer(b"slower", 429, {"Retry-After": formatdate(0, usegmt=True)}), 6, "status 429: 'slower'"),
    "500": (Answer(b"oops", 500, AT_ONCE), 6, "no successful response in 6 tries: status 500: 'oops'"),
    "closed connection": (
        Answer(closes=True),
        6,
        "no successful response in 6 tries: ProtocolError: .*RemoteDisconnected",
    ),
    "wrong content length": (Answer(b'{"rows":[', length=99), 6, "no successful response in 6 tries: .*IncompleteRead"),
    "truncated JSON": (Answer(b'{"rows":[{"id":2},{"id":'), 1, r"page 2 .*: Input data was truncated"),
    "HTML with status 200": (Answer(b"<html>We are busy</html>"), 1, r"page 2 .*JSON is malformed.*<html>We are busy"),
    "invalid UTF-8": (Answer(b'{"rows":[{"id":"\xff"}],"next":null}'), 1, r"page 2 .*: byte 16 is not UTF-8"),
    "NaN": (Answer(b'{"rows":[{"id":NaN}],"next":null}'), 1, r"page 2 .*JSON is malformed"),
}


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


def environment(emulator: Emulator, lake: Lake, url: str) -> dict[str, str]:
    named = {"BRIGADE_LAKE_BUCKET": lake.lake, "BRIGADE_STATE_BUCKET": lake.state, "BRIGADE_BASE_URL": url}
    return {**os.environ, **emulator.environment("root"), **named}


class Started:
    """A run of the demo's source from an API whose second page is a fault."""

    def __init__(self, emulator: Emulator, lake: Lake, server: Server) -> None:
        self.lake, self.server = lake, server
        command = [BRIGADE, "ingest", "run", "demo", "--date", "2026-11-22"]
        self.process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment(emulator, lake, server.url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def second(fault: Answer) -> Callable[[int, dict[str, str]], Answer]:
    """An API whose first page is good."""
    return lambda _, query: fault if "_next" in query else page([GOOD], "more")


@pytest.fixture(scope="module")
def started(emulator: Emulator) -> Iterator[dict[str, Started]]:
    """All at once, since some wait between their tries."""
    with contextlib.ExitStack() as stack:
        runs = {}
        for name, (fault, _, _) in FAULTS.items():
            lake = stack.enter_context(lake_of(emulator.root("s3")))
            server = stack.enter_context(serving(second(fault)))
            runs[name] = Started(emulator, lake, server)
        yield runs
        for run in runs.values():
            run.process.kill()
            run.process.communicate()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_api_is_one_line_and_exit_1_and_publishes_nothing(
    started: dict[str, Started], name: str
) -> None:
    _, tries, said = FAULTS[name]
    run = started[name]
    out, told = run.process.communicate(timeout=120)
    assert (run.process.returncode, out) == (1, "")
    assert re.search(said, told), told
    assert told.count("\n") == 1, told
    assert "Traceback" not in told
    assert len(run.server.queries) == 1 + tries
    assert run.lake.keys(run.lake.lake) == []
    assert run.lake.open_uploads() == []


@contextlib.contextmanager
def gigabyte() -> Iterator[tuple[str, list[int]]]:
    """An API whose only record is a text of 1 GiB; gives its URL, and how much of it was taken."""
    taken: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(1024 * MIB))
            self.end_headers()
            taken.append(0)
            with contextlib.suppress(ConnectionError):
                self.wfile.write(b'{"rows":[{"id":"')
                for _ in range(1024):
                    self.wfile.write(b"x" * MIB)
                    taken[-1] += MIB

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}", taken
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_a_text_of_a_gigabyte_is_refused_in_256_mb(lake: Lake, emulator: Emulator) -> None:
    with gigabyte() as (url, taken):
        ended = limited(
            256, [BRIGADE, "ingest", "run", "demo", "--date", "2026-11-22"], environment(emulator, lake, url)
        )
    assert ended.status == 1
    assert "the page is larger than 67108864 bytes; ask for smaller pages" in ended.said
    assert len(taken) == 1
    assert taken[0] < 80 * MIB
    assert lake.nothing_is_published_or_left()


def test_a_record_of_a_gigabyte_in_an_answer_of_any_size_is_refused(lake: Lake) -> None:
    with gigabyte() as (url, taken), pytest.raises(InvalidData, match="a record is wider than 67108864 bytes"):
        lake.run(Server(url, lambda *_: Answer()), single=True, pagination=Pagination())
    assert taken[0] < 80 * MIB
    assert lake.nothing_is_published_or_left()


def test_of_two_commands_at_once_one_publishes_and_the_other_is_told_so(lake: Lake, emulator: Emulator) -> None:
    def slow(_: int, query: dict[str, str]) -> Answer:
        time.sleep(1)
        return page([{"id": 2}], None) if "_next" in query else page([GOOD], "more")

    with serving(slow) as server:
        runs = [Started(emulator, lake, server) for _ in range(2)]
        ended = {run.process.wait(): run.process.communicate() for run in runs}
    assert sorted(ended) == [0, 3]
    assert re.search(r"is held by process .* \(epoch 1\)|already_published", "".join(ended[3])), ended[3]
    assert "".join(ended[3]).count("\n") >= 1
    versions = lake.s3.list_object_versions(Bucket=lake.lake)["Versions"]
    assert len(versions) == 1
    key = versions[0]["Key"]
    assert [row["id"] for row in lake.rows_of(key)] == [1, 2]
    assert lake.open_uploads() == []
