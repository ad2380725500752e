"""A server that is killed, stopped or away: a table is read on behind the last key, or the run is to be tried later."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from brigade.database.login import TlsRefused
from brigade.database.rows import translate_postgres_error
from brigade.errors import RetryLater
from local.postgres import Postgres
from tests.database.tables import SMALL, execute, found, pages, reader, source


@pytest.fixture(scope="module")
def mortal() -> Iterator[Postgres]:
    """A server that tests stop and kill."""
    server = Postgres()
    execute(
        server,
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        "INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 20000) i",
        "CHECKPOINT",  # a server of the tests does not wait for its disk otherwise
    )
    yield server
    server.close()


def test_a_server_that_is_killed_between_pages_is_read_on_behind_the_key(mortal: Postgres) -> None:
    rows = reader(mortal, source(table="t", key=("id",), page_bytes=64 * SMALL))
    stream = pages(rows)
    bodies = [next(stream), next(stream)]
    mortal.kill()
    threading.Timer(0.4, mortal.start).start()
    bodies += stream
    assert [row["id"] for row in found(iter(bodies))] == list(range(1, 20001))
    assert rows.retries > 0
    assert rows.waited_s > 0.2
    assert rows.requests > 1


def test_a_server_that_stays_away_is_to_be_tried_later(mortal: Postgres) -> None:
    rows = reader(mortal, source(table="t", key=("id",), page_bytes=64 * SMALL, tries=3))
    stream = pages(rows)
    next(stream)
    mortal.kill()
    try:
        with pytest.raises(RetryLater, match=r"t by the secret database: PostgreSQL does not answer now: .*refused"):
            list(stream)
        short = reader(mortal, source(table="t", key=("id",)), remaining=5.1)
        with pytest.raises(RetryLater) as caught:
            short.page(None)
        assert caught.value.after_s
    finally:
        mortal.start()


def test_without_a_key_a_break_ends_the_reading(mortal: Postgres) -> None:
    blocks, _ = reader(mortal, source(table="t")).stream(None)
    next(blocks)
    mortal.kill()
    try:
        with pytest.raises(RetryLater, match="does not answer now"):
            list(blocks)
    finally:
        mortal.start()


@pytest.mark.parametrize(
    ("error", "later"),
    [
        (psycopg.DatabaseError("server closed the connection unexpectedly"), True),  # as at the end of a COPY
        (psycopg.OperationalError("connection refused"), True),
        (psycopg.errors.InvalidPassword("Passwort-Authentifizierung fehlgeschlagen"), False),
        (psycopg.errors.TooManyConnections("zu viele Verbindungen"), True),
        (TlsRefused("certificate verify failed"), False),
        (psycopg.errors.AdminShutdown("terminating connection"), True),
        (psycopg.errors.UndefinedColumn("column x does not exist"), False),
        (psycopg.ProgrammingError("a placeholder too many"), False),
    ],
)
def test_what_breaks_off_may_work_later_and_what_is_refused_does_not(error: psycopg.Error, later: bool) -> None:
    assert isinstance(translate_postgres_error(error, "orders"), RetryLater) is later
