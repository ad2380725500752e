"""Rows as text: what a reader of each format gets back."""

import csv
import gzip
import io
import json
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from pyarrow import parquet

from brigade.errors import UsageError
from brigade.inventory import read
from brigade.inventory.export.queue import MessageBody
from brigade.inventory.rows import serialize
from brigade.inventory.rows.scanner import schema
from brigade.inventory.rows.serialize import Form, serialize_rows
from tests.unit.inventory.conftest import of_keys

KEYS = ["plain", 'quote " comma ,', "new\nline", "tab\tand\\n", "🪣", "\r"]


def written(folder: Path, form: Form) -> str:
    delivery = of_keys(folder, "CSV", KEYS)
    chosen = ["key", "version_id", "is_latest", "size", "last_modified_date"]
    return b"".join(serialize_rows(schema(delivery.manifest, chosen), read(delivery, chosen), form)).decode()


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
    assert all(part.endswith(b"\n") for part in serialize_rows(schema(delivery.manifest), read(delivery), form))


def test_keys0_is_each_key_and_a_nul(tmp_path: Path) -> None:
    delivery = of_keys(tmp_path, "ORC", KEYS)
    written = b"".join(serialize_rows(schema(delivery.manifest, ["key"]), read(delivery, ["key"]), "keys0"))
    assert written == b"".join(key.encode() + b"\0" for key in KEYS)
    with pytest.raises(UsageError, match="keys0 writes only keys"):
        serialize_rows(schema(delivery.manifest), [], "keys0")


@pytest.mark.parametrize("kept", [1 << 30, 1])
def test_parquet_comes_back_typed_in_groups_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(serialize, "_GROUP", kept)
    delivery = of_keys(tmp_path, "CSV", KEYS)
    body = b"".join(serialize_rows(schema(delivery.manifest), read(delivery), "parquet"))
    table = parquet.read_table(io.BytesIO(body))
    assert table.schema == schema(delivery.manifest)
    assert table["key"].to_pylist() == KEYS


def test_the_bytes_out_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    delivery = of_keys(tmp_path, "CSV", KEYS)
    names = list(delivery.manifest.columns)
    plain = []
    with gzip.open(str(delivery.place(delivery.manifest.files[0])), "rt", encoding="utf-8", newline="") as data:
        for row in csv.reader(data):
            row[1] = unquote_plus(row[1])
            plain.append(row)
    out = b"".join(serialize_rows(schema(delivery.manifest), read(delivery), "csv")).decode()
    header, *rows = csv.reader(io.StringIO(out, newline=""))
    assert (header, rows) == (names, plain)


def test_a_message_has_times_and_booleans_as_rows_writes_them(tmp_path: Path) -> None:
    delivery = of_keys(tmp_path, "CSV", ["a"])
    ((row,),) = [batch.to_pylist() for batch in read(delivery)]
    template = (
        "{last_modified_date}|{is_latest}|{is_latest:json}|{last_modified_date:json}|{version_id}|{version_id:json}"
    )
    time = "2024-04-22T01:11:06.000Z"
    assert MessageBody(template, delivery).of(row) == f'{time}|true|true|"{time}"||null'


@pytest.mark.parametrize("template", ["{key!r}", "{key!s}", "{size:d}", "{key:>10}", "{key:{size}}"])
def test_a_format_that_a_message_would_ignore_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(UsageError, match="in another way"):
        MessageBody(template, of_keys(tmp_path, "CSV", ["a"]))
