"""JSON value of each column type: every line of the page's table, read from a PostgreSQL with hostile settings."""

import gzip
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.declare.transform import Transform
from brigade.ingest.extract import Extract, compress_lines
from brigade.jsonl import Stamp
from local.postgres import Postgres
from tests.database.tables import execute, reader, source

PAGE = Path(__file__).parents[2] / "docs" / "postgresql.md"
ROWS = re.findall(r"^\| ([^|`]+) \| `([^|]+)` \| `([^|]+)` \|$", PAGE.read_text(), re.MULTILINE)
HOSTILE = (
    "ALTER ROLE ALL SET TimeZone = 'Asia/Kolkata'",
    "ALTER ROLE ALL SET DateStyle = 'SQL, DMY'",
    "ALTER ROLE ALL SET IntervalStyle = 'postgres_verbose'",
    "ALTER ROLE ALL SET bytea_output = 'escape'",
    "ALTER ROLE ALL SET extra_float_digits = 0",
    "ALTER ROLE ALL SET default_transaction_isolation = 'read committed'",
)


@pytest.fixture(scope="module", autouse=True)
def hostile(postgres: Postgres) -> Any:
    """Settings of the server that would write other text."""
    execute(postgres, *HOSTILE)
    yield
    execute(postgres, "ALTER ROLE ALL RESET ALL")


def extracted(postgres: Postgres, declared: TableSource) -> list[bytes]:
    taken = Extract(declared, reader(postgres, declared), Stamp("2026-11-22", "now"))
    return gzip.decompress(b"".join(compress_lines(taken.lines()))).splitlines()


def test_the_page_has_the_types_that_matter() -> None:
    said = " ".join(kind for kind, _, _ in ROWS)
    for kind in ("null", "numeric", "timestamptz", "bytea", "array", "jsonb", "range", "uuid", "interval", "infinite"):
        assert kind in said
    assert len(ROWS) > 35


@pytest.mark.parametrize(("kind", "sql", "written"), ROWS, ids=[kind for kind, _, _ in ROWS])
@pytest.mark.parametrize("key", [(), ("k",)], ids=["any order", "by key"])
def test_a_type_is_written_as_the_page_says(
    postgres: Postgres, kind: str, sql: str, written: str, key: tuple[str, ...]
) -> None:
    (line,) = extracted(postgres, source(query=f"SELECT 1 AS k, {sql} AS v", key=key))
    assert line.decode() == f'{{"k":1,"v":{written},"ingest_date":"2026-11-22","ingest_ts":"now"}}'


@pytest.mark.parametrize("written", [written for kind, _, written in ROWS if "json, as" not in kind])
def test_a_record_that_is_changed_and_checked_keeps_its_value(postgres: Postgres, written: str) -> None:
    """Decimals are not made binary on the way, nor integers cut."""
    declared = source(
        query=f"SELECT 1 AS k, $json${written}$json$::json AS v",
        key=("k",),
        transform=Transform(rename={"k": "n"}),
        contract=Contract(fields={"k": "integer"}, extra="evolve"),
    )
    (line,) = extracted(postgres, declared)
    found = json.loads(line, parse_float=Decimal)
    assert found == {"n": 1, "v": json.loads(written, parse_float=Decimal)} | {
        "ingest_date": "2026-11-22",
        "ingest_ts": "now",
    }
    if re.fullmatch(r"[0-9.]+", written):
        assert f'"v":{written},' in line.decode()


def test_a_numeric_is_a_number_to_a_contract(postgres: Postgres) -> None:
    declared = source(query="SELECT 1.10 AS v", contract=Contract(fields={"v": "number"}, tolerated=0.0))
    (line,) = extracted(postgres, declared)
    assert line.startswith(b'{"v":1.10,')


def test_white_space_of_a_json_value_does_not_break_a_line(postgres: Postgres) -> None:
    (line,) = extracted(postgres, source(query='SELECT E\'{"a":\\n\\r\\n [1,\\t"x\\\\ny"]}\'::json AS v'))
    assert json.loads(line)["v"] == {"a": [1, "x\ny"]}


def test_control_characters_that_frame_the_rows_come_through(postgres: Postgres) -> None:
    lines = extracted(postgres, source(query=r"SELECT chr(g) || '\.' AS v FROM generate_series(1, 40) AS g"))
    assert [json.loads(line)["v"] for line in lines] == [chr(code) + "\\." for code in range(1, 41)]


def test_a_column_named_as_the_stamp_gives_way(postgres: Postgres) -> None:
    (line,) = extracted(postgres, source(query="SELECT 'theirs' AS ingest_date, 1 AS v"))
    assert line == b'{"v":1,"ingest_date":"2026-11-22","ingest_ts":"now"}'
