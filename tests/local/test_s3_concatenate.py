"""One object made of several by a real S3 of this machine: exact, conditional, and nothing left when it fails."""

import random
import uuid
from typing import Any

import pytest

from brigade.errors import BrigadeError, ConditionLost, NotFound, UsageError
from brigade.s3 import Absent, concatenate
from brigade.s3.listing import ListedObject, list_objects
from tests.local.conftest import Emulator

MIB = 1 << 20
# Large and small in turn; S3 takes less than 5 MiB only as a last part.
SIZES = [6 * MIB, 1000, 5 * MIB, 0, 3 * MIB, 4 * MIB, 5 * MIB - 1, 1]


@pytest.fixture(scope="module")
def s3(emulator: Emulator) -> Any:
    return emulator.root("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"parts-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    return name


def put(s3: Any, bucket: str, sizes: list[int]) -> list[bytes]:
    bodies = [random.Random(size).randbytes(size) for size in sizes]
    for number, body in enumerate(bodies):
        s3.put_object(Bucket=bucket, Key=f"from/{number}", Body=body)
    return bodies


def made(s3: Any, bucket: str) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key="made")["Body"].read()
    return body


def nothing_left(s3: Any, bucket: str) -> bool:
    return not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_it_holds_the_large_ones_and_then_the_small_ones(s3: Any, bucket: str) -> None:
    bodies = put(s3, bucket, SIZES)
    sources = list(list_objects(s3, bucket, "from/"))
    written = concatenate.concatenate(s3, bucket, sources, "made", condition=Absent())
    large, small = ([body for body in bodies if (len(body) >= 5 * MIB) is big] for big in (True, False))
    assert made(s3, bucket) == b"".join(large + small)
    assert written.etag.endswith('-4"')  # two copied; the small ones in two, of which the last may be any size
    with pytest.raises(ConditionLost):
        concatenate.concatenate(s3, bucket, sources, "made", condition=Absent())
    assert nothing_left(s3, bucket)


def test_a_source_over_the_largest_part_is_copied_in_several(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concatenate, "LARGEST_PART", 8 * MIB)  # S3's own is 5 GiB
    (body,) = put(s3, bucket, [20 * MIB + 1])
    written = concatenate.concatenate(s3, bucket, list(list_objects(s3, bucket, "from/")), "made")
    assert made(s3, bucket) == body
    assert written.etag.endswith('-3"')


@pytest.mark.parametrize("size", [6 * MIB, 100])
def test_a_source_that_has_changed_is_not_taken(s3: Any, bucket: str, size: int) -> None:
    put(s3, bucket, [size])
    sources = list(list_objects(s3, bucket, "from/"))
    s3.put_object(Bucket=bucket, Key="from/0", Body=b"x" * size)
    with pytest.raises(BrigadeError):
        concatenate.concatenate(s3, bucket, sources, "made")
    assert nothing_left(s3, bucket)
    assert [item.key for item in list_objects(s3, bucket)] == ["from/0"]


def test_nothing_and_too_much_are_refused(s3: Any, bucket: str) -> None:
    with pytest.raises(NotFound, match="nothing to put together"):
        concatenate.concatenate(s3, bucket, [ListedObject("empty", 0, '""')], "made")
    with pytest.raises(UsageError, match="S3 accepts 10000"):
        concatenate.concatenate(s3, bucket, [ListedObject("large", 6 * MIB, '""')] * 10_001, "made")
    assert nothing_left(s3, bucket)
