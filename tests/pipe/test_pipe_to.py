"""``brigade pipe to``: whole or not at all, and what the object carries."""

import base64
import gzip
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from awscrt.checksums import crc64nvme
from backports import zstd

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
    _, stderr = running.communicate(timeout=20)
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
    bucket.to(option, right, stdin=data)
    assert bucket.body() == data


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
    _, stderr = waiting.communicate(timeout=20)
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


def test_what_the_object_carries(bucket: Bucket) -> None:
    options = (
        "--metadata a=b --metadata c=d=e --tag x=1 --tag y=2+3 --cache-control max-age=5 --content-disposition inline "
        "--content-language de --storage-class STANDARD_IA --expires 2030-01-31T00:00:00Z"
    )
    call = boto3.client("s3", endpoint_url=bucket.endpoint)
    for data in (b"{}", LARGE):
        bucket.to(*options.split(), stdin=data, key="dir/data.json")
        found = bucket.head("dir/data.json")
        assert found["ContentType"] == "application/json"
        assert found["CacheControl"] == "max-age=5"
        assert found["Metadata"] | {"a": "b", "c": "d=e"} == found["Metadata"]
        assert found["StorageClass"] == "STANDARD_IA"
        tags = call.get_object_tagging(Bucket=bucket.name, Key=bucket.key("dir/data.json"))["TagSet"]
        assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("x", "1"), ("y", "2+3")]
    call.close()


@pytest.mark.parametrize(
    ("option", "key", "content", "encoding"),
    [
        ("--gzip", "a.sql.gz", "application/gzip", None),
        ("--gzip", "a.json", "application/json", "gzip"),
        ("--zstd", "a.zst", "application/zstd", None),
        ("--zstd", "a.txt", "text/plain", "zstd"),
    ],
)
def test_compression(bucket: Bucket, option: str, key: str, content: str, encoding: str | None) -> None:
    text = b"".join(b'{"row": %d}\n' % number for number in range(400_000)) + LARGE
    result = bucket.to(option, stdin=text, key=key)
    packed = bucket.body(key)
    assert (gzip.decompress(packed) if option == "--gzip" else zstd.decompress(packed)) == text
    assert (result["bytes"], result["input_bytes"]) == (len(packed), len(text))
    found = bucket.head(key)
    assert (found["ContentType"], found.get("ContentEncoding")) == (content, encoding)
    assert bucket.run("from", bucket.uri(key), "--decompress").stdout == text


def test_a_compressed_stream_of_a_failed_producer_is_not_published(bucket: Bucket) -> None:
    for option in ("--gzip", "--zstd"):
        done = bucket.run("to", bucket.uri(), option, "--", "sh", "-c", "cat; exit 9", stdin=LARGE)
        assert (done.returncode, len(done.stderr.splitlines())) == (9, 1), done.stderr
        assert bucket.keys() == []
        assert bucket.uploads() == []


def test_a_throttle_holds(bucket: Bucket) -> None:
    begun = time.monotonic()
    bucket.to("--throttle", "8MiB/s", stdin=LARGE[: 16 * MIB])
    assert time.monotonic() - begun > 1.4


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
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdin=0, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(done.returncode)"
    )
    source = subprocess.Popen(["head", "-c", str(160 * MIB), "/dev/zero"], stdout=subprocess.PIPE)
    command = [str(BRIGADE), "pipe", "to", bucket.uri(), "--memory", f"{memory}MiB"]
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        stdin=source.stdout,
        capture_output=True,
        env=bucket.environment(),
        check=True,
    )
    source.communicate()
    assert int(done.stdout) < memory * 1024, resource.RUSAGE_CHILDREN
    assert bucket.head()["ContentLength"] == 160 * MIB


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_a_key_of_ones_own_is_needed_to_read_what_it_encrypts(bucket: Bucket, size: int, tmp_path: Path) -> None:
    """By a server that encrypts indeed, to which the key goes with every part, and each range."""
    key = tmp_path / "key"
    key.write_text(base64.b64encode(bytes(range(32))).decode())
    bucket.to("--sse-c-key", f"@{key}", stdin=LARGE[:size])
    back = bucket.run("from", bucket.uri(), "--sse-c-key", f"@{key}")
    assert (back.returncode, back.stderr) == (0, b"")
    assert back.stdout == LARGE[:size]
    assert bucket.run("from", bucket.uri()).returncode == 1
    other = base64.b64encode(bytes(32)).decode()
    assert bucket.run("from", bucket.uri(), "--sse-c-key", other).returncode == 1


def test_a_lock_is_on_the_object_from_its_first_moment(bucket: Bucket) -> None:
    call = boto3.client("s3", endpoint_url=bucket.endpoint)
    call.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    options = ["--lock-mode", "GOVERNANCE", "--lock-until", "2030-02-28T00:00:00Z", "--legal-hold"]
    for key, data in (("put", b"x"), ("parts", LARGE)):
        done = bucket.run("to", f"s3://locked/{key}", *options, stdin=data)
        assert done.returncode == 0, done.stderr
        kept = call.get_object_retention(Bucket="locked", Key=key)["Retention"]
        assert (kept["Mode"], kept["RetainUntilDate"].isoformat()[:10]) == ("GOVERNANCE", "2030-02-28")
        assert call.get_object_legal_hold(Bucket="locked", Key=key)["LegalHold"]["Status"] == "ON"
    call.close()
