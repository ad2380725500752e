"""From a delivery of S3 Inventory to the rows of a manifest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote_plus

import pytest

from brigade.errors import UsageError
from brigade.inventory import Delivery, open_delivery
from brigade.jobs.manifest import Selected, read_manifest, write_manifest
from brigade.jobs.row import ManifestRow, decode_key
from brigade.jobs.selection import select_delivery
from tests.unit.inventory.conftest import csv_file
from tests.unit.inventory.conftest import write as deliver

NO_S3 = cast(Any, None)  # the deliveries are on disk
KEYS = ["photographs/a b+c%20=.jpg", 'photographs/"q",\n.jpg', "other/🪣"]


def manifest(selected: Selected) -> list[ManifestRow]:
    """The rows of the manifest that a selection makes."""
    lines: list[bytes] = []
    write_manifest(selected, "b", lines.append)
    return list(read_manifest(lines, "m"))


def delivery(folder: Path, schema: str, rows: Sequence[tuple[str, ...]]) -> Delivery:
    return open_delivery(NO_S3, str(deliver(folder, "CSV", schema, [csv_file(rows)])))


def test_current_objects_are_taken_by_key_with_their_sizes(tmp_path: Path) -> None:
    rows = [("b", quote_plus(key, safe="/"), str(number)) for number, key in enumerate(KEYS)]
    found = list(select_delivery(delivery(tmp_path, "Bucket, Key, Size", rows)))
    assert [decode_key(row.key_text) for row in manifest(found)] == KEYS
    assert write_manifest(found, "b", len).bytes == 3


def test_a_condition_chooses(tmp_path: Path) -> None:
    rows = [("b", quote_plus(key, safe="/")) for key in KEYS]
    found = select_delivery(delivery(tmp_path, "Bucket, Key", rows), "key LIKE 'photographs/%'")
    assert sorted(decode_key(row.key_text) for row in manifest(found)) == sorted(KEYS[:2])


def test_what_a_condition_keeps_is_not_chosen(tmp_path: Path) -> None:
    rows = [("b", key) for key in ("keep/a", "keep/b", "scratch/c", "scratch/d")]
    for where in ("key NOT LIKE 'keep/%'", "NOT key LIKE 'keep/%' -- all but these"):
        found = select_delivery(delivery(tmp_path, "Bucket, Key", rows), where)
        assert sorted(decode_key(row.key_text) for row in manifest(found)) == ["scratch/c", "scratch/d"]


@pytest.mark.parametrize("where", ["true) OR (true", "true OR (true", "key = 'a' AS x"])
def test_a_condition_that_is_not_whole_chooses_nothing(tmp_path: Path, where: str) -> None:
    """The condition for current versions is joined to it, so no parenthesis of its own may leave it out."""
    made = delivery(tmp_path, "Bucket, Key, VersionId, IsLatest, IsDeleteMarker", [("b", "a", "1", "false", "false")])
    with pytest.raises(UsageError):
        manifest(select_delivery(made, where))


def test_of_all_versions_the_current_ones_are_taken_pinned_and_no_delete_marker(tmp_path: Path) -> None:
    rows = [
        ("b", "a", "v2", "true", "false"),
        ("b", "a", "v1", "false", "false"),
        ("b", "deleted", "v4", "true", "true"),
        ("b", "deleted", "v3", "false", "false"),
        ("b", "never+versioned", "", "true", "false"),
    ]
    made = delivery(tmp_path, "Bucket, Key, VersionId, IsLatest, IsDeleteMarker", rows)
    assert sorted(manifest(select_delivery(made))) == [
        ManifestRow("b", "a", "v2"),
        ManifestRow("b", "never+versioned", "null"),
    ]
    assert manifest(select_delivery(made, "key = 'a' OR key = 'deleted'")) == [ManifestRow("b", "a", "v2")]
