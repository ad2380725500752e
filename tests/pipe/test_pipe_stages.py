"""Objects beyond what the parts that fit the memory can reach: gathered in stages, copied by S3."""

import base64
import random
from typing import Any

import pytest
from awscrt.checksums import crc64nvme
from botocore.exceptions import ClientError

from brigade.errors import BrigadeError, ConditionLost
from brigade.pipe import open_write, writer
from brigade.pipe.writer import GrowingWriter, plan_parts
from brigade.s3 import Absent, staged_upload
from brigade.s3.location import Location
from brigade.s3.multipart import MOST_PARTS, Upload
from brigade.s3.staged_upload import StagedUpload
from tests.fake_client import FakeClient
from tests.pipe.conftest import MIB, Bucket

DATA = random.Random(12).randbytes(64 * MIB + 9)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two direct parts, and stages of three pieces of 5 MiB: 64 MiB fill two, and a third in part."""
    monkeypatch.setattr(writer, "_DIRECT", 2)
    monkeypatch.setattr(staged_upload, "LARGEST_PART", 15 * MIB)
    monkeypatch.setattr(GrowingWriter, "_largest", property(lambda _: 5 * MIB))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [5 * MIB, 10 * MIB, 10 * MIB + 1, 25 * MIB, 40 * MIB, len(DATA)])
def test_what_goes_through_stages_is_one_object(bucket: Bucket, size: int) -> None:
    with open_write(bucket.client, bucket.uri(), condition=Absent()) as file:
        file.write(DATA[:size])
    assert bucket.body() == DATA[:size]
    assert bucket.head()["ChecksumCRC64NVME"] == base64.b64encode(crc64nvme(DATA[:size]).to_bytes(8, "big")).decode()
    assert bucket.keys() == ["k"]
    assert bucket.uploads() == []


class Watching(FakeClient):
    """A client that keeps what opens uploads and what deletes are asked for."""

    def __init__(self, client: Any, *, keeps_versions: bool = False) -> None:
        self._client, self._keeps_versions = client, keeps_versions
        self.opened: list[dict[str, Any]] = []
        self.deleted: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_multipart_upload(self, **arguments: Any) -> Any:
        self.opened.append(arguments)
        return self._client.create_multipart_upload(**arguments)

    def complete_multipart_upload(self, **arguments: Any) -> Any:
        version = {"VersionId": "v-" + arguments["Key"][-5:]}
        return {**self._client.complete_multipart_upload(**arguments), **version}

    def delete_object(self, **arguments: Any) -> Any:
        self.deleted.append(arguments)
        if self._keeps_versions and "VersionId" in arguments:
            answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(answer, "DeleteObject")
        return self._client.delete_object(Bucket=arguments["Bucket"], Key=arguments["Key"])


@pytest.mark.usefixtures("small")
def test_a_stage_is_encrypted_as_the_object_and_deleted_for_good(bucket: Bucket) -> None:
    client = Watching(bucket.client)
    attributes = {"ServerSideEncryption": "AES256", "CacheControl": "no-store", "Tagging": "a=b"}
    with open_write(client, bucket.uri(), attributes=attributes) as file:
        file.write(DATA[: 40 * MIB])
    object_, *stages = client.opened
    assert object_ | attributes == object_
    assert len(stages) == 2
    for stage in stages:
        assert (stage["ServerSideEncryption"], "CacheControl" in stage, "Tagging" in stage) == ("AES256", False, False)
    assert sorted(each["VersionId"] for each in client.deleted) == ["v-00001", "v-00002"]
    assert bucket.keys() == ["k"]


@pytest.mark.usefixtures("small")
def test_who_may_not_delete_versions_publishes_all_the_same(bucket: Bucket) -> None:
    client = Watching(bucket.client, keeps_versions=True)
    with open_write(client, bucket.uri()) as file:
        file.write(DATA[: 20 * MIB])
    assert ["VersionId" in each for each in client.deleted] == [True, False]
    assert bucket.keys() == ["k"]
    assert bucket.body() == DATA[: 20 * MIB]


@pytest.mark.usefixtures("small")
def test_an_exception_leaves_nothing_of_the_stages(bucket: Bucket) -> None:
    def fail() -> None:
        with open_write(bucket.client, bucket.uri()) as file:
            file.write(DATA)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert bucket.keys() == []
    assert bucket.uploads() == []


@pytest.mark.usefixtures("small")
def test_the_condition_holds_behind_stages(bucket: Bucket) -> None:
    bucket.put(b"there")

    def lose() -> None:
        with open_write(bucket.client, bucket.uri(), condition=Absent()) as file:
            file.write(DATA)

    with pytest.raises(ConditionLost):
        lose()
    assert bucket.body() == b"there"
    assert bucket.keys() == ["k"]
    assert bucket.uploads() == []


@pytest.mark.parametrize(("mebibytes", "tebibytes"), [(68, 46.2), (128, 46.2), (256, 46.2), (1024, 46.3), (4096, 46.3)])
def test_ten_thousand_parts_reach_46_tebibytes_within_the_memory(mebibytes: int, tebibytes: float) -> None:
    """The table of growth, walked part by part: no hint of the size, and never more buffers than are allowed."""
    memory = mebibytes * MIB
    buffers, first = plan_parts(memory)
    file = writer.open_writer(object(), Location("b", "k"), memory=memory)  # type: ignore[arg-type]  # nothing is called
    sizes = []
    for number in range(1, 513):
        file._begun = number - 1
        sizes.append(file._size())
    assert sizes[0] == first <= 8 * MIB
    assert sizes == sorted(sizes)
    file._begun = 512
    piece = file._size()
    assert piece >= sizes[-1]
    assert 3 * piece <= buffers < memory  # two on their way and one that fills
    reach = StagedUpload(object(), Upload(object(), "b", "k", "i", "t"), 512, piece)  # type: ignore[arg-type]  # as above
    assert sum(sizes) + (reach.most - 512) * piece >= tebibytes * 2**40
    assert reach.most > MOST_PARTS


def test_buffers_of_a_former_size_do_not_stay_beside_the_new_ones() -> None:
    """Parts end in any order, so that a small one may end with the first large one: only that is filled again."""
    file = writer.open_writer(object(), Location("b", "k"))  # type: ignore[arg-type]  # nothing is called
    small, large = bytearray(8 * MIB), bytearray(16 * MIB)
    file._begun, file._spare = 64, [small, large]
    assert len(file.room()) == 16 * MIB
    assert file._buffer is large
    assert file._spare == []


def test_a_part_beyond_the_last_is_refused_before_it_is_sent() -> None:
    upload = Upload(object(), "b", "k", "i", "t")  # type: ignore[arg-type]  # nothing is called
    with pytest.raises(BrigadeError, match=r"s3://b/k has 10000 parts.* more memory"):
        upload.part(MOST_PARTS + 1, b"x")
