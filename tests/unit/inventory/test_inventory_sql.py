"""SQL over a delivery on this machine: the answers, that nothing else can be reached, and what a mistake says."""

import gzip
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brigade.errors import BrigadeError, InvalidData, UsageError
from brigade.inventory import Delivery, open_delivery, query
from tests.unit.inventory.conftest import NO_S3, SCHEMAS, of_keys, write

KEYS = ["a/1 .jpg", "a/2+.jpg", "b/3%41.png", "b/ünï 🪣.png", "b/x"]


def asked(delivery: Delivery, sql: str) -> list[tuple[Any, ...]]:
    return list(query(delivery, sql).rows())


def test_the_same_answer_whichever_the_format(tmp_path: Path, form: str) -> None:
    delivery = of_keys(tmp_path, form, KEYS)
    result = query(
        delivery,
        "SELECT split_part(key, '/', 1) AS top, count(*) AS n, sum(size) AS bytes FROM inventory GROUP BY 1 ORDER BY 1",
    )
    assert result.columns == ("top", "n", "bytes")
    assert list(result.rows()) == [("a", 2, 10), ("b", 3, 90)]
    assert asked(delivery, "SELECT key FROM inventory WHERE key LIKE '%🪣%' AND is_latest AND version_id IS NULL") == [
        ("b/ünï 🪣.png",)
    ]
    assert asked(delivery, "SELECT max(last_modified_date) FROM inventory") == [(datetime(2024, 4, 22, 1, 11, 6),)]


def test_an_integer_over_an_integer_is_one_as_on_athena(tmp_path: Path) -> None:
    assert asked(of_keys(tmp_path, "CSV", KEYS), "SELECT 7 / 2, max(size) / 3 FROM inventory") == [(3, 13)]


def test_a_table_read_twice_is_whole_both_times(tmp_path: Path, form: str) -> None:
    sql = (
        "SELECT count(*) FROM inventory a JOIN inventory b ON a.key = b.key "
        "WHERE a.size >= (SELECT avg(size) FROM inventory)"
    )
    assert asked(of_keys(tmp_path, form, KEYS), sql) == [(3,)]


ALL = ("bucket", "key", "version_id", "is_latest", "size", "last_modified_date", "e_tag", "dt")


@pytest.mark.parametrize(
    ("sql", "columns", "count"),
    [
        ("SELECT count(*) AS n FROM inventory", ("n",), 1),
        (
            "SELECT max(key), count(*), size / 2, 1 FROM inventory GROUP BY size",
            ("_col0", "_col1", "_col2", "_col3"),
            5,
        ),
        ("SELECT 'a', key FROM inventory UNION ALL SELECT 'b', key FROM inventory", ("_col0", "key"), 10),
        ("SELECT * FROM inventory", ALL, 5),
        # A null equals nothing, not even the null version id of the same row.
        ("SELECT i.* FROM inventory i JOIN inventory o ON i.version_id = o.version_id", ALL, 0),
        ("WITH big AS (SELECT * FROM inventory WHERE size > 10) SELECT KEY FROM big", ("key",), 3),
        ("SELECT dt FROM inventory WHERE dt = '2025-06-02-01-00' LIMIT 1", ("dt",), 1),
    ],
)
def test_columns_that_a_query_touches_are_read(tmp_path: Path, sql: str, columns: Sequence[str], count: int) -> None:
    result = query(of_keys(tmp_path, "CSV", KEYS), sql)
    assert len(list(result.rows())) == count
    assert [name.lower() for name in result.columns] == list(columns)


WRITES = ("CREATE", "DELETE", "INSERT", "COPY", "UNLOAD")  # work that is refused; the others are called wrongly


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x AS SELECT * FROM inventory",
        "DELETE FROM inventory",
        "INSERT INTO inventory VALUES ('b')",
        "WITH gone AS (DELETE FROM inventory) SELECT 1",
        "COPY (SELECT 1) TO '/tmp/brigade-escaped.csv'",
        "ATTACH '/tmp/brigade-escaped.db'",
        "INSTALL httpfs",
        "SET memory_limit = '100GB'",
        "PRAGMA database_list",
        "UNLOAD (SELECT 1) TO 's3://b/k' WITH (format = 'TEXTFILE')",
        "SELECT 1; SELECT 2",
        "",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM other",
        "SELECT * FROM other.inventory",
        "WITH inventory AS (SELECT 1) SELECT * FROM inventory",
        "SELECT nothing FROM inventory",
        "SELECT FROM WHERE",
    ],
)
def test_what_is_no_select_over_the_inventory_is_refused(tmp_path: Path, sql: str) -> None:
    with pytest.raises(BrigadeError) as caught:
        query(of_keys(tmp_path, "CSV", KEYS), sql)
    assert isinstance(caught.value, UsageError) != any(verb in sql for verb in WRITES)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT key FROM inventory ORDER BY size FETCH FIRST 1 ROW WITH TIES", "with_ties"),
        ("SELECT key FROM inventory WHERE key LIKE ANY ('a%')", "not over a subquery"),
        ("SELECT key FROM inventory WHERE key ILIKE 'A%'", "ILike"),
        ("SELECT key FROM inventory WHERE key SIMILAR TO 'a'", "SimilarTo"),
        ("SELECT key FROM inventory GROUP BY ALL key", "all in"),
        ("SELECT * EXCEPT (key) FROM inventory", "except in"),
        ("SELECT key FROM inventory FOR TIMESTAMP AS OF current_timestamp", "version in"),
        ("SELECT CAST(key AS varchar(3)) FROM inventory", "the length of 'VARCHAR\\(3\\)'"),
        ("SELECT CAST(key AS char) FROM inventory", "the type CHAR"),
    ],
)
def test_a_clause_that_duckdb_would_drop_or_read_in_its_own_way_is_refused(tmp_path: Path, sql: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"DuckDB cannot run this part of the query as Athena does: .*{said}"):
        query(of_keys(tmp_path, "CSV", KEYS), sql)


def test_decimals_have_the_digits_that_are_written(tmp_path: Path) -> None:
    """As in Trino: the scale of a literal is that of its digits, and DECIMAL alone has none."""
    sql = "SELECT DECIMAL '0.00099', DECIMAL '-12.50', CAST('0.5' AS decimal), DECIMAL '007' FROM inventory LIMIT 1"
    found = asked(of_keys(tmp_path, "CSV", KEYS), sql)
    assert found == [(Decimal("0.00099"), Decimal("-12.50"), 1, 7)]


def test_columns_renamed_behind_the_table_are_taken_by_their_place(tmp_path: Path) -> None:
    sql = "SELECT b FROM inventory AS i(a, b, c, d, e, f, g, h) ORDER BY 1 LIMIT 1"
    assert asked(of_keys(tmp_path, "CSV", KEYS), sql) == [("a/1 .jpg",)]


def test_a_damaged_file_is_said_as_when_rows_are_read(tmp_path: Path) -> None:
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [gzip.compress(b'"b","k"\n')])
    with pytest.raises(InvalidData, match=r"000000\.csv\.gz row 1: .*Expected 7 columns, got 2"):
        asked(open_delivery(NO_S3, str(manifest)), "SELECT count(*) FROM inventory")


def test_no_more_files_are_read_than_a_limit_needs(tmp_path: Path) -> None:
    row = '"b","k","","true","1","2024-04-22T01:11:06.000Z","e"\n'
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [gzip.compress(row.encode() * 10), b"never opened"])
    assert len(asked(open_delivery(NO_S3, str(manifest)), "SELECT key FROM inventory LIMIT 3")) == 3
