"""Load an object of JSON Lines into a table: all records exactly once, or none."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import sql

from brigade.codec import GZIP_MAGIC, gunzip
from brigade.database.rows import translate_postgres_error
from brigade.errors import ConditionLost, InvalidData, NotFound
from brigade.s3.location import Location
from brigade.s3.objects import head
from brigade.s3.read import stream_object

_STAMP = ("ingest_date", "ingest_ts")
# Functions and operators are named with their schema. Otherwise a better match that another user creates in a schema of
# the search path runs with this role's rights (CVE-2018-1058). The search path stays the role's, for the triggers and
# defaults of the table.
_NAMES: LiteralString = """
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname), %s::pg_catalog.regclass::pg_catalog.text
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.oid OPERATOR(pg_catalog.=) %s::pg_catalog.regclass
"""
_RECEIPTS = """
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('brigade_loads'));
CREATE TABLE IF NOT EXISTS brigade_loads (
  run_id text NOT NULL, object text NOT NULL, etag text NOT NULL, target text NOT NULL, records bigint NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT pg_catalog.now(), PRIMARY KEY (run_id, target));
CREATE TEMPORARY TABLE brigade_lines (line json, number bigint GENERATED ALWAYS AS IDENTITY) ON COMMIT DROP
"""
# JSON has neither character, so a line is always one value.
_COPY = "COPY pg_temp.brigade_lines (line) FROM STDIN (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"


_LINES: LiteralString = "SELECT pg_catalog.count(line) FROM pg_temp.brigade_lines"
_MEMBERS: LiteralString = "SELECT DISTINCT pg_catalog.json_object_keys(line) FROM pg_temp.brigade_lines"
_TWICE: LiteralString = """
SELECT number, name FROM pg_temp.brigade_lines, LATERAL (
  SELECT name FROM pg_catalog.json_object_keys(line) AS name
  GROUP BY name HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1) AS twice
ORDER BY number LIMIT 1
"""


class LoadReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of a load: a row of the table `brigade_loads` in the same database."""

    run_id: str
    object: str
    etag: str
    target: str
    records: int
    loaded_at: str


def load_object(
    connection: "psycopg.Connection[Any]", s3: Any, location: Location, table: str, run_id: str | None = None
) -> LoadReceipt:
    """Insert all records of an object into a table, in one transaction with a receipt. After an error none is inserted.

    Members go to the columns of their names, as PostgreSQL converts JSON to that type. Columns without a member get
    their defaults. The members of the stamp are left out if the table has no column for them. Memory: some MiB. The
    server keeps the lines in a temporary table.

    Args:
        connection: From `rows.connect`.
        location: JSON Lines, plain or gzip.
        table: As SQL names it.
        run_id: A run id is loaded only once into a table. Default: the object's address and ETag.

    Raises:
        ConditionLost: The run id was loaded into the table before.
        NotFound: The object or the table does not exist.
        InvalidData: A line is not JSON, the gzip is truncated, a member occurs twice or has no column, or a record did
            not become a row.
        RetryLater: PostgreSQL does not answer.
        BrigadeError: PostgreSQL refuses.
    """
    found = head(s3, location.bucket, location.key)
    if found is None:
        raise NotFound(f"{location} does not exist")
    run = run_id or f"{location} {found.etag}"
    try:
        with connection.transaction():
            return _load(connection, s3, location, found.etag, table, run)
    except psycopg.errors.UndefinedTable as error:
        raise NotFound(f"{table} does not exist in the database; create it first") from error
    except psycopg.Error as error:
        line = re.search(
            r"COPY brigade_lines, line (\d+)", error.diag.context or ""
        )  # the rest of the context quotes the record
        what = f"{location} into {table}" + (f", line {line[1]}" if line else "")
        kind = translate_postgres_error(error, what)
        raise InvalidData(str(kind)) if error.sqlstate and error.sqlstate.startswith("22") else kind from error


def _load(
    connection: "psycopg.Connection[Any]", s3: Any, location: Location, etag: str, table: str, run: str
) -> LoadReceipt:
    ((target, short),) = connection.execute(_NAMES, [table, table]).fetchall()
    connection.execute(_RECEIPTS)
    query = (
        "SELECT records FROM brigade_loads WHERE run_id OPERATOR(pg_catalog.=) %s::pg_catalog.text"
        " AND target OPERATOR(pg_catalog.=) ANY (ARRAY[%s, %s]::pg_catalog.text[])"
    )
    if earlier := connection.execute(query, [run, target, short]).fetchone():
        raise ConditionLost(f"the run {run} was loaded into {target} before, {earlier[0]} records; nothing was done")
    _copy(connection, _lines(stream_object(s3, location.bucket, location.key, if_match=etag), str(location)), location)
    members = {name for (name,) in connection.execute(_MEMBERS)}
    if twice := connection.execute(_TWICE).fetchone():
        raise InvalidData(
            f"{location}, line {twice[0]}: the member {twice[1]} occurs twice; which one counts is not known"
        )
    description = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.SQL(target))).description
    columns = [column.name for column in description or ()]
    if unknown := members - {*columns, *_STAMP}:
        raise InvalidData(
            f"{location}: {target} has no column for {', '.join(sorted(unknown))}; add it, or leave it out"
        )
    names = sql.SQL(", ").join(sql.Identifier(name) for name in columns if name in members)
    insert = sql.SQL(
        "INSERT INTO {target} ({names}) OVERRIDING SYSTEM VALUE SELECT {names}"
        " FROM pg_temp.brigade_lines, pg_catalog.json_populate_record(NULL::{target}, line) WHERE line IS NOT NULL"
    )
    records = connection.execute(insert.format(target=sql.SQL(target), names=names)).rowcount if members else 0
    ((lines,),) = connection.execute(_LINES).fetchall()
    if records != lines:
        why = "a trigger or rule of it left out the others" if members else "no record has a member"
        raise InvalidData(f"{location}: {target} took {records} of {lines} records: {why}; nothing was loaded")
    cursor = connection.execute(
        "INSERT INTO brigade_loads (run_id, object, etag, target, records) VALUES (%s, %s, %s, %s, %s)"
        " RETURNING run_id, object, etag, target, records,"
        " pg_catalog.to_json(loaded_at AT TIME ZONE 'UTC') OPERATOR(pg_catalog.#>>) '{}' AS loaded_at",
        [run, str(location), etag, target, records],
    )
    (row,) = cursor.fetchall()
    return LoadReceipt(**dict(zip(LoadReceipt.__struct_fields__, row, strict=True)))


def _copy(connection: "psycopg.Connection[Any]", blocks: Iterator[bytes], location: Location) -> None:
    sent, last = 0, b"\n"
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            for block in blocks:
                copy.write(block)
                sent, last = sent + block.count(b"\n"), block[-1:] or last
        sent += last != b"\n"
        if cursor.rowcount != sent:  # COPY may read a line that is not JSON as the end
            raise InvalidData(f"{location}: of {sent} lines PostgreSQL took {cursor.rowcount} for records")


def _lines(blocks: Iterator[bytes], place: str) -> Iterator[bytes]:
    """Yield the content of gzip. Bytes that are not gzip are yielded as they are."""
    first = next(blocks, b"")
    whole = chain([first], blocks)
    if not first.startswith(GZIP_MAGIC):
        yield from whole
        return
    yield from gunzip(whole, place)
