"""Checks of what PostgreSQL sends before it becomes a page: columns, keys and sizes."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from brigade.database.order import KeyColumn
from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.read.reader import PAGE_LIMIT


def check_columns(source: TableSource, names: Sequence[str]) -> None:
    """Check the names of the columns.

    Raises:
        InvalidData: Two columns have one name.
        SettingsError: The key of the source names no column.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidData(f"{source.address}: two columns are named {twice[0]}; rename one (AS)")
    if missing := [name for name in source.order if name not in names]:
        raise SettingsError(
            f"{source.address}: the key's {missing[0]!r} is not a column; the columns are {', '.join(names)}"
        )


def check_nulls(
    source: TableSource,
    connection: "psycopg.Connection[Any]",
    relation: sql.Composable,
    order: tuple[KeyColumn, ...],
) -> None:
    """Raise InvalidData if a key is null: no page could start after it. NOT NULL columns are not read."""
    for key in order:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} AS brigade WHERE {} IS NULL)")
        if connection.execute(query.format(relation, key.column)).fetchone() == (True,):
            raise _null(source, key.name)


def refuse_null(source: TableSource, key: bytes) -> None:
    """Raise InvalidData if a value of the key of a row, a JSON array, is null."""
    for name, value in zip(source.order, msgspec.json.decode(key), strict=True):
        if value is None:
            raise _null(source, name)


def _null(source: TableSource, name: str) -> InvalidData:
    return InvalidData(f"{source.address}: the key's {name} is null in a row; leave such rows out by a query")


def check_line(source: TableSource, line: bytes) -> bytes:
    """Return the line of a row. Raise InvalidData if the server wrote the size of a row that is too large."""
    if line.startswith(b"{"):
        return line
    raise InvalidData(
        f"{source.address}: a row is {int(line)} bytes of JSON, more than the {PAGE_LIMIT} of a page; leave its widest "
        "column out by a query"
    )


def check_size(source: TableSource, body: bytearray) -> None:
    """Raise InvalidData if a page is too large."""
    if len(body) > PAGE_LIMIT:
        raise InvalidData(f"{source.address}: a row, or the rows of one key, are more than {PAGE_LIMIT} bytes")
