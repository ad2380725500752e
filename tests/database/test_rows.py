"""A table as pages: in the order of its key, of one snapshot, on behind a break; every fault is a real server's."""

import json
import re
import resource
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from brigade.errors import BrigadeError, InvalidData, RetryLater, SettingsError
from brigade.ingest.extract import Extract
from brigade.ingest.read.postgres import TableReader
from brigade.jsonl import Stamp
from local.postgres import Postgres
from tests.database.tables import SMALL, Given, execute, found, given, pages, reader, source


@pytest.fixture
def table(postgres: Postgres) -> Iterator[str]:
    """A table with 1,000 rows of some 100 bytes, four of each ``k``, stored in another order than its key's."""
    name = f"t{uuid4().hex}"
    execute(
        postgres,
        f"CREATE TABLE {name} (k int, n int, v text, PRIMARY KEY (k, n))",
        f"INSERT INTO {name} SELECT i % 250, i, repeat(chr(65 + i % 26), 70) FROM generate_series(0, 999) i"
        " ORDER BY i % 7, i",
    )
    yield name
    execute(postgres, f"DROP TABLE {name}")


def wanted(postgres: Postgres, table: str) -> list[tuple[Any, ...]]:
    return execute(postgres, f"SELECT k, n, v FROM {table} ORDER BY k, n")


@pytest.mark.parametrize("key", [("k", "n"), ("n",), ("k",)])
def test_all_rows_come_once_in_the_keys_order(postgres: Postgres, table: str, key: tuple[str, ...]) -> None:
    rows = found(pages(reader(postgres, source(table=table, key=key, page_bytes=SMALL))))
    keys = [[row[name] for name in key] for row in rows]
    assert keys == sorted(keys)
    assert sorted((row["k"], row["n"], row["v"]) for row in rows) == wanted(postgres, table)


def test_a_page_ends_where_the_key_changes(postgres: Postgres, table: str) -> None:
    declared = source(table=table, key=("k",), page_bytes=SMALL)
    for body in pages(reader(postgres, declared)):
        ks = [json.loads(line)["k"] for line in body.splitlines()]
        assert all(ks.count(k) == 4 for k in ks)
        assert SMALL <= len(body) < SMALL + 600 or max(ks) == 249


def test_any_page_can_be_asked_for_by_another_process(postgres: Postgres, table: str) -> None:
    declared, cursor, rows = source(table=table, key=("k",), page_bytes=SMALL), None, []
    while True:
        another = reader(postgres, declared)
        reply = another.page(cursor)
        another.close()
        rows += found(iter([bytes(reply.body)]))
        if "next" not in reply.headers:
            break
        cursor = reply.headers["next"]
    assert sorted((row["k"], row["n"], row["v"]) for row in rows) == wanted(postgres, table)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT i AS k FROM generate_series(1, 400) i",
        "SELECT i::bigint * 10000000000 AS k FROM generate_series(1, 300) i",
        "SELECT (i / 7.0)::numeric(20, 12) AS k FROM generate_series(1, 400) i",
        "SELECT (i / 7.0)::float8 AS k FROM generate_series(1, 400) i",
        "SELECT timestamptz '2026-11-22' + i * interval '1.000001 s' AS k FROM generate_series(1, 400) i",
        "SELECT md5(i::text)::uuid AS k FROM generate_series(1, 400) i",
        "SELECT md5(i::text) || E'''\"\\\\\u00fc' AS k FROM generate_series(1, 400) i",
        "SELECT decode(md5(i::text), 'hex') AS k FROM generate_series(1, 400) i",
        "SELECT i * interval '1 hour 0.5 second' AS k FROM generate_series(1, 400) i",
        "SELECT date '2026-11-22' + i AS k FROM generate_series(1, 400) i UNION ALL SELECT 'infinity'",
    ],
    ids=["int", "bigint", "numeric", "float8", "timestamptz", "uuid", "text", "bytea", "interval", "date"],
)
def test_a_key_of_any_type_goes_on_exactly(postgres: Postgres, sql: str) -> None:
    select = f"SELECT to_json(k)::text FROM ({sql}) s ORDER BY k"
    expected = execute(postgres, "SET IntervalStyle = 'iso_8601'", "SET TimeZone = 'UTC'", select)
    declared, cursor, rows = source(query=sql, key=("k",), page_bytes=SMALL), None, []
    while True:  # each page by a new query
        fresh = reader(postgres, declared)
        reply = fresh.page(cursor)
        fresh.close()
        rows += re.findall(r'^\{"k":(.*)\}$', bytes(reply.body).decode(), re.MULTILINE)
        if (cursor := reply.headers.get("next")) is None:
            break
    assert rows == [row for (row,) in expected]


