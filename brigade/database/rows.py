"""Rows of a SELECT as the JSON that PostgreSQL writes of them: streamed, at one snapshot, with nothing changed."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from brigade.database.login import TlsRefused, log_in
from brigade.errors import BrigadeError, RetryLater

# What decides how types look in text, so that a session's own settings do not. Only of this transaction: a pooler in
# between gives the connection to others afterwards.
_BEGIN: LiteralString = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 3
"""
# A function or operator of a schema where others may create would be chosen before one of pg_catalog that fits less
# exactly, and would run with this role's rights: CVE-2018-1058.
_SEARCH_PATH: LiteralString = "SET LOCAL search_path = pg_catalog, pg_temp"
# Neither can be in JSON, so of a row nothing is ever quoted, but where a value of type json has a newline of its own.
_COPY: LiteralString = "COPY ({}) TO STDOUT (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"
_QUOTE = 1
_DELIMITER = b"\x02"
_CONNECT_S = 10
_CANCELLED = "57014"
_UNKNOWN_NAMES = ("42P01", "42883", "42704")
_SCHEMA_HINT = "; is it in another schema than pg_catalog? Then write the schema before each name, as in public.orders"
_PASSING = ("08", "40", "53", "57P", "58")


def opened(uri: str) -> "psycopg.Connection[Any]":
    """Give a connection that speaks UTF-8, gives up a silent server within minutes, and commits nothing by itself.

    Raises psycopg's errors, which ``said`` translates.
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


def begin(connection: "psycopg.Connection[Any]", *, within_s: float | None = None, table: str = "") -> str:
    """Begin a transaction that changes nothing and sees one snapshot; return the full name of ``table``, if given.

    The table's name is looked up by the role's ``search_path``. From then on the search path is ``pg_catalog`` alone.

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


def columns(connection: "psycopg.Connection[Any]", relation: sql.Composable) -> list[tuple[str, int, int]]:
    """Return name, type's OID and type modifier of the columns of ``relation``, in order. A domain is its base type."""
    cursor = connection.execute(sql.SQL("SELECT * FROM {} AS brigade LIMIT 0").format(relation))
    result = cursor.pgresult
    return [
        (column.name, column.type_code, result.fmod(number) if result else -1)
        for number, column in enumerate(cursor.description or ())
    ]


def rows(connection: "psycopg.Connection[Any]", select: sql.Composable) -> Iterator[tuple[bytes, bytes]]:
    """Yield both columns of each row of a SELECT of two JSON values, the second as a line of its own.

    A null is no bytes. Memory: one row. When the iterator is closed early, the statement is cancelled.

    Raises:
        psycopg.Error: The server refused or the connection broke; ``said`` translates it.
    """
    with connection.cursor() as cursor, cursor.copy(sql.SQL(_COPY).format(select)) as copy:
        for row in copy:
            first, _, second = bytes(row).partition(_DELIMITER)
            yield first, _unquoted(second) if second[0] == _QUOTE else second


def passes(error: psycopg.Error) -> bool:
    """Whether the same may work in a while: the connection broke, the server ends or begins, it has too much to do."""
    if error.sqlstate is None:
        # The server did not answer. At the end of a COPY that is a plain DatabaseError.
        broken = isinstance(error, psycopg.OperationalError) and not isinstance(error, TlsRefused)
        return broken or type(error) is psycopg.DatabaseError
    return isinstance(error, psycopg.OperationalError) and error.sqlstate.startswith(_PASSING)


def said(error: psycopg.Error, what: str) -> BrigadeError:
    """Give psycopg's error as one line about ``what``, RetryLater where a later run may fare better."""
    state = f" ({error.sqlstate})" if error.sqlstate else ""
    primary = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    if error.sqlstate == _CANCELLED:
        return RetryLater(f"{what}: PostgreSQL ended the query: {primary}{state}")
    if passes(error):
        return RetryLater(f"{what}: PostgreSQL does not answer now: {primary}{state}")
    hint = _SCHEMA_HINT if error.sqlstate in _UNKNOWN_NAMES else ""
    return BrigadeError(f"{what}: PostgreSQL refuses: {primary}{state}{hint}")


def _unquoted(row: Any) -> bytes:
    """JSON allows a newline only between tokens, so a space means the same there."""
    return bytes(row[1:-2]).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
