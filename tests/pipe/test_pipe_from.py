"""``brigade pipe from``: every byte proved, of one version, in a bounded window."""

import base64
import hashlib
import random
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from awscrt.checksums import crc32c

from brigade.errors import InvalidData
from brigade.pipe.read import ByteRange, ObjectReader, open_read
from brigade.s3.location import Location
from tests.pipe.conftest import BRIGADE, MIB, Bucket

LARGE = random.Random(7).randbytes(17 * MIB + 11)


@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 8 * MIB + 1, len(LARGE)])
def test_what_is_there_comes_out(bucket: Bucket, size: int) -> None:
    bucket.to("--allow-empty", stdin=LARGE[:size])
    for options in ([], ["--verify-first"]):
        done = bucket.run("from", bucket.uri(), *options)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == LARGE[:size]


@pytest.mark.parametrize("first", [[], ["--verify-first"]])
@pytest.mark.parametrize(
    ("options", "start", "end"),
    [
        (["--offset", "5"], 5, None),
        (["--length", "7"], 0, 7),
        (["--offset", "8MiB", "--length", "7MiB"], 8 * MIB, 15 * MIB),
        (["--offset", "1000MiB"], len(LARGE), None),
        (["--tail", "10"], len(LARGE) - 10, None),
        (["--tail", "1000MiB"], 0, None),
    ],
)
def test_a_range(bucket: Bucket, options: list[str], start: int, end: int | None, first: list[str]) -> None:
    bucket.to(stdin=LARGE)
    done = bucket.run("from", bucket.uri(), *options, *first)
    assert done.returncode == 0, done.stderr
    assert done.stdout == LARGE[start:end]


def test_a_large_object_is_read_twice_to_be_proved_first(bucket: Bucket) -> None:
    data = LARGE * 5
    bucket.to(stdin=data)
    done = bucket.run("from", bucket.uri(), "--verify-first", "--offset", "70MiB", "--memory", "96MiB")
    assert done.stdout == data[70 * MIB :]


def test_several_objects_and_a_prefix_with_a_separator(bucket: Bucket) -> None:
    for key in ("p/b", "p/a", "q"):
        bucket.to(stdin=key.encode(), key=key)
    both = bucket.run("from", bucket.uri("q"), bucket.uri("p/a"), "--separator", r"\n")
    assert both.stdout == b"q\np/a"
    assert bucket.run("from", bucket.uri("p/"), "--prefix", "--separator", "|").stdout == b"p/a|p/b"
    none = bucket.run("from", bucket.uri("none"), "--prefix")
    assert (none.returncode, none.stdout) == (1, b"")


def test_what_is_not_there(bucket: Bucket) -> None:
    done = bucket.run("from", bucket.uri("nothing"))
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"there is no object" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_stdout_is_no_error(bucket: Bucket) -> None:
    bucket.to(stdin=LARGE)
    running = bucket.start("from", bucket.uri())
    assert running.stdout
    assert running.stdout.read(10) == LARGE[:10]
    running.stdout.close()
    running.stdout = None
    _, stderr = running.communicate(timeout=60)
    assert (running.returncode, stderr) == (0, b"")


def test_an_object_that_changes_meanwhile_is_an_error_and_not_a_mixture(bucket: Bucket) -> None:
    data = LARGE * 12
    bucket.to(stdin=data)
    running = bucket.start("from", bucket.uri())
    assert running.stdout
    head = running.stdout.read(MIB)
    bucket.put(b"other")
    out, stderr = running.communicate(timeout=60)
    assert running.returncode == 3, stderr
    assert b"was changed while it was read" in stderr
    assert data.startswith(head + out)


