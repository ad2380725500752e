"""Objects beyond what the parts that fit the memory can reach: gathered in stages, copied by S3."""

import base64
import random

import pytest
from awscrt.checksums import crc64nvme

from brigade.errors import ConditionLost
from brigade.pipe import growing
from brigade.pipe.growing import MEMORY, Growing
from brigade.pipe.write import open_write
from brigade.s3 import Absent, stages
from brigade.s3.location import Location
from brigade.s3.stages import Stages
from brigade.s3.upload import MOST_PARTS, Upload
from tests.pipe.conftest import MIB, Bucket

DATA = random.Random(12).randbytes(64 * MIB + 9)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two direct parts, and stages of three pieces of 5 MiB: 64 MiB fill two, and a third in part."""
    monkeypatch.setattr(growing, "_DIRECT", 2)
    monkeypatch.setattr(stages, "LARGEST_PART", 15 * MIB)
    monkeypatch.setattr(Growing, "_largest", property(lambda _: 5 * MIB))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [5 * MIB, 10 * MIB, 10 * MIB + 1, 25 * MIB, 40 * MIB, len(DATA)])
def test_what_goes_through_stages_is_one_object(bucket: Bucket, size: int) -> None:
    with open_write(bucket.client, bucket.uri(), condition=Absent()) as file:
        file.write(DATA[:size])
    assert bucket.body() == DATA[:size]
    assert bucket.head()["ChecksumCRC64NVME"] == base64.b64encode(crc64nvme(DATA[:size]).to_bytes(8, "big")).decode()
    assert bucket.keys() == ["k"]
    assert bucket.uploads() == []


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


def test_ten_thousand_parts_reach_43_tebibytes_in_128_mebibytes() -> None:
    file = growing.writer(object(), Location("b", "k"), memory=MEMORY)  # type: ignore[arg-type]  # nothing is called
    sizes = []
    for number in range(1, 1001):
        file._sent = number - 1
        sizes.append(file._size())
    assert sizes[0] == 8 * MIB
    assert sizes == sorted(sizes)
    file._sent = 1000
    piece = file._size()
    reach = Stages(object(), Upload(object(), "b", "k", "i", "t"), 1000, piece)  # type: ignore[arg-type]  # as above
    assert sum(sizes) + (reach.most - 1000) * piece > 43 * 2**40
    assert reach.most > MOST_PARTS
