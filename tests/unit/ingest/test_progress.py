"""A run shows its progress on a terminal only."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.ingest.api import Answer, page, serving

pytestmark = pytest.mark.process

COMMAND = [str(Path(sys.executable).with_name("brigade")), "ingest", "run", "demo", "--dry-run"]


def answer(number: int, _: dict[str, str]) -> Answer:
    return (
        Answer(b"", status=503, headers={"Retry-After": "0.3"})
        if number == 2
        else page([{"n": number}], "abc"[number:])
    )


def test_a_terminal_shows_pages_bytes_and_retries() -> None:
    with serving(answer) as api:
        ours, theirs = pty.openpty()
        environment = {**os.environ, "BRIGADE_BASE_URL": api.url, "TERM": "xterm", "COLUMNS": "100"}
        with subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, stderr=theirs) as running:
            os.close(theirs)
            seen = b""
            try:
                while block := os.read(ours, 4096):
                    seen += block
            except OSError:  # how Linux says that nobody has the other end open any more
                pass
            assert running.stdout
            assert b"records: 2" in running.stdout.read()
        os.close(ours)
    assert b"demo: 1 pages, 0.0 MB" in seen
    assert b"1 asked again" in seen


def test_without_a_terminal_nothing_shows() -> None:
    with serving(answer) as api:
        environment = {**os.environ, "BRIGADE_BASE_URL": api.url}
        done = subprocess.run(COMMAND, env=environment, capture_output=True, check=True)
    assert b"records: 2" in done.stdout
    assert done.stderr == b""
