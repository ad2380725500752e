"""The versions of a key come in S3's order, to the last page."""

from datetime import UTC, datetime
from typing import Any

from brigade.s3.listing import list_versions
from tests.fake_client import FakeClient

FIRST, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def item(id: str, modified: datetime = FIRST, *, key: str = "k", latest: bool = False, marker: bool = False) -> Any:
    found = {"Key": key, "VersionId": id, "LastModified": modified, "IsLatest": latest}
    return found if marker else {**found, "ETag": f'"{id}"', "Size": 1}


class Bucket(FakeClient):
    """Lists items in S3's order, some a page; None in their place is nothing on a page."""

    def __init__(self, items: list[Any], page: int = 1000) -> None:
        self.items, self.page, self.calls = items, page, 0

    def list_object_versions(self, **arguments: Any) -> Any:
        self.calls += 1
        ids = [each and each["VersionId"] for each in self.items]
        before = str(arguments.get("VersionIdMarker", ""))
        start = int(before[5:]) if before.startswith("page-") else ids.index(before) + 1 if before else 0
        found = [each for each in self.items[start : start + self.page] if each]
        answer = {
            "IsTruncated": start + self.page < len(self.items),
            "Versions": [each for each in found if "ETag" in each],
            "DeleteMarkers": [each for each in found if "ETag" not in each],
        }
        if answer["IsTruncated"]:
            answer |= {"NextKeyMarker": "k", "NextVersionIdMarker": f"page-{start + self.page}"}
        return answer


def ids(bucket: Bucket) -> list[str]:
    return [version.id for version in list_versions(bucket, "b", "k")]


def test_a_page_without_the_key_is_not_the_end() -> None:
    assert ids(Bucket([item("3", latest=True), None, item("2"), item("1")], page=1)) == ["3", "2", "1"]


def test_a_page_with_a_later_key_is_the_end() -> None:
    bucket = Bucket([item("1", latest=True), *[item(f"o{n}", key=f"k{n}") for n in range(9)]], page=2)
    assert ids(bucket) == ["1"]
    assert bucket.calls == 1


def test_the_order_is_that_of_s3_and_not_of_the_times() -> None:
    assert ids(Bucket([item("3", latest=True), item("2", FIRST), item("1", LATER)])) == ["3", "2", "1"]


def test_versions_and_delete_markers_of_one_second_come_in_the_order_of_s3() -> None:
    for order in (["v1", "m1", "m2", "v2"], ["m1", "v1", "v2", "m2"]):
        items = [item("9", LATER, latest=True), *[item(id, marker=id.startswith("m")) for id in order]]
        assert ids(Bucket(items)) == ["9", *order]


def test_a_newest_delete_marker_comes_first() -> None:
    assert ids(Bucket([item("m", latest=True, marker=True), item("1", LATER)])) == ["m", "1"]