def upload(bucket: Bucket, parts: list[bytes], algorithm: str | None) -> None:
    """Write parts as another tool does, with a checksum of their own each, or none."""
    call = bucket.client
    kind: dict[str, Any] = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    made = call.create_multipart_upload(Bucket=bucket.name, Key=bucket.key(), **kind)["UploadId"]
    sums = {"CRC32": zlib.crc32, "CRC32C": crc32c}
    listed = []
    for number, part in enumerate(parts, 1):
        field = {}
        if algorithm:
            field = {f"Checksum{algorithm}": base64.b64encode(sums[algorithm](part).to_bytes(4, "big")).decode()}
        answer = call.upload_part(
            Bucket=bucket.name, Key=bucket.key(), UploadId=made, PartNumber=number, Body=part, **field
        )
        listed.append({"PartNumber": number, "ETag": answer["ETag"], **field})
    call.complete_multipart_upload(
        Bucket=bucket.name, Key=bucket.key(), UploadId=made, MultipartUpload={"Parts": listed}
    )


@pytest.mark.parametrize(("algorithm", "name"), [(None, "MD5 of parts"), ("CRC32", "CRC32"), ("CRC32C", "CRC32C")])
def test_objects_of_other_tools_are_proved_by_what_s3_keeps(bucket: Bucket, algorithm: str | None, name: str) -> None:
    parts = [LARGE[: 5 * MIB], LARGE[5 * MIB : 11 * MIB], LARGE[11 * MIB :]]
    upload(bucket, parts, algorithm)
    reading = ObjectReader.open(bucket.client, Location(bucket.name, bucket.key()))
    assert b"".join(bytes(block) for block in reading.blocks()) == LARGE
    assert (reading.proved_by or "").startswith(name)


def test_a_single_put_of_another_tool_is_proved_by_md5(bucket: Bucket) -> None:
    bucket.put(LARGE)
    reading = ObjectReader.open(bucket.client, Location(bucket.name, bucket.key()))
    assert hashlib.md5(b"".join(bytes(block) for block in reading.blocks())).digest() == hashlib.md5(LARGE).digest()
    assert reading.proved_by == "MD5"


class Lying:
    """A client whose every answer has one byte changed, or says nothing that could prove it."""

    def __init__(self, client: Any, *, hide: bool = False) -> None:
        self._client, self._hide = client, hide

    def head_object(self, **arguments: Any) -> Any:
        answer = self._client.head_object(**arguments)
        if self._hide:
            answer = {name: value for name, value in answer.items() if not name.startswith("Checksum")}
            answer["ServerSideEncryption"] = "aws:kms"
        return answer

    def get_object(self, **arguments: Any) -> Any:
        answer = self._client.get_object(**arguments)
        real = answer["Body"]
        readinto = real.readinto

        def changed(buffer: memoryview) -> int:
            count: int = readinto(buffer)
            if count:
                buffer[0] ^= 1
            return count

        real.readinto = changed
        return answer


@pytest.mark.parametrize("first", [False, True])
def test_wrong_bytes_are_caught(bucket: Bucket, first: bool) -> None:
    bucket.to(stdin=LARGE)
    reading = ObjectReader.open(Lying(bucket.client), Location(bucket.name, bucket.key()))
    given: list[bytes] = []
    with pytest.raises(InvalidData, match="differ from the bytes that S3 received"):
        given.extend(bytes(block) for block in reading.blocks(first=first))
    assert bool(given) is not first


def test_what_cannot_be_proved_is_not_read_unless_asked(bucket: Bucket) -> None:
    bucket.to(stdin=LARGE)
    client = Lying(bucket.client, hide=True)
    with pytest.raises(InvalidData, match="--unproved"):
        next(ObjectReader.open(client, Location(bucket.name, bucket.key())).blocks())
    assert next(ObjectReader.open(client, Location(bucket.name, bucket.key())).blocks(unproved=True))


