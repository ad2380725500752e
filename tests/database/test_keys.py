"""A key of any type either resumes exactly or is refused at the start; the server's own ORDER BY is the judge."""

import datetime
import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from brigade.errors import BrigadeError, InvalidData, SettingsError
from brigade.ingest.read import postgres_query
from brigade.ingest.read.postgres_query import select_rows
from local.postgres import Postgres
from tests.database.tables import execute, reader, source
from tests.examples import examples

SMALL = 1024
TYPES = (
    "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public",
    "CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public",
    "CREATE SCHEMA app",
    "CREATE TYPE app.size AS ENUM ('small', 'Large', 'medium')",
    "CREATE TYPE app.pair AS (a numeric, b text)",
    "CREATE DOMAIN app.amount AS numeric CHECK (VALUE < 1e30)",
    "CREATE DOMAIN app.mail AS public.citext",
)
# Of each type: values, several of which are equal to the server though their text is not.
VALUES = {
    "boolean": ("true", "false"),
    "smallint": ("-32768", "0", "32767"),
    "bigint": ("-9223372036854775808", "0", "9007199254740993", "9223372036854775807"),
    "numeric": (
        "1",
        "1.0",
        "1.00",
        "-0.0",
        "0",
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "1e-20",
        "12345678901234567890.5",
    ),
    "numeric(10,2)": ("1", "1.004", "-1"),
    "real": ("'-0'", "0", "'NaN'", "'Infinity'", "'-Infinity'", "0.1", "1e-45", "16777217"),
    "double precision": ("'-0'", "0", "'NaN'", "'Infinity'", "'-Infinity'", "0.1", "0.30000000000000004", "5e-324"),
    "text": ("''", "'a'", "'A'", "'null'", r"E'\n'", r"E'\x01\x02'", r"E'\\'", "'\"'", "'a '", "'\u00e9'", "'e\u0301'"),
    "varchar(9)": ("''", "'a'", "'B'", "'ab '", "'\u00fc'"),
    "char(4)": ("'a'", "'a   '", "'ab'", "''"),
    "bpchar": ("'a'", "'a   '", "'ab'", "''"),
    '"char"': ("'a'", "'b'", "''"),
    "name": ("'a'", "'B'", "''"),
    "public.citext": ("'a'", "'A'", "'b'", "'B'", "''", "'a '"),
    "app.mail": ("'x@y'", "'X@Y'", "'z'"),
    "bytea": (r"'\x'", r"'\x00ff'", r"'\x01'", r"'\x5c'"),
    "bit(3)": ("B'101'", "B'000'"),
    "bit varying": ("B'101'", "B'1'", "B''", "B'0'"),
    "uuid": ("'00000000-0000-0000-0000-000000000000'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"),
    "date": ("'2026-11-22'", "'0044-03-15 BC'", "'infinity'", "'-infinity'"),
    "time": ("'00:00'", "'24:00'", "'23:59:59.999999'"),
    "timetz": ("'12:00+00'", "'13:00+01'", "'12:00-05:30'"),
    "timestamp": ("'2026-10-25 02:30'", "'2026-10-25 02:30:00.000001'", "'infinity'", "'-infinity'"),
    "timestamptz": (
        "'2026-10-25 02:30 Europe/Berlin'",
        "'2026-10-25 00:30+00'",
        "'2026-10-25 01:30+00'",
        "'0044-03-15 12:00:00.5+00 BC'",
        "'infinity'",
        "'-infinity'",
    ),
    "interval": ("'1 day'", "'24 hours'", "'1 mon'", "'30 days'", "'-1 mon +1 day'", "'0.000001 s'", "'1 year -1 day'"),
    "inet": ("'10.0.0.1'", "'10.0.0.1/32'", "'10.0.0.0/8'", "'::1'"),
    "cidr": ("'10.0.0.0/8'", "'10.0.0.0/16'"),
    "macaddr": ("'08:00:2b:01:02:03'", "'00:00:00:00:00:00'"),
    "oid": ("0", "4294967295"),
    "pg_lsn": ("'0/0'", "'16/B374D848'"),
    "integer[]": ("'{1,2}'", "'{}'", "'{1,NULL}'", "'{NULL}'", "'{{1,2},{3,4}}'", "'[0:1]={1,2}'"),
    "numeric[]": ("'{1,2}'", "'{1.0,2}'", "'{1.00,2.0}'"),
    "text[]": (r"""E'{"a,\\"b",NULL,"NULL",""}'""", "'{}'", "'{null}'"),
    "public.citext[]": ("'{a}'", "'{A}'", "'{b,NULL}'"),
    "jsonb": ("'1'", "'1.0'", """'"a"'""", """'{"a": [1, null]}'""", "'[]'", "'null'", "'true'", """'"null"'"""),
    "int4range": ("'[1,5)'", "'[1,4]'", "'empty'", "'(,3)'", "'(,)'"),
    "numrange": ("'[1,2)'", "'[1.0,2.00)'", "'empty'"),
    "int4multirange": ("'{[1,3),[7,9)}'", "'{}'"),
    "tsvector": ("'fat cat'", "''", "'a:1A'"),
    "app.size": ("'small'", "'Large'", "'medium'"),
    "app.pair": ("'(1,a)'", "'(1.0,a)'", "'(,a)'", "'(1,)'", """'(2,"x,""y\\\\")'""", "'(NaN,null)'"),
    "app.amount": ("1", "1.0", "2"),
    "public.hstore": ("'a=>1'", "'b=>NULL'", "''"),
}
_names = count()


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Postgres:
    """The server with the types of users that keys may have."""
    execute(postgres, "DROP SCHEMA IF EXISTS app CASCADE", *TYPES)
    return postgres


