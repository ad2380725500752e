"""Changes between two deliveries of any formats."""

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest

from brigade.errors import BrigadeError, UsageError
from brigade.inventory import open_delivery
from brigade.inventory.sql import duckdb_query
from brigade.inventory.sql.difference import compare_deliveries
from tests.unit.inventory.conftest import NO_S3, SCHEMAS, csv_file, of_keys, write

FIELDS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag"


def told(before: Any, after: Any) -> list[tuple[Any, ...]]:
    return sorted(row[:4] for row in compare_deliveries(before, after).rows())


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
    with pytest.raises(UsageError, match="choose two deliveries of one bucket"):
        compare_deliveries(one, other)


def test_what_outgrows_the_memory_goes_to_disk_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    keys = [f"{chance.randbytes(60).hex()}/{number}" for number in range(400_000)]  # 51 MB
    before, after = (of_keys(tmp_path / name, "Parquet", found) for name, found in (("1", keys), ("2", keys[::-1])))
    spilled = tmp_path / "spilled"
    spilled.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spilled))
    monkeypatch.setattr(duckdb_query, "MEMORY", "64MiB")
    batches = compare_deliveries(before, after).batches
    found = next(batches).num_rows
    assert sum(file.stat().st_size for file in spilled.rglob("*") if file.is_file()) > 1 << 20
    assert found + sum(batch.num_rows for batch in batches) == 400_000, "each key has another size"
    assert not list(spilled.iterdir())


def test_no_room_for_what_outgrows_the_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = of_keys(tmp_path / "1", "Parquet", [f"{number:0200}" for number in range(50_000)])
    monkeypatch.setattr(duckdb_query, "MEMORY", "4MiB")
    with pytest.raises(BrigadeError, match="the query cannot run: Out of Memory") as raised:
        sum(batch.num_rows for batch in compare_deliveries(found, found).batches)
    assert raised.value.exit_status == 1
