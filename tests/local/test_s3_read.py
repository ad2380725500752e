"""Reading on the S3 of the local AWS: every byte of one version, over connections that break."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from brigade.errors import ConditionLost, InvalidData, NotFound, RetryLater
from brigade.s3.listing import list_keys
from brigade.s3.objects import get, head, put
from brigade.s3.read import stream_object
from tests.fake_client import FakeClient
from tests.local.conftest import Emulator

DATA = random.Random(2).randbytes(3_000_000)
KEY = "//a b+%\n💧/.."


@dataclass
class Bucket:
    s3: Any
    name: str


@pytest.fixture
def bucket(emulator: Emulator) -> Iterator[Bucket]:
    made = Bucket(emulator.root("s3"), f"reader-{uuid.uuid4().hex[:12]}")
    made.s3.create_bucket(Bucket=made.name)
    made.s3.put_bucket_versioning(Bucket=made.name, VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.s3.close()


class Breaking(FakeClient):
    """A client whose answers break off after ``after`` bytes each, ``times`` times."""

    def __init__(self, client: Any, after: int, times: int) -> None:
        self.client, self.after, self.times = client, after, times
        self.ranges: list[str | None] = []

    def get_object(self, **arguments: Any) -> Any:
        self.ranges.append(arguments.get("Range"))
        answer = self.client.get_object(**arguments)
        if len(self.ranges) <= self.times:
            answer["Body"] = Broken(answer["Body"], self.after)
        return answer


class Broken:
    def __init__(self, body: Any, left: int) -> None:
        self.body, self.left = body, left

    def read(self, size: int) -> bytes:
        if self.left == 0:
            raise ConnectionResetError("reset by peer")
        block: bytes = self.body.read(min(size, self.left))
        self.left -= len(block)
        return block

    def __enter__(self) -> "Broken":
        return self

    def __exit__(self, *_: object) -> None:
        self.body.close()


@pytest.mark.parametrize("data", [b"", b"x", DATA])
def test_all_bytes_come_in_blocks_of_bounded_size(bucket: Bucket, data: bytes) -> None:
    put(bucket.s3, bucket.name, KEY, data)
    blocks = list(stream_object(bucket.s3, bucket.name, KEY, chunk=100_000))
    assert b"".join(blocks) == data
    assert max(map(len, blocks), default=0) <= 100_000


def test_a_broken_connection_is_gone_on_behind_the_last_byte(bucket: Bucket) -> None:
    put(bucket.s3, bucket.name, KEY, DATA)
    client = Breaking(bucket.s3, after=700_000, times=3)
    assert b"".join(stream_object(client, bucket.name, KEY)) == DATA
    assert client.ranges == [None, "bytes=700000-", "bytes=1400000-", "bytes=2100000-"]


def test_no_progress_ends_it(bucket: Bucket) -> None:
    put(bucket.s3, bucket.name, KEY, DATA)
    with pytest.raises(RetryLater, match="broke off at byte 0 of 3000000"):
        list(stream_object(Breaking(bucket.s3, after=0, times=99), bucket.name, KEY))


def test_two_versions_are_never_mixed(bucket: Bucket) -> None:
    put(bucket.s3, bucket.name, KEY, DATA)
    blocks = stream_object(Breaking(bucket.s3, after=700_000, times=1), bucket.name, KEY)
    next(blocks)
    put(bucket.s3, bucket.name, KEY, DATA[::-1])
    with pytest.raises(ConditionLost, match="is not the version with ETag"):
        list(blocks)


def test_a_version_or_an_etag_is_read_as_asked(bucket: Bucket) -> None:
    first = put(bucket.s3, bucket.name, KEY, b"first")
    put(bucket.s3, bucket.name, KEY, b"second")
    assert b"".join(stream_object(bucket.s3, bucket.name, KEY, version_id=first.version_id)) == b"first"
    with pytest.raises(ConditionLost):
        list(stream_object(bucket.s3, bucket.name, KEY, if_match=first.etag))
    with pytest.raises(NotFound, match="no such object"):
        list(stream_object(bucket.s3, bucket.name, "nothing"))


def test_small_objects_are_got_whole_up_to_the_limit(bucket: Bucket) -> None:
    assert get(bucket.s3, bucket.name, KEY) is None
    assert head(bucket.s3, bucket.name, KEY) is None
    put(bucket.s3, bucket.name, KEY, DATA, metadata={"run": "1"})
    got, found = get(bucket.s3, bucket.name, KEY), head(bucket.s3, bucket.name, KEY)
    assert got
    assert found
    assert (got.body, got.etag, got.metadata["run"]) == (DATA, found.etag, "1")
    with pytest.raises(InvalidData, match="3000000 bytes, more than the 2999999 allowed"):
        get(bucket.s3, bucket.name, KEY, limit=2_999_999)
    assert list(list_keys(bucket.s3, bucket.name, "//")) == [KEY]
    with pytest.raises(NotFound, match="no such bucket"):
        list(list_keys(bucket.s3, "no-such-bucket-here"))
