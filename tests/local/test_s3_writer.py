"""The writer on the S3 of the local AWS: whole or nothing, one of racers, settled when the answer is not clear."""

import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from brigade.errors import ConditionLost, NotFound, RetryLater, UsageError
from brigade.s3 import Absent, Condition, Matches, Writer
from brigade.s3.multipart import Upload, part_size
from brigade.s3.objects import put
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.faults import Faulty, lost, own_412, refused, unsent

MIB = 1024 * 1024
KEY = "a b+%/ключ\n=💧"
SMALL = b"small"
LARGE = random.Random(1).randbytes(12 * MIB + 7)


@dataclass
class Bucket:
    s3: Any
    name: str

    def body(self, key: str = KEY) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def keys(self) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def is_clean(self) -> bool:
        return not self.s3.list_multipart_uploads(Bucket=self.name).get("Uploads")

    def write(self, data: bytes, condition: Condition = None, client: Any = None) -> Writer:
        with Writer(client or self.s3, self.name, KEY, condition=condition, part_bytes=5 * MIB) as writer:
            for start in range(0, len(data), 700_001):
                writer.write(data[start : start + 700_001])
        return writer


@pytest.fixture
def bucket(emulator: Emulator) -> Iterator[Bucket]:
    made = Bucket(emulator.root("s3"), f"writer-{uuid.uuid4().hex[:12]}")
    made.s3.create_bucket(Bucket=made.name)
    yield made
    made.s3.close()


@pytest.mark.parametrize("size", [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 10 * MIB, 12 * MIB + 7])
def test_what_is_written_is_what_is_there(bucket: Bucket, size: int) -> None:
    writer = bucket.write(LARGE[:size], Absent())
    assert bucket.body() == LARGE[:size]
    assert writer.bytes == size
    assert writer.written.etag == bucket.s3.head_object(Bucket=bucket.name, Key=KEY)["ETag"]
    assert bucket.is_clean()


def test_less_than_a_part_is_one_call(bucket: Bucket) -> None:
    client = Faulty(bucket.s3)
    bucket.write(SMALL, client=client)
    assert client.calls == ["put_object"]


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_an_exception_publishes_nothing_and_leaves_no_upload(bucket: Bucket, data: bytes) -> None:
    def fail() -> None:
        with Writer(bucket.s3, bucket.name, KEY, part_bytes=5 * MIB) as writer:
            writer.write(data)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert bucket.keys() == []
    assert bucket.is_clean()


def test_a_part_that_fails_fails_the_writer_and_leaves_no_upload(bucket: Bucket) -> None:
    client = Faulty(bucket.s3, "upload_part", refused("AccessDenied", 403))
    with pytest.raises(Exception, match="not allowed to write a part of s3://"):
        bucket.write(LARGE, client=client)
    assert bucket.keys() == []
    assert bucket.is_clean()


@dataclass
class SlowFirst:
    """S3, but that the first part waits for the third, ``wait_s`` at most."""

    s3: Any
    wait_s: float
    third: threading.Event
    came: bool | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.s3, name)

    def upload_part(self, **arguments: Any) -> Any:
        if arguments["PartNumber"] == 1:
            self.came = self.third.wait(self.wait_s)
        answer = self.s3.upload_part(**arguments)
        if arguments["PartNumber"] == 3:
            self.third.set()
        return answer


def test_a_slow_part_does_not_keep_those_behind_it_waiting(bucket: Bucket) -> None:
    slow = SlowFirst(bucket.s3, 60, threading.Event())
    bucket.write(LARGE, client=slow)
    assert slow.came
    assert bucket.body() == LARGE