def cut_at_every_page(server: Postgres, key: tuple[str, ...], **declared: Any) -> list[dict[str, Any]]:
    """Return the rows of a reading of which each page is asked for by another process."""
    declaration, cursor, rows = source(key=key, page_bytes=SMALL, **declared), None, list[dict[str, Any]]()
    while True:
        fresh = reader(server, declaration)
        reply = fresh.page(cursor)
        fresh.close()
        rows += [json.loads(line) for line in bytes(reply.body).splitlines()]
        if (cursor := reply.headers.get("next")) is None:
            return rows


def check(server: Postgres, kinds: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Read a table with these keys, cut at every page; the server's own ORDER BY says what is right."""
    table, names = f"app.k{next(_names)}", tuple(f"k{number}" for number in range(len(kinds)))
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    values = ", ".join(f"({number}, {', '.join(row)})" for number, row in enumerate(rows))
    execute(
        server,
        f"CREATE TABLE {table} (id int, {columns}, pad text DEFAULT repeat('x', 400))",
        f"INSERT INTO {table} (id, {', '.join(names)}) VALUES {values}",
    )
    ranked = execute(server, f"SELECT id, rank() OVER (ORDER BY {', '.join(names)}) FROM {table}")
    rank: dict[int, int] = dict(ranked)
    found = [row["id"] for row in cut_at_every_page(server, names, table=table)]
    execute(server, f"DROP TABLE {table}")
    assert sorted(found) == sorted(rank)
    assert [rank[each] for each in found] == sorted(rank.values())


@pytest.mark.parametrize("kind", VALUES)
def test_a_key_of_any_type_resumes_exactly(server: Postgres, kind: str) -> None:
    @settings(max_examples=examples(2), derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(VALUES[kind]), max_size=12))
    def generated(values: list[str]) -> None:
        check(server, (kind,), [(f"CAST({value} AS {kind})",) for value in (*values, *VALUES[kind], *VALUES[kind])])

    generated()


@settings(max_examples=examples(20), derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_key_of_several_types_resumes_exactly(server: Postgres, data: st.DataObject) -> None:
    kinds = tuple(data.draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=3)))
    row = st.tuples(*(st.sampled_from(VALUES[kind]) for kind in kinds))
    rows = data.draw(st.lists(row, min_size=8, max_size=20))
    check(server, kinds, [tuple(f"CAST({v} AS {kind})" for v, kind in zip(each, kinds, strict=True)) for each in rows])


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ("SELECT CASE i % 3 WHEN 0 THEN 1 WHEN 1 THEN 1.0 ELSE 1.00 END + i / 9 AS k", ("k",)),
        ("SELECT i % 5 AS a, CASE i % 2 WHEN 0 THEN 'x' ELSE 'X' END::public.citext AS k", ("a", "k")),
    ],
    ids=["numeric of several scales", "citext behind an integer"],
)
def test_no_row_is_lost_where_equal_keys_have_different_text(server: Postgres, columns: str, key: Any) -> None:
    query = f"{columns}, i AS id, repeat('x', 300) AS pad FROM generate_series(1, 200) i"
    assert sorted(row["id"] for row in cut_at_every_page(server, key, query=query)) == list(range(1, 201))


def test_no_row_is_lost_with_a_collation_that_ignores_case(icu: Postgres) -> None:
    execute(
        icu,
        "CREATE COLLATION IF NOT EXISTS nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "DROP TABLE IF EXISTS names",
        "CREATE TABLE names (id int, name text COLLATE nocase, pad text)",
        "INSERT INTO names SELECT i, CASE i % 2 WHEN 0 THEN 'n' ELSE 'N' END || (i / 4), repeat('x', 300)"
        " FROM generate_series(1, 200) i",
    )
    assert sorted(row["id"] for row in cut_at_every_page(icu, ("name",), table="names")) == list(range(1, 201))


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("'{}'::json", "of type json: "),
        ("point(1, 2)", "of type point: "),
        ("NULL::xml", "of type xml: "),
        ("ROW(1, 2)", "of type record, which has no order or cannot be read back"),
        ("1::money", "of type money, whose text depends on lc_monetary; use k::numeric"),
        ("'1'::xid", "of type xid: "),
    ],
)
def test_a_key_that_cannot_resume_is_refused_at_the_start(server: Postgres, column: str, why: str) -> None:
    rows = reader(server, source(query=f"SELECT {column} AS k", key=("k",)))
    with pytest.raises(SettingsError, match=f"the key's 'k' is {why}.*; choose another key, or none$"):
        rows.page(None)
    with pytest.raises(SettingsError, match=f"the key's 'k' is {why}"):
        rows.split_points(3)


