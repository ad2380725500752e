"""Rows as text: what a reader of each format gets back."""

import csv
import io
import json
from pathlib import Path

import pytest

from brigade.inventory import read
from brigade.inventory.rows import schema
from brigade.inventory.text import Form, lines
from tests.unit.inventory.conftest import NO_S3, of_keys

KEYS = ["plain", 'quote " comma ,', "new\nline", "tab\tand\\n", "🪣", "\r"]


def written(folder: Path, form: Form) -> str:
    delivery = of_keys(folder, "CSV", KEYS)
    chosen = ["key", "version_id", "is_latest", "size", "last_modified_date"]
    return b"".join(lines(schema(delivery.manifest, chosen), read(NO_S3, delivery, chosen), form)).decode()


def test_csv_comes_back_whole(tmp_path: Path) -> None:
    header, *found = csv.reader(io.StringIO(written(tmp_path, "csv"), newline=""))
    assert header == ["key", "version_id", "is_latest", "size", "last_modified_date"]
    assert [row[0] for row in found] == KEYS
    assert found[1][1:] == ["", "true", "10", "2024-04-22T01:11:06.000Z"]


def test_tsv_is_a_line_a_row(tmp_path: Path) -> None:
    text = written(tmp_path, "tsv")
    assert text.count("\n") == 1 + len(KEYS)
    rows = [line.split("\t") for line in text.split("\n")[1:-1]]
    assert [row[0] for row in rows] == ["plain", 'quote " comma ,', "new\\nline", "tab\\tand\\\\n", "🪣", "\\r"]
    assert rows[1][1:] == ["", "true", "10", "2024-04-22T01:11:06.000Z"]


def test_jsonl_is_an_object_a_row(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in written(tmp_path, "jsonl").splitlines()]
    assert [row["key"] for row in rows] == KEYS
    assert rows[1] == {
        "key": 'quote " comma ,',
        "version_id": None,
        "is_latest": True,
        "size": 10,
        "last_modified_date": "2024-04-22T01:11:06.000Z",
    }


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_each_part_is_whole_rows(tmp_path: Path, form: Form) -> None:
    delivery = of_keys(tmp_path, "CSV", KEYS)
    assert all(part.endswith(b"\n") for part in lines(schema(delivery.manifest), read(NO_S3, delivery), form))
