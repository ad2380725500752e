"""The other way: an object of JSON Lines into a table, all of it once, or nothing."""

import re
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from brigade.database.rows import said
from brigade.errors import ConditionLost, InvalidData, NotFound
from brigade.s3.head import head
from brigade.s3.location import Location
from brigade.s3.read import stream

_BLOCK = 1024 * 1024
_STAMP = ("ingest_date", "ingest_ts")
_RECEIPTS = """
SELECT pg_advisory_xact_lock(hashtext('brigade_loads'));
CREATE TABLE IF NOT EXISTS brigade_loads (
  run_id text PRIMARY KEY, object text NOT NULL, etag text NOT NULL, target text NOT NULL, records bigint NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT now());
CREATE TEMPORARY TABLE brigade_lines (line json) ON COMMIT DROP
"""
# Neither can be in JSON, so a line is one value, whatever is in it.
_COPY = "COPY brigade_lines FROM STDIN (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of a load, as the table ``brigade_loads`` of the same database has it."""

    run_id: str
    object: str
    etag: str
    target: str
    records: int
    loaded_at: str


def load(
    connection: "psycopg.Connection[Any]", s3: Any, location: Location, table: str, run_id: str | None = None
) -> Loaded:
    """Put every record of an object (gzip, or plain, JSON Lines) into a table, in one transaction with its receipt.

    Members go to the columns of their names, as PostgreSQL reads JSON into that type; columns that no record has get
    their defaults; the stamp's are left out where the table has no column for them.

    Arguments: ``connection``, of ``rows.opened``; ``table``, as SQL names it; ``run_id``, what is done once only: by
    default the object's address and ETag. Memory: some MiB; the server keeps the lines in a temporary table meanwhile.

    Fails with ConditionLost when the run id was loaded before, NotFound when the object or the table is not there,
    InvalidData when a line is no JSON, the gzip is cut or a member has no column, RetryLater or BrigadeError when
    PostgreSQL does not answer or refuses; nothing is in the table then.
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
        )  # the rest of it quotes the record
        what = f"{location} into {table}" + (f", line {line[1]}" if line else "")
        kind = said(error, what)
        raise InvalidData(str(kind)) if error.sqlstate and error.sqlstate.startswith("22") else kind from error


def _load(
    connection: "psycopg.Connection[Any]", s3: Any, location: Location, etag: str, table: str, run: str
) -> Loaded:
    ((target,),) = connection.execute("SELECT %s::regclass::text", [table]).fetchall()
    connection.execute(_RECEIPTS)
    if earlier := connection.execute("SELECT records FROM brigade_loads WHERE run_id = %s", [run]).fetchone():
        raise ConditionLost(f"the run {run} was loaded before, {earlier[0]} records; nothing was done")
    _copy(connection, _lines(stream(s3, location.bucket, location.key, if_match=etag), str(location)), location)
    members = {name for (name,) in connection.execute("SELECT DISTINCT json_object_keys(line) FROM brigade_lines")}
    description = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.SQL(target))).description
    columns = [column.name for column in description or ()]
    if unknown := members - {*columns, *_STAMP}:
        raise InvalidData(
            f"{location}: {target} has no column for {', '.join(sorted(unknown))}; add it, or leave it out"
        )
    names = sql.SQL(", ").join(sql.Identifier(name) for name in columns if name in members)
    insert = sql.SQL(
        "INSERT INTO {target} ({names}) OVERRIDING SYSTEM VALUE SELECT {names}"
        " FROM brigade_lines, json_populate_record(NULL::{target}, line) WHERE line IS NOT NULL"
    )
    records = connection.execute(insert.format(target=sql.SQL(target), names=names)).rowcount if members else 0
    cursor = connection.execute(
        "INSERT INTO brigade_loads (run_id, object, etag, target, records) VALUES (%s, %s, %s, %s, %s)"
        " RETURNING run_id, object, etag, target, records, to_json(loaded_at AT TIME ZONE 'UTC')#>>'{}' AS loaded_at",
        [run, str(location), etag, target, records],
    )
    (row,) = cursor.fetchall()
    return Loaded(**dict(zip(Loaded.__struct_fields__, row, strict=True)))


def _copy(connection: "psycopg.Connection[Any]", blocks: Iterator[bytes], location: Location) -> None:
    sent, last = 0, b"\n"
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            for block in blocks:
                copy.write(block)
                sent, last = sent + block.count(b"\n"), block[-1:] or last
        sent += last != b"\n"
        if cursor.rowcount != sent:  # a line that is no JSON may mean the end to COPY
            raise InvalidData(f"{location}: of {sent} lines PostgreSQL took {cursor.rowcount} for records")


def _lines(blocks: Iterator[bytes], place: str) -> Iterator[bytes]:
    """Unpack gzip of any number of members; bytes that are none come as they are."""
    unpack: Any = None
    for number, block in enumerate(blocks):
        if number == 0 and not block.startswith(b"\x1f\x8b"):
            yield block
            yield from blocks
            return
        rest, out = block, b""
        while rest or len(out) == _BLOCK:  # what is full may have left some inside
            if unpack is None or unpack.eof:
                unpack = zlib.decompressobj(31)
            try:
                out = unpack.decompress(rest, _BLOCK)
            except zlib.error as error:
                raise InvalidData(f"{place}: the gzip is broken: {error}") from error
            yield out
            rest = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
            out = b"" if unpack.eof else out
    if unpack is not None and not unpack.eof:
        raise InvalidData(f"{place}: the gzip ends before its end")
