import pytest

from brigade.errors import InvalidData, RetryLater
from brigade.operations.object import Object
from brigade.s3 import Absent
from tests.unit.operations.operations_lake import Lake


def test_reading_asks_once_and_looking_is_lazy() -> None:
    lake = Lake(k=b"abc")
    source = Object(lake, "lake", "k")
    assert lake.asked == []
    assert source.read(1) == b"abc"
    assert [call for call, _ in lake.asked] == ["GetObject"]
    assert source.head.size == source.head.size == 3
    assert [call for call, _ in lake.asked] == ["GetObject", "HeadObject"]


def test_the_manifests_version_is_what_is_read() -> None:
    lake = Lake(k=b"abc")
    source = Object(lake, "lake", "k", version_id="v7")
    assert source.head.etag
    assert source.read(1) == b"abc"
    assert {request["VersionId"] for _, request in lake.asked} == {"v7"}


def test_an_object_that_changes_behind_the_head_is_for_later() -> None:
    lake = Lake(k=b"abc")
    source = Object(lake, "lake", "k")
    assert source.head.size == 3
    lake.objects["k"] = b"other"
    with pytest.raises(RetryLater, match="changed"):
        source.read(1)


def test_reading_is_bounded() -> None:
    with pytest.raises(InvalidData, match="larger than 1 MiB"):
        Object(Lake(k=b"x" * (1024 * 1024 + 1)), "lake", "k").read(1)


def test_streaming_gives_pieces() -> None:
    assert list(Object(Lake(k=b"abcde"), "lake", "k").stream(2)) == [b"ab", b"cd", b"e"]


def test_writing_puts_into_the_same_bucket() -> None:
    lake = Lake()
    Object(lake, "lake", "k").write("out/k", b"1", content_type="image/png")
    assert (lake.objects["out/k"], lake.types["out/k"]) == (b"1", "image/png")
    assert lake.asked[0][1]["Bucket"] == "lake"


def test_a_conditional_write_carries_its_condition_and_a_mark_to_settle_it_by() -> None:
    lake = Lake()
    Object(lake, "lake", "k").write("out", b"1", content_type="x/y", condition=Absent())
    ((_, request),) = lake.asked
    assert request["IfNoneMatch"] == "*"
    assert request["Metadata"]


def test_what_was_made_of_this_content_is_known_and_of_another_is_not() -> None:
    lake = Lake(k=b"abc")
    assert not Object(lake, "lake", "k").has_made("out")
    source = Object(lake, "lake", "k")
    assert source.head.size == 3
    source.write("out", b"1", content_type="x/y")
    assert Object(lake, "lake", "k").has_made("out")
    lake.objects["k"] = b"other"
    assert not Object(lake, "lake", "k").has_made("out")


@pytest.mark.parametrize("condition", [None, Absent()])
def test_what_was_made_otherwise_is_not_taken_for_it(condition: Absent | None) -> None:
    lake = Lake(k=b"abc")
    Object(lake, "lake", "k").write("out", b"1", content_type="x/y", condition=condition, recipe="size=64 größer")
    again = Object(lake, "lake", "k")
    assert again.has_made("out", "size=64 größer")
    assert not again.has_made("out", "size=65")
    assert not again.has_made("out")
