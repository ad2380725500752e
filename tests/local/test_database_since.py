"""Only what is new, from a real PostgreSQL: no row is lost because its value is coarse, late, or of another zone."""

import functools
import gzip
import json
import logging
import random
import uuid
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from brigade.errors import InvalidData, SettingsError
from local.postgres import Postgres
from tests.database.tables import execute
from tests.local.conftest import Emulator
from tests.local.ingests import lake_of
from tests.local.shops import Shop


@pytest.fixture
def shop(emulator: Emulator, postgres: Postgres) -> Iterator[Shop]:
    with lake_of(emulator.root("s3")) as lake:
        yield Shop(lake, postgres, emulator.root("secretsmanager"))


@pytest.fixture
def table(shop: Shop) -> str:
    return f"t{uuid.uuid4().hex}"


def read(shop: Shop, date: str) -> list[dict[str, Any]]:
    (key,) = (key for key in shop.lake.keys(shop.lake.lake) if PurePosixPath(key).parent.name == f"date={date}")
    body = shop.lake.s3.get_object(Bucket=shop.lake.lake, Key=key)["Body"].read()
    return [json.loads(line) for line in gzip.decompress(body).splitlines()]


def ids(shop: Shop, date: str) -> list[int]:
    return sorted(row["id"] for row in read(shop, date))


@pytest.mark.parametrize(
    ("kind", "value", "next_value"),
    [
        ("date", "'2026-11-20'", "'2026-11-21'"),
        ("timestamp(0)", "'2026-11-20 10:00:00'", "'2026-11-20 10:00:01'"),
        ("timestamptz(3)", "'2026-11-20 10:00:00.5+05:30'", "'2026-11-20 10:00:00.501+05:30'"),
        ("timestamptz", "'2026-11-20 10:00:00.000001+00'", "'2026-11-20 10:00:00.000002+00'"),
        ("smallint", "7", "8"),
        ("numeric(6,2)", "7.5", "7.51"),
        ("text", "'a'", "'b'"),
    ],
)
@pytest.mark.parametrize("key", [("id",), ()], ids=["by key", "without a key"])
def test_rows_of_the_last_value_that_come_later_are_read_once(
    shop: Shop, table: str, kind: str, value: str, next_value: str, key: tuple[str, ...]
) -> None:
    run = functools.partial(shop.run, table=table, key=key, since="at")
    execute(shop.postgres, f"CREATE TABLE {table} (id int, at {kind}, v int)")
    execute(shop.postgres, f"INSERT INTO {table} VALUES (1, {value}), (2, {value})")
    assert run("2026-11-20").records == 2
    execute(shop.postgres, f"INSERT INTO {table} VALUES (3, {value})")
    assert (run("2026-11-21").records, ids(shop, "2026-11-21")) == (1, [3])
    assert run("2026-11-22").records == 0
    execute(
        shop.postgres,
        f"INSERT INTO {table} VALUES (4, {value}), (5, {next_value})",
        f"UPDATE {table} SET v = 1 WHERE id = 2",
    )
    assert (run("2026-11-23").records, ids(shop, "2026-11-23")) == (3, [2, 4, 5])
    assert run("2026-11-24").records == 0


def test_rows_that_are_alike_in_every_column_are_counted(shop: Shop, table: str) -> None:
    run = functools.partial(shop.run, table=table, key=(), since="day")
    execute(
        shop.postgres, f"CREATE TABLE {table} AS SELECT 1 AS id, date '2026-11-20' AS day FROM generate_series(1, 3)"
    )
    assert run("2026-11-20").records == 3
    execute(shop.postgres, f"INSERT INTO {table} VALUES (1, '2026-11-20'), (1, '2026-11-20')")
    assert run("2026-11-21").records == 2


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_written_between_the_dates_each_row_is_read_once(shop: Shop, table: str, seed: int) -> None:
    """A run is cut at a page now and then, so that it goes on at another snapshot."""
    choose = random.Random(seed)
    execute(shop.postgres, f"CREATE TABLE {table} (id serial, day date, pad text)")
    day = 1
    for date in range(1, 9):
        for _ in range(choose.randrange(6)):
            day += choose.random() < 0.3
            execute(
                shop.postgres,
                f"INSERT INTO {table} (day, pad) SELECT date '2026-01-01' + {day}, repeat(md5(random()::text), 20)"
                f" FROM generate_series(1, {choose.randrange(1, 5)})",
            )
        cut = choose.randrange(2, 12)
        left = iter([900.0] * cut + [0.1] * 1000)
        run = functools.partial(shop.run, f"2026-11-{date:02}", table=table, key=("id",), since="day", page_bytes=1024)
        while run(remaining=lambda: next(left, 900.0)).outcome == "more":  # noqa: B023 - it is called in its turn
            left = iter([900.0] * 1000)
    execute(shop.postgres, f"INSERT INTO {table} (day) VALUES ('2026-06-01')")
    shop.run("2026-11-09", table=table, key=("id",), since="day")
    found = sorted(row["id"] for date in range(1, 10) for row in read(shop, f"2026-11-{date:02}"))
    ((count,),) = execute(shop.postgres, f"SELECT count(*) FROM {table}")
    assert found == list(range(1, count + 1))


