"""What changed between two deliveries, whatever their formats."""

from pathlib import Path
from typing import Any

import pytest

from brigade.errors import UsageError
from brigade.inventory import open_delivery
from brigade.inventory.difference import difference
from tests.unit.inventory.conftest import NO_S3, SCHEMAS, csv_file, of_keys, write

FIELDS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag"


def told(before: Any, after: Any) -> list[tuple[Any, ...]]:
    return sorted(row[:4] for row in difference(before, after).rows())


def test_added_removed_and_changed_keys_of_two_formats(tmp_path: Path, form: str) -> None:
    before = of_keys(tmp_path / "before", form, ["same", "gone +", "grew", "ü"])
    after = of_keys(tmp_path / "after", "CSV", ["same", "ü", "grew", "new\n"])
    assert told(before, after) == [
        ("added", "new\n", None, 30),
        ("changed", "ü", 30, 10),
        ("removed", "gone +", 10, None),
    ]
    assert told(before, before) == []


def test_versions_are_compared_by_the_current_one(tmp_path: Path) -> None:
    rows = [
        ("b", "k", "1", "false", "false", "5", "old"),
        ("b", "k", "2", "true", "false", "6", "e"),
        ("b", "hidden", "3", "true", "true", "", ""),
        ("b", "hidden", "2", "false", "false", "9", "e"),
    ]
    after = [("b", "k", "2", "true", "false", "6", "e"), ("b", "hidden", "4", "true", "false", "9", "e")]
    deliveries = [
        open_delivery(NO_S3, str(write(tmp_path / name, "CSV", FIELDS, [csv_file(found)])))
        for name, found in (("before", rows), ("after", after))
    ]
    assert told(*deliveries) == [("added", "hidden", None, 9)]


def test_two_buckets_have_no_difference(tmp_path: Path) -> None:
    one = of_keys(tmp_path / "one", "CSV", ["k"])
    other = open_delivery(NO_S3, str(write(tmp_path / "two", "CSV", SCHEMAS["CSV"], [], sourceBucket="c")))
    with pytest.raises(UsageError, match="a difference is of one bucket"):
        difference(one, other)
