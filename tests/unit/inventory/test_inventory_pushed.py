"""Conditions that the reader decides: they keep just the rows that SQL keeps, and spare what they can."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from sqlglot import parse_one

from brigade.inventory import Delivery, open_delivery, query, read
from brigade.inventory.sql.predicate_pushdown import push_down
from tests.unit.inventory.conftest import NO_S3, of_keys, write

KEYS = [f"photographs/{n}/ü +{n}.jpg" for n in range(40)] + ["README", "a%b", "a_b", "%"]

PUSHED = [
    "size > 100",
    "100 >= size",
    "size = 50 OR size = 60",
    "size IN (10, 20, 31)",
    "NOT size IN (10, 20)",
    "size BETWEEN 20 AND 55",
    "NOT (size < 100)",
    "key LIKE 'photographs/1%'",
    "key LIKE '%.jpg'",
    "key NOT LIKE 'photographs/1%'",
    "key LIKE '%ü%'",
    "key = 'README'",
    "key <> 'README' AND size < 70",
    "key < 'b'",
    "is_latest",
    "NOT is_latest",
    "is_latest = true",
    "version_id IS NULL",
    "version_id IS NOT NULL",
    "version_id = 'x'",
    "NOT version_id = 'x'",
    "NOT (version_id IN ('x', 'y'))",
    "last_modified_date > TIMESTAMP '2024-04-22 01:11:05'",
    "last_modified_date >= DATE '2024-04-23'",
]
LEFT = [
    "length(key) > 8",
    "size > 1.5",
    "size + 1 > 100",
    "key LIKE 'a_b'",
    "size > (SELECT avg(size) FROM inventory)",
    "last_modified_date > current_timestamp",
    "size = NULL",
    "size IN (SELECT max(size) FROM inventory)",
]


def kept(delivery: Delivery, where: str) -> list[Any]:
    return [key for batch in read(delivery, ["key"], where) for key in batch["key"].to_pylist()]


def said(delivery: Delivery, where: str) -> list[Any]:
    return [row[0] for row in query(delivery, f"SELECT key FROM inventory WHERE {where}").rows()]


def test_the_same_rows_as_sql(tmp_path: Path, form: str) -> None:
    delivery = of_keys(tmp_path, form, KEYS)
    mixed = ["size > 50 AND length(key) > 8", "(size > 50 OR length(key) > 8) AND is_latest"]
    for where in [*PUSHED, *LEFT, *mixed]:
        assert sorted(kept(delivery, where)) == sorted(said(delivery, where)), where


def test_the_reader_decides_comparisons_and_leaves_what_is_not_sure_to_the_engine(tmp_path: Path) -> None:
    columns = of_keys(tmp_path, "CSV", KEYS).manifest.columns
    for where in [*PUSHED, *LEFT]:
        pushed, rest = push_down(parse_one(where, read="athena"), columns)
        assert (pushed is None, rest is None) == (where in LEFT, where in PUSHED), where


def test_row_groups_that_cannot_match_are_not_read(tmp_path: Path) -> None:
    table = pa.table({"bucket": ["b"] * 8, "key": [f"k{n}" for n in range(8)], "size": list(range(8))})
    schema = (
        "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);  optional int64 size;}"
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="none", row_group_size=2)
    body = bytearray(sink.getvalue())
    body[body.index(b"k0") : body.index(b"k0") + 2] = b"\xff\xff"  # not UTF-8: who reads the first group fails
    delivery = open_delivery(NO_S3, str(write(tmp_path, "Parquet", schema, [bytes(body)])))
    assert kept(delivery, "size >= 6") == ["k6", "k7"]