@pytest.mark.parametrize("late", ["9999-12-31", "infinity"])
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_a_row_of_the_future_does_not_hide_later_rows(
    shop: Shop, table: str, kind: str, late: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = functools.partial(shop.run, table=table, key=("id",), since="at")
    execute(shop.postgres, f"CREATE TABLE {table} (id int, at {kind})")
    execute(shop.postgres, f"INSERT INTO {table} VALUES (1, '2026-01-01'), (2, '{late}')")
    with caplog.at_level(logging.WARNING):
        assert (run("2026-11-20").records, ids(shop, "2026-11-20")) == (1, [1])
    assert f'a row has "{late}' in caplog.text
    assert "later than the server's clock: it is not read before that time" in caplog.text
    execute(shop.postgres, f"INSERT INTO {table} VALUES (3, '2026-02-01')")
    assert (run("2026-11-21").records, ids(shop, "2026-11-21")) == (1, [3])


def test_a_position_that_is_later_than_the_clock_is_an_error(shop: Shop, table: str) -> None:
    run = functools.partial(shop.run, table=table, key=("id",), since="at")
    execute(shop.postgres, f"CREATE TABLE {table} AS SELECT 1 AS id, date '2026-01-01' AS at")
    run("2026-11-20")
    window = "ingest/numbers/windows/2026-11-20.json"
    body = json.dumps({"after": None, "until": "9999-12-31"})
    shop.lake.s3.put_object(Bucket=shop.lake.state, Key=window, Body=body.encode())
    with pytest.raises(InvalidData, match=r"ended at 9999-12-31, later than the server's clock.*correct `until`"):
        run("2026-11-21")


@pytest.mark.parametrize(
    ("column", "error", "said"),
    [
        ("'NaN'::float8", InvalidData, "a row has NaN in at"),
        ("'Infinity'::numeric", InvalidData, "a row has Infinity in at"),
        ("'{\"a\": 1}'::jsonb", SettingsError, "at is of type jsonb; since takes a time or a number"),
        ("ARRAY[1]", SettingsError, r"at is of type integer\[\]; since takes"),
    ],
)
def test_a_value_that_nothing_can_be_behind_is_refused(
    shop: Shop, column: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        shop.run(table="", query=f"SELECT 1 AS id, {column} AS at", since="at")


def test_a_lag_on_a_column_that_is_no_time_is_refused(shop: Shop) -> None:
    with pytest.raises(SettingsError, match="lag_s is set, and at is of type integer: no time"):
        shop.run(table="", query="SELECT 1 AS id, 2 AS at", since="at", lag_s=5.0)


def test_more_rows_of_the_last_value_than_are_remembered_are_an_error(shop: Shop) -> None:
    query = "SELECT i AS id, date '2026-01-01' AS at FROM generate_series(1, 50001) i"
    with pytest.raises(InvalidData, match=r"more than 50000 rows have 2026-01-01, the last value.*set lag_s"):
        shop.run(table="", query=query, since="at")
    assert shop.run(table="", query=query, since="at", lag_s=60.0).records == 50001


def test_a_null_in_the_column_of_a_query_is_an_error(shop: Shop) -> None:
    query = "SELECT i AS id, NULLIF(i, 3) AS at FROM generate_series(1, 9) i"
    with pytest.raises(InvalidData, match="the key's at is null in a row"):
        shop.run(table="", query=query, since="at")


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "UTC"])
def test_a_time_without_zone_is_held_back_by_the_servers_zone(shop: Shop, table: str, zone: str) -> None:
    run = functools.partial(shop.run, table=table, key=("id",), since="at", lag_s=600.0)
    execute(shop.postgres, f"ALTER DATABASE postgres SET TimeZone = '{zone}'")
    try:
        execute(
            shop.postgres,
            f"CREATE TABLE {table} (id int, at timestamp DEFAULT now())",
            f"INSERT INTO {table} VALUES (1, now() - interval '11 minutes'), (2, now() - interval '9 minutes')",
            f"INSERT INTO {table} (id) VALUES (3)",
        )
        assert (run("2026-11-20").records, ids(shop, "2026-11-20")) == (1, [1])
        execute(
            shop.postgres,
            f"UPDATE {table} SET at = now() - interval '630 s' WHERE id > 1",
        )
        assert (run("2026-11-21").records, ids(shop, "2026-11-21")) == (2, [2, 3])
    finally:
        execute(shop.postgres, "ALTER DATABASE postgres RESET TimeZone")


def test_with_a_lag_a_day_is_read_when_it_is_over(shop: Shop, table: str) -> None:
    run = functools.partial(shop.run, table=table, key=("id",), since="day", lag_s=60.0)
    execute(
        shop.postgres,
        f"CREATE TABLE {table} AS SELECT i AS id, current_date - i AS day FROM generate_series(0, 2) i",
    )
    assert (run("2026-11-20").records, ids(shop, "2026-11-20")) == (2, [1, 2])
