"""``brigade pipe to``: whole or not at all, and what the object carries."""

import base64
import hashlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from awscrt.checksums import crc64nvme

from tests.pipe.conftest import BRIGADE, MIB, Bucket

LARGE = random.Random(6).randbytes(17 * MIB + 11)


def crc(data: bytes) -> str:
    return base64.b64encode(crc64nvme(data).to_bytes(8, "big")).decode()


@pytest.mark.parametrize("size", [1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, len(LARGE)])
def test_what_goes_in_is_what_is_there_and_s3_says_so(bucket: Bucket, size: int) -> None:
    result = bucket.to(stdin=LARGE[:size])
    assert bucket.body() == LARGE[:size]
    assert (result["bytes"], result["crc64nvme"]) == (size, crc(LARGE[:size]))
    assert result["etag"] == bucket.head()["ETag"]
    assert ("-" in result["etag"], result["parts"]) == (
        size >= 8 * MIB,
        -(-size // (8 * MIB)) if size >= 8 * MIB else 0,
    )
    assert bucket.head()["ChecksumCRC64NVME"] == result["crc64nvme"]
    assert bucket.uploads() == []


def test_talk_goes_to_stderr_and_nothing_to_stdout(bucket: Bucket) -> None:
    done = bucket.run("to", bucket.uri(), stdin=b"x")
    assert (done.returncode, done.stdout) == (0, b"")
    assert crc(b"x") in done.stderr.decode()
    assert bucket.run("to", bucket.uri(), stdin=b"x", options=["--quiet"]).stderr == b""


def test_empty_input_is_published_only_when_asked(bucket: Bucket) -> None:
    refused = bucket.run("to", bucket.uri())
    assert refused.returncode == 1
    assert b"--allow-empty" in refused.stderr
    assert bucket.keys() == []
    assert bucket.to("--allow-empty")["bytes"] == 0
    assert bucket.body() == b""


@pytest.mark.parametrize("size", [10, len(LARGE)])
@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("cat; exit 7", 7, b"sh exited with status 7"),
        ("cat; kill -TERM $$", 143, b"ended by SIGTERM"),
        ("cat; kill -KILL $$", 137, b"ended by SIGKILL"),
    ],
)
def test_a_producer_that_fails_publishes_nothing(
    bucket: Bucket, size: int, script: str, status: int, told: bytes
) -> None:
    done = bucket.run("to", bucket.uri(), "--", "sh", "-c", script, stdin=LARGE[:size])
    assert done.returncode == status
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert bucket.keys() == []
    assert bucket.uploads() == []


def test_a_producer_that_ends_well_is_published_and_its_stderr_passes(bucket: Bucket) -> None:
    done = bucket.run("to", bucket.uri(), "--", "sh", "-c", "echo to-stderr >&2; exec cat", stdin=LARGE)
    assert done.returncode == 0
    assert b"to-stderr\n" in done.stderr
    assert bucket.body() == LARGE


def test_a_producer_that_is_not_there(bucket: Bucket) -> None:
    done = bucket.run("to", bucket.uri(), "--", "no-such-program")
    assert done.returncode == 127
    assert b"no program 'no-such-program'" in done.stderr


def test_a_failed_producer_is_run_again(bucket: Bucket, tmp_path: Path) -> None:
    script = f'echo x >> {tmp_path}/tries; test "$(wc -l < {tmp_path}/tries)" -ge 3 && echo done'
    assert bucket.run("to", bucket.uri(), "--exec-retries", "1", "--", "sh", "-c", script).returncode == 1
    assert bucket.keys() == []
    assert bucket.run("to", bucket.uri(), "--exec-retries", "1", "--", "sh", "-c", script).returncode == 0
    assert bucket.body() == b"done\n"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("producer", [[], ["--", "sh", "-c", "cat; exec sleep 60"]])
def test_a_signal_publishes_nothing_and_ends_the_producer(
    bucket: Bucket, sent: signal.Signals, producer: list[str]
) -> None:
    running = bucket.start("to", bucket.uri(), *producer)
    assert running.stdin
    running.stdin.write(LARGE)
    running.stdin.flush()
    if producer:
        running.stdin.close()
        running.stdin = None
    while not bucket.uploads():
        time.sleep(0.02)
    running.send_signal(sent)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 128 + sent
    assert b"Traceback" not in stderr
    assert bucket.keys() == []
    assert bucket.uploads() == []