def test_broken_compressed_data_is_an_error(bucket: Bucket) -> None:
    bucket.to("--gzip", stdin=LARGE, key="a.gz")
    packed = bucket.body("a.gz")
    for key, data, told in (
        ("short", packed[:-5], b"ends in the middle"),
        ("bad", b"\x1f\x8b" + b"x" * 50, b"not sound gzip"),
    ):
        bucket.to(stdin=data, key=key)
        done = bucket.run("from", bucket.uri(key), "--decompress")
        assert done.returncode == 1
        assert told in done.stderr, done.stderr
    bucket.to(stdin=packed + packed, key="two")
    assert bucket.run("from", bucket.uri("two"), "--decompress").stdout == LARGE * 2
    bucket.to(stdin=b"text", key="text")
    assert b"neither gzip nor zstd" in bucket.run("from", bucket.uri("text"), "--decompress").stderr


@pytest.mark.parametrize(
    "arguments", [["--tail", "1", "--offset", "2"], ["--version-id", "x", "--prefix"], ["--memory", "1MiB"]]
)
def test_wrong_usage_exits_2(bucket: Bucket, arguments: list[str]) -> None:
    bucket.to(stdin=b"x")
    done = bucket.run("from", bucket.uri(), *arguments)
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_slow_reader_holds_the_window(bucket: Bucket) -> None:
    """The reader takes 1 MiB and waits: what is held does not grow with the object."""
    bucket.to(stdin=bytes(200 * MIB))
    running = bucket.start("from", bucket.uri(), "--memory", "96MiB")
    assert running.stdout
    running.stdout.read(MIB)
    time.sleep(1.5)
    status = Path(f"/proc/{running.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    rest, _ = running.communicate()
    assert len(rest) == 199 * MIB
    assert running.returncode == 0
    assert peak < 96 * 1024


def loaded(bucket: Bucket, *arguments: str, stdin: bytes = b"") -> set[str]:
    """Return the modules that a command loads."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", BRIGADE, "pipe", *arguments],
        input=stdin,
        capture_output=True,
        env=bucket.environment(),
        check=True,
    )
    return {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines()}


def test_start_to_first_byte(bucket: Bucket) -> None:
    """A command of a shell loop: it loads little. Names, not the clock, since tests run beside others."""
    heavy = {"boto3", "botocore.exceptions", "urllib3", "rich", "asyncio", "pyarrow", "duckdb", "pydantic", "msgspec"}
    heavy |= {"http.client", "email.message", "ssl", "_awscrt", "tempfile", "json"}
    assert not loaded(bucket, "to", bucket.uri(), stdin=b"x") & heavy
    assert not loaded(bucket, "from", bucket.uri()) & (heavy | {"logging", "brigade.pipe.write"})


def test_a_part_is_of_one_version_and_no_more_is_read_where_no_proof_is_wanted(bucket: Bucket) -> None:
    bucket.to(stdin=LARGE)
    asked: list[str] = []

    class Asking:
        head_object = bucket.client.head_object

        def get_object(self, **arguments: Any) -> Any:
            asked.append(f"{arguments['Range']} {arguments['IfMatch']}")
            return bucket.client.get_object(**arguments)

    reading = ObjectReader.open(Asking(), Location(bucket.name, bucket.key()))
    span = ByteRange(offset=MIB, length=10)
    assert b"".join(bytes(block) for block in reading.blocks(span, unproved=True)) == LARGE[MIB : MIB + 10]
    assert (asked, reading.proved_by) == ([f"bytes={MIB}-{MIB + 9} {bucket.head()['ETag']}"], None)
    assert b"".join(bytes(block) for block in reading.blocks(span)) == LARGE[MIB : MIB + 10]
    assert (len(asked), reading.proved_by) == (1 + 3, "CRC64NVME")


def test_a_file_is_read_to_its_proved_end_or_left_by_an_exception(bucket: Bucket) -> None:
    bucket.to(stdin=LARGE)
    with open_read(bucket.client, bucket.uri()) as file:
        assert file.read(5) == LARGE[:5]
        assert file.read() == LARGE[5:]
    with suppress(ZeroDivisionError), open_read(bucket.client, bucket.uri()) as left:
        assert left.read(5) == LARGE[:5]
        raise ZeroDivisionError
    assert left.closed
    with pytest.raises(InvalidData), open_read(Lying(bucket.client), bucket.uri()) as file:
        file.read()
