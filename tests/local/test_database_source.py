"""A table through the whole engine into the S3 of the local AWS: exactly once, whatever befalls the real database."""

import functools
import gzip
import json
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from brigade.errors import BrigadeError, RetryLater, UsageError
from brigade.ingest.declare.contract import Contract
from brigade.ingest.state.run_result import RunResult
from local.postgres import Postgres
from tests.database.tables import execute
from tests.local.conftest import Emulator
from tests.local.ingests import lake_of
from tests.local.shops import Shop

COUNT = 30_000
SIZE = 900
APPLICATION = "SELECT {}(pid) FROM pg_stat_activity WHERE application_name = 'brigade'"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server that tests stop and kill; its table barely compresses, so that a run has several parts."""
    server = Postgres()
    execute(
        server,
        "CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL, amount numeric, note text)",
        "SELECT setseed(0.5)",
        "INSERT INTO events SELECT i, timestamptz '2026-11-22' + i * interval '1 second', i / 100.0,"
        " (SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 28) j)"
        f" FROM generate_series(1, {COUNT}) i",
        "CHECKPOINT",
    )
    yield server
    server.close()


@pytest.fixture
def shop(emulator: Emulator, postgres: Postgres) -> Iterator[Shop]:
    with lake_of(emulator.root("s3")) as lake:
        yield Shop(lake, postgres, emulator.root("secretsmanager"))


def test_a_table_becomes_one_object_with_every_row_once(shop: Shop) -> None:
    outcome = shop.run()
    assert (outcome.outcome, outcome.records, outcome.requests) == ("published", COUNT, 1)
    rows = shop.lake.rows()
    assert [row["id"] for row in rows] == list(range(1, COUNT + 1))
    assert rows[11] == rows[11] | {"id": 12, "at": "2026-11-22T00:00:12+00:00", "ingest_date": "2026-11-22"}
    assert b'"amount":0.12000000000000000000,' in _plain(shop).splitlines()[11]
    receipt = shop.lake.receipt()
    assert receipt.records == COUNT
    assert receipt.bytes_in > COUNT * SIZE
    assert shop.run().outcome == "already_published"
    assert shop.lake.keys(shop.lake.state) == [shop.lake.target.receipt]


def test_a_run_that_is_out_of_time_goes_on_behind_the_key(shop: Shop) -> None:
    left = iter([900.0] * 13 + [0.1] * 1000)
    first = shop.run(remaining=lambda: next(left))
    assert first.outcome == "more"
    checkpoint = shop.lake.checkpoint()
    assert checkpoint
    assert checkpoint.next
    assert int(json.loads(checkpoint.next)[0]) == checkpoint.records > 0
    assert shop.run().outcome == "published"
    assert shop.ids() == list(range(1, COUNT + 1))


def test_a_server_killed_in_the_midst_costs_nothing_but_time(shop: Shop) -> None:
    def kill() -> None:
        shop.postgres.kill()
        threading.Timer(0.5, shop.postgres.start).start()

    outcome = _in_the_midst(shop, kill)()
    assert (outcome.outcome, outcome.records) == ("published", COUNT)
    assert outcome.retries
    assert shop.ids() == list(range(1, COUNT + 1))


def test_a_server_that_stays_away_leaves_a_checkpoint_for_later(shop: Shop) -> None:
    killed = _in_the_midst(shop, shop.postgres.kill, tries=1)
    try:
        with pytest.raises(RetryLater, match=f"events by the secret {shop.name}: PostgreSQL does not answer now"):
            killed()
        checkpoint = shop.lake.checkpoint()
        assert checkpoint
        assert checkpoint.records > 0
        assert shop.lake.keys(shop.lake.lake) == []
    finally:
        shop.postgres.start()
    assert shop.run().records == COUNT
    assert shop.ids() == list(range(1, COUNT + 1))
    assert shop.lake.receipt().invocations == 2
    assert shop.lake.open_uploads() == []


def test_a_password_rotated_between_pages_is_picked_up(shop: Shop) -> None:
    def rotate() -> None:
        shop.rotate()
        execute(shop.postgres, APPLICATION.format("pg_terminate_backend"))

    outcome = _in_the_midst(shop, rotate)()
    assert (outcome.outcome, outcome.records, outcome.requests) == ("published", COUNT, 2)
    assert shop.ids() == list(range(1, COUNT + 1))


def test_a_query_that_is_cancelled_publishes_nothing_and_goes_on_later(shop: Shop) -> None:
    cancelled = _in_the_midst(shop, lambda: execute(shop.postgres, APPLICATION.format("pg_cancel_backend")))
    with pytest.raises(RetryLater, match="canceling statement due to user request"):
        cancelled()
    assert shop.lake.keys(shop.lake.lake) == []
    assert shop.run().records == COUNT
    assert shop.ids() == list(range(1, COUNT + 1))


def test_a_table_without_a_key_begins_again_after_a_break_and_says_so(shop: Shop) -> None:
    with pytest.raises(RetryLater, match="canceling statement"):
        _in_the_midst(
            shop,
            lambda: execute(shop.postgres, APPLICATION.format("pg_cancel_backend")),
            key=(),
        )()
    assert shop.lake.keys(shop.lake.lake) == []
    outcome = shop.run(key=())
    assert outcome.records == COUNT
    assert sorted(shop.ids()) == list(range(1, COUNT + 1))
    assert shop.lake.open_uploads() == []


def test_a_column_dropped_between_runs_is_reported(shop: Shop) -> None:
    table = f"t{uuid.uuid4().hex}"
    execute(shop.postgres, f"CREATE TABLE {table} AS SELECT i AS id, 'x' AS a, 1.5 AS b FROM generate_series(1, 50) i")
    assert shop.run(table=table, date="2026-11-20").drift == ()
    execute(shop.postgres, f"ALTER TABLE {table} DROP COLUMN b", f"ALTER TABLE {table} ALTER a TYPE int USING 7")
    outcome = shop.run(table=table, date="2026-11-21")
    assert outcome.outcome == "published"
    assert outcome.drift == ("field a is number, it was text", "field b went")


def test_a_column_dropped_in_the_midst_waits_for_the_reader(shop: Shop) -> None:
    """A reader's lock is the server's promise that the rows of one snapshot have one shape."""
    table = f"t{uuid.uuid4().hex}"
    execute(shop.postgres, f"CREATE TABLE {table} AS SELECT id, note FROM events")
    drop = threading.Thread(target=execute, args=(shop.postgres, f"ALTER TABLE {table} DROP COLUMN note"))
    assert _in_the_midst(shop, drop.start, table=table)().records == COUNT
    drop.join()
    assert all(len(row["note"]) == SIZE - 4 for row in shop.lake.rows())


def test_rows_that_break_the_contract_are_put_aside(shop: Shop) -> None:
    query = "SELECT i AS id, CASE WHEN i = 150 THEN NULL ELSE i / 10.0 END AS amount FROM generate_series(1, 200) i"
    contract = Contract(fields={"id": "integer", "amount": "number"}, required=("amount",))
    outcome = shop.run(table="", query=query, contract=contract)
    assert (outcome.records, outcome.broken) == (199, 1)
    assert 150 not in shop.ids()


@pytest.fixture
def changing(shop: Shop) -> str:
    """A table whose rows say when they changed: eleven, one of them in a minute from now."""
    table = f"t{uuid.uuid4().hex}"
    execute(
        shop.postgres,
        f"CREATE TABLE {table} AS SELECT i AS id, now() - (300 - i) * interval '1 s' AS at"
        " FROM generate_series(1, 10) i",
        f"INSERT INTO {table} VALUES (11, now() + interval '60 s')",
    )
    return table


def _of(shop: Shop, date: str) -> list[int]:
    (key,) = (key for key in shop.lake.keys(shop.lake.lake) if PurePosixPath(key).parent.name == f"date={date}")
    body = shop.lake.s3.get_object(Bucket=shop.lake.lake, Key=key)["Body"].read()
    return [json.loads(line)["id"] for line in gzip.decompress(body).splitlines()]


def test_an_incremental_source_reads_each_row_once(shop: Shop, changing: str) -> None:
    run = functools.partial(shop.run, table=changing, key=("id",), since="at", lag_s=10.0)
    assert run("2026-11-01").records == 10
    assert run("2026-11-02").records == 0
    execute(
        shop.postgres,
        f"INSERT INTO {changing} VALUES (12, now() - interval '20 s'), (13, now() - interval '2 s')",
        f"UPDATE {changing} SET at = now() - interval '15 s' WHERE id = 3",
    )
    assert run("2026-11-03").records == 2
    assert (_of(shop, "2026-11-01"), _of(shop, "2026-11-02"), _of(shop, "2026-11-03")) == (
        list(range(1, 11)),
        [],
        [12, 3],
    )
    execute(shop.postgres, f"UPDATE {changing} SET at = now() - interval '11 s' WHERE id > 10 AND id <> 12")
    run("2026-11-04")
    assert sorted(_of(shop, "2026-11-04")) == [11, 13]
    with pytest.raises(UsageError, match="2026-11-04 is published: 2026-10-31 would publish the same rows again"):
        run("2026-10-31")


def test_what_was_not_published_moves_no_window(shop: Shop, changing: str) -> None:
    run = functools.partial(shop.run, table=changing, since="at", lag_s=10.0)
    broken = Contract(fields={"id": "text"}, extra="evolve")
    with pytest.raises(BrigadeError, match="break the contract"):
        run("2026-11-01", contract=broken)
    execute(shop.postgres, f"INSERT INTO {changing} VALUES (20, now() - interval '15 s')")
    assert run("2026-11-02").records == 11
    assert _of(shop, "2026-11-02") == [*range(1, 11), 20]


def test_a_run_that_goes_on_keeps_its_window(shop: Shop, changing: str) -> None:
    wide = f"SELECT id, at, repeat(md5(id::text), 60) AS pad FROM public.{changing}"
    run = functools.partial(shop.run, table="", query=wide, since="at", page_bytes=2048)
    left = iter([900.0] * 5 + [0.1] * 1000)
    first = run("2026-11-01", remaining=lambda: next(left))
    assert first.outcome == "more"
    execute(shop.postgres, f"INSERT INTO {changing} VALUES (99, now())")
    assert run("2026-11-01").records == 10
    assert run("2026-11-02").records == 1


def test_a_sequence_may_be_what_grows(shop: Shop) -> None:
    table = f"t{uuid.uuid4().hex}"
    execute(shop.postgres, f"CREATE TABLE {table} (id bigint, v text)")
    run = functools.partial(shop.run, table=table, key=(), since="id")
    assert run("2026-11-01").records == 0
    execute(shop.postgres, f"INSERT INTO {table} SELECT i FROM generate_series(1, 7) i")
    assert run("2026-11-02").records == 7
    execute(shop.postgres, f"INSERT INTO {table} SELECT i FROM generate_series(8, 9) i")
    assert run("2026-11-03").records == 2
    assert _of(shop, "2026-11-03") == [8, 9]


def _plain(shop: Shop) -> bytes:
    return gzip.decompress(shop.lake.body())


def _in_the_midst(shop: Shop, happens: Callable[[], Any], **changes: Any) -> Callable[[], RunResult]:
    """Return a run that calls a function in the middle, after some parts: at its n-th read of the clock."""
    looks = iter(range(1_000_000))
    moment = random.Random(uuid.uuid4().int).randrange(12, 15)

    def remaining() -> float:
        if next(looks) == moment:
            happens()
        return 900.0

    return lambda: shop.run(remaining=remaining, **changes)