def test_all_pages_are_of_one_snapshot(postgres: Postgres, table: str) -> None:
    rows, before = reader(postgres, source(table=table, key=("k", "n"), page_bytes=SMALL)), wanted(postgres, table)
    stream = pages(rows)
    first = next(stream)
    execute(
        postgres,
        f"DELETE FROM {table} WHERE k = 200",
        f"UPDATE {table} SET v = 'changed' WHERE k = 100",
        f"INSERT INTO {table} VALUES (1000, 1000, 'new')",
    )
    assert [(row["k"], row["n"], row["v"]) for row in found(iter([first, *stream]))] == before
    assert rows.requests == 1


def test_nothing_can_be_changed(postgres: Postgres, table: str) -> None:
    execute(
        postgres,
        f"CREATE FUNCTION steal_{table}() RETURNS int LANGUAGE sql AS 'DELETE FROM public.{table} RETURNING 1'",
    )
    with pytest.raises(BrigadeError, match=r"refuses: cannot execute DELETE in a read-only transaction \(25006\)"):
        reader(postgres, source(query=f"SELECT public.steal_{table}() AS v")).stream(None)[0].__next__()
    execute(postgres, f"DROP FUNCTION steal_{table}")
    assert len(wanted(postgres, table)) == 1000


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"query": "SELECT 1 AS a, 2 AS a"}, InvalidData, "two columns are named a; rename one"),
        ({"query": "SELECT NULL::int AS k", "key": ("k",)}, InvalidData, "the key's k is null in a row"),
        ({"query": "SELECT 1 AS k, 2 AS l", "key": ("m",)}, SettingsError, "'m' is not a column; the columns are k, l"),
        ({"table": "nowhere"}, BrigadeError, r'refuses: relation "nowhere" does not exist \(42P01\)'),
        ({"query": "SELECT 1 / 0 AS v"}, BrigadeError, r"refuses: division by zero \(22012\)"),
        (
            {"query": "SELECT 1 AS k, repeat('x', 9000000) AS v FROM generate_series(1, 8)", "key": ("k",)},
            InvalidData,
            "a row, or the rows of one key, are more than 67108864 bytes",
        ),
        (
            {"query": "SELECT repeat('x', 70000000) AS v"},
            InvalidData,
            "a row is 70000008 bytes of JSON, more than the 67108864",
        ),
        ({"query": "SELECT 1 AS k, repeat('x', 70000000) AS v", "key": ("k",)}, InvalidData, "a row is 70000014 bytes"),
    ],
)
def test_what_cannot_be_read_is_said(
    postgres: Postgres, changes: dict[str, Any], kind: type[Exception], said: str
) -> None:
    rows = reader(postgres, source(**changes))
    with pytest.raises(kind, match=said) as caught:
        list(rows.stream(None)[0]) if not changes.get("key") else rows.page(None)
    assert type(caught.value) is kind
    assert postgres.password not in str(caught.value)
    assert left(postgres) == 0


@pytest.mark.parametrize("key", [(), ("k",)])
def test_a_row_that_is_too_wide_stays_on_the_server(postgres: Postgres, key: tuple[str, ...]) -> None:
    rows = reader(postgres, source(query="SELECT 1 AS k, repeat('x', 100000000) AS v", key=key))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidData, match=r"a row is 100000\d{3} bytes of JSON"):
        rows.page(None) if key else list(rows.stream(None)[0])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024