@pytest.mark.parametrize("at", range(6))
def test_a_null_that_a_resumed_query_would_skip_is_an_error(server: Postgres, at: int) -> None:
    null = f"CASE WHEN i = {at} THEN NULL ELSE i END"
    query = f"SELECT 1 AS a, {null} AS b, repeat('x', 900) AS pad FROM generate_series(0, 5) i"
    with pytest.raises(InvalidData, match="the key's b is null in a row"):
        cut_at_every_page(server, ("a", "b"), query=query)


def test_an_index_serves_the_order_and_the_resumption(server: Postgres) -> None:
    execute(
        server,
        "CREATE TABLE app.wide AS SELECT i / 100 AS a, i AS b FROM generate_series(1, 20000) i",
        "CREATE INDEX ON app.wide (a, b)",
        "ANALYZE app.wide",
    )
    rows = reader(server, source(table="app.wide", key=("a", "b")))
    connection, relation, order = rows._begin()
    connection.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    plan = "\n".join(
        line
        for (line,) in connection.execute(
            b"EXPLAIN " + select_rows(relation, order, '["199","19950"]', None, (None, None)).as_bytes(connection)
        )
    )
    rows.close()
    assert "Sort" not in plan
    assert re.search(r"Index Cond: \(ROW\(a, b\) > ROW\(199, 19950\)\)", plan)


@pytest.fixture
def accounts(server: Postgres) -> Iterator[str]:
    """A table, and what another user made that fits it better than PostgreSQL's own function and operator."""
    forged = "LANGUAGE sql AS $$ SELECT"
    execute(
        server,
        "CREATE TABLE app.accounts (id varchar PRIMARY KEY, brigade app.pair, balance numeric)",
        "INSERT INTO app.accounts SELECT i, '(1,x)', 10 FROM generate_series(1000, 1099) i",
        f'CREATE FUNCTION public.row_to_json(app.accounts) RETURNS json {forged} \'{{"id": "forged"}}\'::json $$',
        f"CREATE FUNCTION public.never(varchar, varchar) RETURNS boolean {forged} false $$",
        "CREATE OPERATOR public.> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.never)",
    )
    yield "app.accounts"
    execute(
        server,
        "DROP OPERATOR public.> (varchar, varchar)",
        "DROP FUNCTION public.never",
        "DROP TABLE app.accounts CASCADE",
    )


@pytest.mark.parametrize("key", [(), ("id",)])
@pytest.mark.parametrize("declared", [{"table": "app.accounts"}, {"query": "SELECT * FROM app.accounts"}])
def test_what_another_user_made_is_not_run_and_no_column_vanishes(
    server: Postgres, accounts: str, key: tuple[str, ...], declared: dict[str, str]
) -> None:
    """CVE-2018-1058; and a column of the name that the query calls the table by."""
    if key:
        found = cut_at_every_page(server, key, **declared)
    else:
        blocks, _ = reader(server, source(**declared)).stream(None)
        found = [json.loads(line) for line in b"".join(blocks).splitlines()]
    whole = [{"id": str(each), "brigade": {"a": 1, "b": "x"}, "balance": 10} for each in range(1000, 1100)]
    assert sorted(found, key=lambda row: str(row["id"])) == whole


def test_a_name_without_its_schema_is_found_for_a_table_and_refused_in_a_query(server: Postgres) -> None:
    execute(server, "CREATE TABLE IF NOT EXISTS public.plain AS SELECT 1 AS id")
    assert cut_at_every_page(server, ("id",), table="plain") == [{"id": 1}]
    with pytest.raises(BrigadeError, match=r"write the schema before each name, as in public\.orders"):
        reader(server, source(query="SELECT id FROM plain", key=("id",))).page(None)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
def test_a_local_time_is_held_back_until_no_lesser_one_can_follow(postgres: Postgres, zone: str) -> None:
    """Python's zoneinfo is the judge of what a clock in the zone shows for two days around each change of the year."""
    local, step = ZoneInfo(zone), datetime.timedelta(minutes=10)
    for day in (datetime.datetime(2026, 4, 4), datetime.datetime(2026, 10, 24), datetime.datetime(2026, 10, 31)):
        instants = [day.replace(tzinfo=datetime.UTC) + number * step for number in range(300)]
        shown = [instant.astimezone(local).replace(tzinfo=None) for instant in instants]
        asked = postgres_query._LOCAL.format(sql.SQL("instant"), sql.Literal(zone))
        found = execute(
            postgres,
            sql.SQL("SELECT {} FROM unnest({}::timestamptz[]) AS instant").format(asked, instants).as_string(None),
        )
        for number, (value,) in enumerate(found[:-18]):
            assert value <= min(shown[number:])
            assert value == shown[number] or min(shown[number:]) < shown[number]