def test_parts_do_not_run_far_ahead_of_a_slow_one(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brigade.s3.writer._AHEAD", 2)
    slow = SlowFirst(bucket.s3, 1, threading.Event())
    bucket.write(LARGE, client=slow)
    assert slow.came is False
    assert bucket.body() == LARGE


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_what_exists_is_not_overwritten(bucket: Bucket, data: bytes) -> None:
    bucket.write(b"first")
    with pytest.raises(ConditionLost, match="exists already"):
        bucket.write(data, Absent())
    assert bucket.body() == b"first"
    assert bucket.is_clean()


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_what_has_changed_is_not_overwritten(bucket: Bucket, data: bytes) -> None:
    etag = bucket.write(b"first").written.etag
    bucket.write(data, Matches(etag))
    with pytest.raises(ConditionLost, match=f"expected ETag {etag}, it is ETag"):
        bucket.write(LARGE[:100], Matches(etag))
    bucket.s3.delete_object(Bucket=bucket.name, Key=KEY)
    with pytest.raises(ConditionLost, match="it is deleted"):
        bucket.write(data, Matches(etag))
    assert bucket.is_clean()


@pytest.mark.parametrize(("data", "operation"), [(SMALL, "put_object"), (LARGE, "complete_multipart_upload")])
@pytest.mark.parametrize("condition", [None, Absent()])
@pytest.mark.parametrize("fault", [lost, own_412, unsent, refused("InternalError", 200), refused("SlowDown", 503)])
def test_an_unclear_answer_is_settled(
    bucket: Bucket, data: bytes, operation: str, condition: Condition, fault: Callable[..., Any]
) -> None:
    writer = bucket.write(data, condition, Faulty(bucket.s3, operation, fault))
    assert bucket.body() == data
    assert writer.written.etag == bucket.s3.head_object(Bucket=bucket.name, Key=KEY)["ETag"]
    assert bucket.is_clean()


@pytest.mark.parametrize(("data", "operation"), [(SMALL, "put_object"), (LARGE, "complete_multipart_upload")])
def test_an_unclear_answer_behind_which_a_rival_stands_is_a_loss(bucket: Bucket, data: bytes, operation: str) -> None:
    def rival(call: Callable[[], Any]) -> Any:
        put(bucket.s3, bucket.name, KEY, b"rival")
        return refused("ConditionalRequestConflict", 409)(call)

    with pytest.raises(ConditionLost, match="exists already"):
        bucket.write(data, Absent(), Faulty(bucket.s3, operation, rival))
    assert bucket.body() == b"rival"
    assert bucket.is_clean()


@pytest.mark.parametrize(("data", "operation"), [(SMALL, "put_object"), (LARGE, "complete_multipart_upload")])
def test_never_a_clear_answer_is_an_error_that_publishes_nothing(bucket: Bucket, data: bytes, operation: str) -> None:
    with pytest.raises(RetryLater, match="no clear answer"):
        bucket.write(data, Absent(), Faulty(bucket.s3, operation, *[unsent] * 9))
    assert bucket.keys() == []
    assert bucket.is_clean()


def test_a_409_after_which_nobody_is_there_asks_to_start_again(bucket: Bucket) -> None:
    client = Faulty(bucket.s3, "complete_multipart_upload", refused("ConditionalRequestConflict", 409))
    with pytest.raises(NotFound, match="start again"):
        bucket.write(LARGE, Absent(), client)
    assert bucket.is_clean()


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_of_racing_writers_one_wins(bucket: Bucket, data: bytes) -> None:
    ends: list[str] = []
    start = threading.Barrier(4)

    def race(number: int) -> None:
        start.wait()
        try:
            bucket.write(data + bytes([number]), Absent())
            ends.append(f"won {number}")
        except ConditionLost:
            ends.append("lost")

    racers = [threading.Thread(target=race, args=(number,)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    (winner,) = [end for end in ends if end != "lost"]
    assert len(ends) == 4
    assert bucket.body() == data + bytes([int(winner.split()[1])])
    assert bucket.is_clean()


def test_an_upload_that_s3_dropped_is_not_found(bucket: Bucket) -> None:
    upload = Upload.create(bucket.s3, bucket.name, KEY)
    part = upload.part(1, SMALL)
    upload.abort()
    upload.abort()
    with pytest.raises(NotFound, match="no longer has the upload"):
        upload.part(2, SMALL)
    with pytest.raises(NotFound, match="no longer has the upload"):
        upload.complete([part])


def test_a_part_that_another_run_replaced_is_never_published(bucket: Bucket) -> None:
    upload = Upload.create(bucket.s3, bucket.name, KEY)
    ours = upload.part(1, SMALL)
    Upload(bucket.s3, bucket.name, KEY, upload.id, "theirs").part(1, b"other")
    with pytest.raises(NotFound, match="another run replaced one"):
        upload.complete([ours], Absent())
    assert bucket.keys() == []
    upload.abort()


def test_completing_again_finds_it_completed(bucket: Bucket) -> None:
    upload = Upload.create(bucket.s3, bucket.name, KEY)
    parts = [upload.part(1, SMALL)]
    assert upload.complete(parts, Absent()) == upload.complete(parts, Absent())


def test_a_part_that_arrives_changed_is_refused(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brigade.s3.checksum.ChecksumAlgorithm.of", lambda *_: "AAAAAA==")
    with pytest.raises(Exception, match=r"BadDigest|checksum|CRC"):
        bucket.write(LARGE)
    assert bucket.keys() == []


def test_parts_grow_so_that_they_do_not_run_out() -> None:
    assert [part_size(n, 8 * MIB) // MIB for n in (1, 1000, 1001, 2001, 10_000)] == [8, 8, 16, 32, 4096]
    assert sum(part_size(n, 50 * MIB) for n in range(1, 10_001)) > 20 * 1024**4
    assert part_size(10_000, 64 * MIB) == 5 * 1024 * MIB


def test_a_part_too_small_for_s3_is_refused(bucket: Bucket) -> None:
    with pytest.raises(UsageError, match="at least 5242880"):
        Writer(bucket.s3, bucket.name, KEY, part_bytes=MIB)


MEASURE = """
import sys
from brigade.aws import Connection
from brigade.s3 import Writer
def peak():
    # getrusage also counts pytest, from before the exec
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM:"))
client = Connection(endpoint_url=sys.argv[1], region="us-east-1").client("s3")
client.head_bucket(Bucket=sys.argv[2])
block = b"x" * 1_000_000
with Writer(client, sys.argv[2], "warm", part_bytes=5 << 20) as writer:
    writer.write(block)
idle = peak()
with Writer(client, sys.argv[2], "large", part_bytes=8 << 20, threads=2) as writer:
    for _ in range(int(sys.argv[3])):
        writer.write(block)
print(peak() - idle)
"""


def test_memory_is_three_parts_however_large_the_object(bucket: Bucket, emulator: Emulator) -> None:
    def grown(megabytes: int) -> float:
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE, emulator.endpoint, bucket.name, str(megabytes)],
            cwd=REPOSITORY,
            env={**emulator.environment("root"), "BOTO_DISABLE_CRT": "true"},
            check=True,
            capture_output=True,
            text=True,
        )
        return float(measured.stdout)

    assert grown(160) < 3 * 8 + 6