@pytest.mark.parametrize("order", [{"key": ("k", "n")}, {"key": ("k",), "since": "n"}])
def test_a_null_in_the_midst_of_a_tables_key_is_found_first(postgres: Postgres, order: dict[str, Any]) -> None:
    name = f"t{uuid4().hex}"
    execute(postgres, f"CREATE TABLE {name} AS SELECT i AS k, NULLIF(i, 7) AS n FROM generate_series(1, 2000) i")
    with pytest.raises(InvalidData, match="the key's n is null in a row"):
        reader(postgres, source(table=name, page_bytes=SMALL, **order)).page(None)


def test_a_connection_that_an_administrator_ends_is_made_anew(postgres: Postgres, table: str) -> None:
    rows = reader(postgres, source(table=table, key=("n",), page_bytes=SMALL))
    stream = pages(rows)
    bodies = [next(stream)]
    execute(postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'brigade'")
    bodies += stream
    assert [row["n"] for row in found(iter(bodies))] == list(range(1000))


def test_a_query_that_is_cancelled_is_not_tried_again(postgres: Postgres, table: str) -> None:
    slow = f"SELECT n AS k, v, pg_sleep(0.01)::text AS s FROM public.{table}"
    rows = reader(postgres, source(query=f"{slow} ORDER BY n OFFSET 0", key=("k",), page_bytes=SMALL))
    ours = "application_name = 'brigade' AND query ~ '^COPY'"
    cancel = f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {ours}"

    def cancelled() -> None:
        while not execute(postgres, cancel):
            time.sleep(0.1)

    threading.Thread(target=cancelled, daemon=True).start()
    with pytest.raises(RetryLater, match=r"ended the query: canceling statement due to user request \(57014\)"):
        list(pages(rows))
    assert rows.requests == 1
    assert left(postgres) == 0


def test_a_query_does_not_outlast_the_run(postgres: Postgres) -> None:
    rows = reader(postgres, source(query="SELECT pg_sleep(20)::text AS k", key=("k",)), remaining=2.0)
    with pytest.raises(RetryLater, match="statement timeout"):
        rows.page(None)


def test_a_reading_that_is_left_leaves_no_query(postgres: Postgres, table: str) -> None:
    rows = reader(postgres, source(table=table, key=("n",), page_bytes=SMALL))
    rows.page(None)
    assert left(postgres, at_least=1) >= 1
    rows.close()
    assert left(postgres) == 0


@pytest.mark.parametrize("key", [(), ("k",)])
def test_memory_is_a_page_however_many_and_wide_the_rows(postgres: Postgres, key: tuple[str, ...]) -> None:
    width = "CASE WHEN i % 500 = 0 THEN 1000000 ELSE 100 END"
    query = f"SELECT i AS k, repeat('x', {width}) AS v FROM generate_series(1, 40000) i"
    declared = source(query=query, key=key, page_bytes=1024 * 1024)
    tracemalloc.start()
    taken = Extract(declared, reader(postgres, declared), Stamp("2026-11-22", "now"))
    size = sum(len(block) for block in taken.lines())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (taken.records, size > 80_000_000) == (40000, True)
    assert peak < 12 * 1024 * 1024


def test_a_wrong_password_is_said_without_it(postgres: Postgres, table: str) -> None:
    wrong = Given(given(postgres).uri.replace("postgres:", "postgres:wrong-", 1))
    rows = TableReader(source(table=table), wrong, lambda: 900.0)
    with pytest.raises(BrigadeError, match="password authentication failed") as caught:
        rows.page(None)
    assert "wrong-" not in str(caught.value)


def left(postgres: Postgres, at_least: int = 0) -> int:
    """Return the number of our open connections. The server notices a closed connection a moment later."""
    count = 0
    for _ in range(100):
        ((count,),) = execute(
            postgres,
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'brigade' OR pg_sleep(0.02) IS NULL",
        )
        if count == 0 or count >= at_least > 0:
            break
        time.sleep(0.02)
    return int(count)
