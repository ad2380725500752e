"""Stream the rows of a SELECT as JSON, which PostgreSQL writes, in a read-only snapshot."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from brigade.database.login import TlsRefused, log_in
from brigade.errors import BrigadeError, RetryLater

# The settings that decide the text form of types, in place of the session's own. Only for this transaction: a pooler
# passes the connection to other clients afterwards.
_BEGIN: LiteralString = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 3
"""
# A function or operator in a schema where other users may create, if it is a better match than one of pg_catalog, would
# run with this role's rights: CVE-2018-1058.
_SEARCH_PATH: LiteralString = "SET LOCAL search_path = pg_catalog, pg_temp"
# JSON has neither character, so a row is only quoted if a value of type json has a newline.
_COPY: LiteralString = "COPY ({}) TO STDOUT (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"
_QUOTE = 1
_DELIMITER = b"\x02"
_CONNECT_S = 10
_CANCELLED = "57014"
_UNKNOWN_NAMES = ("42P01", "42883", "42704")
_SCHEMA_HINT = "; is it in another schema than pg_catalog? Then write the schema before each name, as in public.orders"
_PASSING = ("08", "40", "53", "57P", "58")


def connect(uri: str) -> "psycopg.Connection[Any]":
    """Return a connection in UTF-8 that detects a dead server within minutes.

    Raises:
        psycopg.Error: The login failed. `translate_postgres_error` translates it.
    """
    options: dict[str, str | int] = {
        "application_name": "brigade",
        "client_encoding": "utf8",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    return log_in(make_conninfo(uri, **options), _CONNECT_S)


def begin_snapshot(connection: "psycopg.Connection[Any]", *, within_s: float | None = None, table: str = "") -> str:
    """Begin a read-only transaction with one snapshot, and return the full name of `table`, if given.

    The role's `search_path` resolves the name of the table. Afterwards the search path is only `pg_catalog`.

    Args:
        within_s: Seconds after which the server ends any statement of the transaction; None: no limit.
        table: A table or view as SQL names it.
    """
    connection.execute(_BEGIN)
    limit = 0 if within_s is None else max(1, min(int(within_s * 1000), 2**31 - 1))
    connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(limit))
    if not table:
        connection.execute(_SEARCH_PATH)
        return ""
    ((oid,),) = connection.execute("SELECT CAST(CAST(%s AS pg_catalog.regclass) AS pg_catalog.oid)", [table]).fetchall()
    connection.execute(_SEARCH_PATH)
    ((name,),) = connection.execute("SELECT CAST(CAST(%s AS oid) AS regclass)::text", [oid]).fetchall()
    return str(name)


def list_columns(connection: "psycopg.Connection[Any]", relation: sql.Composable) -> list[tuple[str, int, int]]:
    """Return the name, type OID and type modifier of each column of `relation`, in order. A domain is its base type."""
    cursor = connection.execute(sql.SQL("SELECT * FROM {} AS brigade LIMIT 0").format(relation))
    result = cursor.pgresult
    return [
        (column.name, column.type_code, result.fmod(number) if result else -1)
        for number, column in enumerate(cursor.description or ())
    ]


def stream_rows(connection: "psycopg.Connection[Any]", select: sql.Composable) -> Iterator[tuple[bytes, bytes]]:
    """Yield both columns of each row of a SELECT of two JSON values, the second as a line of its own.

    A null has no bytes. Memory: one row. If the iterator is closed early, the statement is cancelled.

    Raises:
        psycopg.Error: The server refused or the connection broke. `translate_postgres_error` translates it.
    """
    with connection.cursor() as cursor, cursor.copy(sql.SQL(_COPY).format(select)) as copy:
        for row in copy:
            first, _, second = bytes(row).partition(_DELIMITER)
            yield first, _unquoted(second) if second[0] == _QUOTE else second


def is_transient(error: psycopg.Error) -> bool:
    """Return whether a retry may work: the connection broke, or the server is starting, stopping or overloaded."""
    if error.sqlstate is None:
        # The server did not answer. At the end of a COPY that is a plain DatabaseError.
        broken = isinstance(error, psycopg.OperationalError) and not isinstance(error, TlsRefused)
        return broken or type(error) is psycopg.DatabaseError
    return isinstance(error, psycopg.OperationalError) and error.sqlstate.startswith(_PASSING)


def translate_postgres_error(error: psycopg.Error, what: str) -> BrigadeError:
    """Return psycopg's error as one line about `what`. It is RetryLater if a retry may work."""
    state = f" ({error.sqlstate})" if error.sqlstate else ""
    primary = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    if error.sqlstate == _CANCELLED:
        return RetryLater(f"{what}: PostgreSQL ended the query: {primary}{state}")
    if is_transient(error):
        return RetryLater(f"{what}: PostgreSQL does not answer now: {primary}{state}")
    hint = _SCHEMA_HINT if error.sqlstate in _UNKNOWN_NAMES else ""
    return BrigadeError(f"{what}: PostgreSQL refuses: {primary}{state}{hint}")


def _unquoted(row: Any) -> bytes:
    """Return a quoted row without quotes and newlines. JSON allows a newline only between tokens, like a space."""
    return bytes(row[1:-2]).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
