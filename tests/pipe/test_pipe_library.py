"""``open_write`` and ``open_read``: what they promise to a program, and what docs/pipe.md shows of them."""

import base64
import random
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from awscrt.checksums import crc64nvme

from brigade.errors import ConditionLost, InvalidData, NotFound, UsageError
from brigade.pipe import open_read, open_write
from brigade.s3 import Absent, Matches
from tests.fake_client import FakeClient
from tests.pipe.conftest import MIB, Bucket

LARGE = random.Random(14).randbytes(17 * MIB + 3)


@pytest.mark.parametrize("size", [0, 3, len(LARGE)])
def test_what_is_written_is_there_when_the_block_has_ended_and_not_before(bucket: Bucket, size: int) -> None:
    with open_write(bucket.client, bucket.uri(), attributes={"ContentType": "text/x-sql"}) as file:
        for start in range(0, size, 700_001):  # blocks of any size
            file.write(LARGE[start : min(size, start + 700_001)])
        assert bucket.keys() == []
        with pytest.raises(UsageError, match="not published yet"):
            _ = file.written
    assert bucket.body() == LARGE[:size]
    assert (file.written.etag, file.bytes) == (bucket.head()["ETag"], size)
    assert file.whole == base64.b64encode(crc64nvme(LARGE[:size]).to_bytes(8, "big")).decode()
    assert bucket.head()["ContentType"] == "text/x-sql"


@pytest.mark.parametrize("size", [3, len(LARGE)])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_publishes_nothing(bucket: Bucket, size: int, error: type[BaseException]) -> None:
    def fail() -> None:
        with open_write(bucket.client, bucket.uri()) as file:
            file.write(LARGE[:size])
            raise error

    with pytest.raises(error):
        fail()
    assert (bucket.keys(), bucket.uploads()) == ([], [])


class Odd(FakeClient):
    """A client whose parts take their time, and that may say of what it has published that it has other bytes."""

    def __init__(self, client: Any, *, wrong: bool = False) -> None:
        self._client, self._wrong, self._lock = client, wrong, threading.Lock()
        self.side_by_side = self._going = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def upload_part(self, **arguments: Any) -> Any:
        with self._lock:
            self._going += 1
            self.side_by_side = max(self.side_by_side, self._going)
        time.sleep(0.1)
        answer = self._client.upload_part(**arguments)
        with self._lock:
            self._going -= 1
        return answer

    def put_object(self, **arguments: Any) -> Any:
        return self._told(self._client.put_object(**arguments))

    def complete_multipart_upload(self, **arguments: Any) -> Any:
        return self._told(self._client.complete_multipart_upload(**arguments))

    def _told(self, answer: Any) -> Any:
        return {**answer, "ChecksumCRC64NVME": "AAAAAAAAAAA="} if self._wrong else answer


def test_parts_go_up_side_by_side(bucket: Bucket) -> None:
    client = Odd(bucket.client)
    with open_write(client, bucket.uri(), threads=3) as file:
        file.write(LARGE * 3)
    assert client.side_by_side == 3
    assert bucket.body() == LARGE * 3


@pytest.mark.parametrize("size", [3, len(LARGE)])
def test_what_s3_says_after_the_end_is_compared(bucket: Bucket, size: int) -> None:
    with (
        pytest.raises(InvalidData, match="do not use it"),
        open_write(Odd(bucket.client, wrong=True), bucket.uri()) as file,
    ):
        file.write(LARGE[:size])


@pytest.mark.parametrize("size", [3, len(LARGE)])
def test_a_lost_condition_leaves_what_is_there(bucket: Bucket, size: int) -> None:
    etag = bucket.put(b"there")
    for condition in (Absent(), Matches('"0"')):
        with pytest.raises(ConditionLost), open_write(bucket.client, bucket.uri(), condition=condition) as file:
            file.write(LARGE[:size])
        assert (bucket.body(), bucket.uploads()) == (b"there", [])
    with open_write(bucket.client, bucket.uri(), condition=Matches(etag)) as file:
        file.write(LARGE[:size])
    assert bucket.body() == LARGE[:size]


def test_a_ceiling_too_low_is_refused_before_a_byte_is_read(bucket: Bucket) -> None:
    bucket.put(b"there")
    with pytest.raises(UsageError, match="67 MiB"), open_write(bucket.client, bucket.uri(), memory=60 * MIB):
        pass
    with pytest.raises(UsageError, match="58 MiB"):
        open_read(bucket.client, bucket.uri(), memory=50 * MIB)
    with pytest.raises(NotFound, match="there is no object"):
        open_read(bucket.client, bucket.uri("nothing"))


def test_the_example_of_the_page_runs(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/pipe.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    names: dict[str, Any] = {"block": LARGE}
    exec(compile(example.replace("s3://bucket/key", bucket.uri()), "docs/pipe.md", "exec"), names)
    names["s3"].close()
    assert names["back"] == LARGE
    assert bucket.body() == LARGE