@pytest.mark.parametrize(
    ("option", "right", "wrong"),
    [
        ("--expect-bytes", str(len(LARGE)), str(len(LARGE) + 1)),
        ("--expect-bytes", str(len(LARGE)), "5"),
        ("--expect-sha256", hashlib.sha256(LARGE).hexdigest(), "0" * 64),
        ("--expect-trailer", "the end", "The End"),
    ],
)
def test_a_missed_expectation_publishes_nothing(bucket: Bucket, option: str, right: str, wrong: str) -> None:
    data = LARGE[:-9] + b"the end\n\n"
    if option == "--expect-sha256":
        right = hashlib.sha256(data).hexdigest()
    missed = bucket.run("to", bucket.uri(), option, wrong, stdin=data)
    assert missed.returncode == 1
    assert b"nothing was published" in missed.stderr
    assert bucket.keys() == []
    assert bucket.uploads() == []
    result = bucket.to(option, right, "--sha256", stdin=data)
    assert bucket.body() == data
    assert result["sha256"] == hashlib.sha256(data).hexdigest()


def test_reading_that_fails_publishes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    folder = os.open(tmp_path / "for-writing-only", os.O_WRONLY | os.O_CREAT)
    done = subprocess.run(
        [BRIGADE, "pipe", "to", bucket.uri()], stdin=folder, capture_output=True, env=bucket.environment(), check=False
    )
    os.close(folder)
    assert done.returncode == 1
    assert b"reading the input failed" in done.stderr
    assert bucket.keys() == []


@pytest.mark.parametrize("data", [b"new", LARGE])
def test_no_overwrite_and_if_match_hold_on_the_write_itself(bucket: Bucket, data: bytes) -> None:
    """The look before is passed: the object appears while the input is still coming."""
    waiting = bucket.start("to", bucket.uri(), "--no-overwrite")
    assert waiting.stdin
    waiting.stdin.write(data)
    waiting.stdin.flush()
    time.sleep(0.8)
    first = bucket.put(b"rival")
    _, stderr = waiting.communicate(timeout=60)
    assert waiting.returncode == 3, stderr
    assert b"exists already" in stderr
    assert bucket.body() == b"rival"
    assert bucket.uploads() == []
    assert bucket.run("to", bucket.uri(), "--if-match", '"0"', stdin=data).returncode == 3
    bucket.to("--if-match", first, stdin=data)
    assert bucket.body() == data


def test_a_condition_that_is_lost_already_reads_and_runs_nothing(bucket: Bucket, tmp_path: Path) -> None:
    bucket.to(stdin=b"there")
    done = bucket.run("to", bucket.uri(), "--no-overwrite", "--", "touch", f"{tmp_path}/ran")
    assert done.returncode == 3
    assert not (tmp_path / "ran").exists()
    assert bucket.body() == b"there"


def test_a_throttle_holds(bucket: Bucket) -> None:
    begun = time.monotonic()
    bucket.to("--throttle", "8MiB/s", stdin=LARGE[: 16 * MIB])
    assert time.monotonic() - begun > 1.4
    begun = time.monotonic()
    assert len(bucket.run("from", bucket.uri(), "--throttle", "8MiB/s").stdout) == 16 * MIB
    assert time.monotonic() - begun > 0.9  # a second's worth may be ahead


def test_a_dry_run_reads_and_changes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    done = bucket.run(
        "to", bucket.uri(), "--dry-run", "--no-overwrite", "--", "touch", f"{tmp_path}/ran", options=["--json"]
    )
    assert json.loads(done.stdout) | {"object": bucket.uri(), "condition": "absent"} == json.loads(done.stdout)
    assert bucket.keys() == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-overwrite", "--if-match", "x"],
        ["--gzip", "--zstd"],
        ["--level", "3"],
        ["--gzip", "--level", "9"],
        ["--memory", "10MiB"],
        ["--memory", "many"],
        ["--metadata", "nonsense"],
        ["--metadata", "a=é"],
        ["--sse-c-key", "short"],
        ["--expires", "tomorrow"],
    ],
)
def test_wrong_usage_exits_2_and_writes_nothing(bucket: Bucket, arguments: list[str]) -> None:
    done = bucket.run("to", bucket.uri(), *arguments, stdin=b"x")
    assert done.returncode == 2
    assert done.stderr
    assert bucket.keys() == []


@pytest.mark.parametrize("memory", [96, 128])
def test_memory_stays_under_what_is_allowed(bucket: Bucket, memory: int) -> None:
    """160 MiB through ``--memory``; the peak is the whole process's."""
    assert bucket.peak("to", bucket.uri(), "--memory", f"{memory}MiB", zeros=160 * MIB) < memory
    assert bucket.head()["ContentLength"] == 160 * MIB
