"""Both engines refuse SQL that is not Athena's, and give the same meaning to SQL that both know."""

from pathlib import Path
from typing import Any

import pytest

from brigade.errors import BrigadeError, UsageError
from brigade.inventory import query
from brigade.inventory.sql import dialect
from brigade.inventory.sql.dialect import parse_condition
from tests.unit.inventory.conftest import of_keys


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("size::varchar = '1'", "'::'"),
        ("size == 1", "'=='"),
        ("size <=> 1", "'<=>'"),
        ("!is_latest", "'!'"),
        ("key RLIKE '^logs'", "RLIKE"),
        ("key REGEXP '^logs'", "REGEXP"),
        ("version_id ISNULL", "ISNULL"),
        ("version_id NOTNULL", "NOTNULL"),
        ("key LIKE 'LOGS%' COLLATE NOCASE", "COLLATE"),
        ("key = 'a' 'b'", "two texts side by side"),
        ("key = $$a$$", r"'\$\$a\$\$'"),
        ("key = N'a'", "the literal N'a'"),
        ("last_modified_date > now() - INTERVAL 1 DAY", "INTERVAL 1 without quotes"),
        ("key ->> 'a' = 'b'", "'->>'"),
        ("cardinality({'a': 1}) = 1", r"'\{'"),
        ("size & 1 = 1", "'&'"),
        ("size > 1 {# OR TRUE #}", "the comment"),
        ("size > 1 {# OR TRUE #} AND key = 'x'", "the comment"),
    ],
)
def test_a_spelling_of_another_dialect_is_refused(where: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"the SQL has {said}"):
        parse_condition(where)
    with pytest.raises(UsageError, match=f"the SQL has {said}"):
        dialect.parse_query(f"SELECT key FROM inventory WHERE {where}")


@pytest.mark.parametrize(
    "where",
    [
        "key = 'a🪣' /* 🪣 -- */ AND size > 5 -- /* a comment",
        "key = 'a'' :: == /* -- '",
        '"ke::y" = 1',
        "x'4142' = X'4142' AND U&'\\0041' = 'A'",
        "size >= .5 AND size <> 1e3 AND size != 5.",
        "cardinality(filter(split(key, '/'), part -> part = 'a')) > 0",
        "key || 'x' LIKE 'a!%%' ESCAPE '!' AND -size % 2 = 1",
        "last_modified_date > TIMESTAMP '2026-01-01 00:00:00' - INTERVAL '1' DAY",
        "size IS NOT DISTINCT FROM 5 AND version_id IS NOT NULL",
        "regexp_like(key, '^a') AND ARRAY[1, 2][1] = 1",
    ],
)
def test_athenas_own_spellings_are_taken_as_they_are(where: str) -> None:
    assert parse_condition(where).startswith(f"({where[:10]}")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("EXTRACT(DOW FROM DATE '2026-11-22')", 7),  # a Sunday
        ("EXTRACT(DAY_OF_WEEK FROM DATE '2026-11-23')", 1),
        ("EXTRACT(YOW FROM DATE '2027-01-01')", 2026),
        ("EXTRACT(YEAR FROM DATE '2027-01-01')", 2027),
        *[
            (f"TRY_CAST(nullif('{text}', 'x') AS bigint)", value)
            for text, value in (("12", 12), ("-7", -7), ("+7", 7), ("1.5", None), ("1e3", None), ("0x1F", None))
        ],
        *[(f"TRY_CAST('{text}' AS integer)", None) for text in ("1_000", " 5", "", "five")],
        *[(f"TRY_CAST('{text}' AS boolean)", value) for text, value in (("T", True), ("0", False), ("yes", None))],
        ("TRY_CAST('2026-11-22 23:00:00' AS date) IS NULL", True),
        ("CAST(CAST('7' AS bigint) AS integer)", 7),
        ("CAST(2.5 AS integer)", 3),
        ("CAST(TRUE AS integer)", 1),
        ("CAST(NULL AS bigint)", None),
        ("CAST(version_id AS bigint)", None),
        ("CAST(size AS integer)", 0),
    ],
)
def test_duckdb_answers_as_trino_documents(tmp_path: Path, expression: str, value: Any) -> None:
    assert list(query(of_keys(tmp_path, "CSV", ["a"]), f"SELECT {expression} FROM inventory").rows()) == [(value,)]


@pytest.mark.parametrize(
    "expression", ["CAST('1.5' AS bigint)", "CAST(key AS boolean)", "CAST('2026-11-22 1:00' AS date)"]
)
def test_a_cast_that_trino_refuses_is_an_error(tmp_path: Path, expression: str) -> None:
    with pytest.raises(BrigadeError, match="a text is no"):
        list(query(of_keys(tmp_path, "CSV", ["yes"]), f"SELECT {expression} FROM inventory").rows())


def test_a_time_zone_that_duckdb_reads_the_other_way_round_is_refused(tmp_path: Path) -> None:
    sql = "SELECT key FROM inventory WHERE last_modified_date AT TIME ZONE 'Asia/Tokyo' > now()"
    with pytest.raises(UsageError, match="DuckDB cannot run this part"):
        query(of_keys(tmp_path, "CSV", ["a"]), sql)
