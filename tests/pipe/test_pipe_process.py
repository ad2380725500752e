"""The command as a process among others: without a disk, on a terminal."""

import os
import pty
import random
import re
import resource
import subprocess
from typing import Any

import pytest

from tests.pipe.conftest import BRIGADE, MIB, Bucket

LARGE = random.Random(15).randbytes(17 * MIB + 3)


def _no_file_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize("options", [[], ["--gzip"], ["--segments", "--segment-size", "6MiB"]])
def test_no_byte_goes_to_a_disk(bucket: Bucket, options: list[str]) -> None:
    """No process of it may write a byte into a file: up, down, in segments."""

    def run(*arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [BRIGADE, "pipe", *arguments],
            input=stdin,
            capture_output=True,
            env=bucket.environment(),
            preexec_fn=_no_file_may_grow,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("to", bucket.uri(), *options, stdin=LARGE)
    assert run("from", bucket.uri(), *(["--decompress"] if "--gzip" in options else [])) == LARGE


def on_a_terminal(bucket: Bucket, command: list[str], stdin: Any, stdout: Any) -> str:
    """Return the output of the command to a terminal on its stderr."""
    screen, terminal = pty.openpty()
    running = subprocess.Popen(
        [BRIGADE, *command], stdin=stdin, stdout=stdout, stderr=terminal, env=bucket.environment()
    )
    os.close(terminal)
    if stdin not in {None, subprocess.DEVNULL}:
        stdin.close()
    drawn = b""
    while True:
        try:
            got = os.read(screen, 65536)
        except OSError:  # Linux's way to say that nobody has the terminal open any more
            break
        if not got:
            break
        drawn += got
    os.close(screen)
    assert running.wait() == 0, drawn
    return drawn.decode()


LINE = r"\r\x1b\[K{name}  \d+\.\d [KM]iB  \d+\.\d [KM]iB/s  0:0\d"


def test_a_terminal_shows_how_far_and_how_fast_though_nobody_knows_the_size(bucket: Bucket) -> None:
    def slow() -> "subprocess.Popen[bytes]":
        script = "for i in 1 2 3 4 5 6 7 8; do head -c 2000000 /dev/zero; sleep 0.25; done"
        return subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)

    feeding = slow()
    drawn = on_a_terminal(bucket, ["pipe", "to", bucket.uri()], feeding.stdout, subprocess.DEVNULL)
    feeding.wait()
    lines = re.findall(LINE.format(name=re.escape(bucket.key())), drawn)
    assert len(lines) >= 2, drawn
    assert re.search(r"\r\x1b\[Ks3://", drawn), drawn  # the line is cleared before the last word
    assert bucket.head()["ContentLength"] == 16_000_000
    down = ["pipe", "from", bucket.uri(), "--throttle", "8MB/s"]
    drawn = on_a_terminal(bucket, down, subprocess.DEVNULL, subprocess.DEVNULL)
    assert re.search(LINE.format(name=re.escape(bucket.uri())), drawn), drawn
    feeding = slow()
    quiet = on_a_terminal(bucket, ["--quiet", "pipe", "to", bucket.uri()], feeding.stdout, subprocess.DEVNULL)
    feeding.wait()
    assert quiet == ""
