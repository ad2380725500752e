"""Read a PostgreSQL table or query as pages of JSON Lines, sorted by its key, and resume after a broken connection."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg
from psycopg import sql

from brigade.database.order import KeyColumn, key_columns
from brigade.database.rows import (
    begin_snapshot,
    connect,
    is_transient,
    list_columns,
    stream_rows,
    translate_postgres_error,
)
from brigade.database.secret import DatabaseSecret
from brigade.errors import RetryLater, SettingsError
from brigade.ingest.declare.request import Response
from brigade.ingest.declare.table_source import NEXT, TableSource
from brigade.ingest.read.postgres_checks import check_columns, check_line, check_nulls, check_size, refuse_null
from brigade.ingest.read.postgres_query import newest_value, probe_key, select_rows
from brigade.ingest.read.reader import ReaderFactory, ReaderSetup
from brigade.ingest.state.position import ReadWindow, claim_window
from brigade.retry import backoff

_BLOCK = 1024 * 1024
_SPARE_S = 5.0
_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 30.0


class Opens(Protocol):
    """The secret of a database."""

    def connect(
        self,
        connect: "Callable[[str], psycopg.Connection[Any]]",
        refused: type[Exception],
        *,
        engine: str | None = None,
    ) -> "psycopg.Connection[Any]":
        """Return `connect(uri)`. If that raises `refused` and the secret has changed, connect once more."""


@dataclass
class TableReader:
    """Reads the rows of a table. Nothing is contacted before the first page.

    Consecutive pages come from one snapshot, query and connection. If the connection breaks, or another page is
    requested, a new connection continues after the key of that page, with the current secret and a new snapshot.
    Memory: one page and the widest row, 64 MiB at most.

    Attributes:
        source: The declared table.
        secret: The secret of the database.
        remaining: Returns the seconds that the reader may still take.
        windows: Claims the read window, given a function that returns the newest value; None: all rows are read.
        after: Only rows whose first key column is after this value are read; None is no limit.
        until: Only rows whose first key column is not after this value are read; None is no limit.
    """

    source: TableSource
    secret: Opens
    remaining: Callable[[], float]
    windows: "Callable[[Callable[[str | None], str | None]], ReadWindow] | None" = None
    after: str | None = None
    until: str | None = None
    requests: int = field(default=0, init=False)
    retries: int = field(default=0, init=False)
    waited_s: float = field(default=0.0, init=False)
    bytes_in: int = field(default=0, init=False)
    _connection: "psycopg.Connection[Any] | None" = field(default=None, init=False)
    _rows: Iterator[tuple[bytes, bytes]] | None = field(default=None, init=False)
    _ahead: tuple[bytes, bytes] = field(default=(b"", b""), init=False)
    """The key and the line of the row after the last page. Its key differs, so it is on the next page."""
    _at: str | None = field(default=None, init=False)

    def address(self, cursor: str | None) -> str:
        """Return the name of the table, without the key, because that is data."""
        return self.source.address

    def page(self, cursor: str | None) -> Response:
        """Return the page after the key `cursor`; None is the first page. Its header `next` is the key of its last row.

        A broken connection is opened again, `tries` times, with exponential backoff and jitter.

        Raises:
            RetryLater: The server does not respond, or cancels the query.
            BrigadeError: PostgreSQL rejects the query or the login.
            SettingsError: The key names no column.
            InvalidData: A key is null, two columns have one name, or a row, or the rows of one key, exceed 64 MiB.
        """
        for attempt in range(1, self.source.tries + 1):
            try:
                if self._rows is None or self._at != cursor:
                    self._rows = self._open(cursor)
                body, last = self._fill(self._rows)
                break
            except psycopg.Error as error:
                self.close()
                if not is_transient(error) or attempt == self.source.tries:
                    raise translate_postgres_error(error, self.source.address) from error
                self._wait(attempt, error)
            except BaseException:
                self.close()
                raise
        self._at = last
        if last is None:
            self.close()
        return Response(body, {NEXT: last} if last is not None else {}, self.source.address)

    def split_points(self, number: int) -> tuple[str, ...]:
        """Return key values that split one snapshot into up to `number` ranges with about the same number of rows.

        The values are ascending text. They are fewer if there are few keys. The server reads and sorts the key.

        Raises:
            BrigadeError: As in `page`, with RetryLater at the first broken connection.
        """
        shares = [share / number for share in range(1, number)]
        query = sql.SQL(
            "SELECT CAST(percentile_disc(CAST({} AS float8[])) WITHIN GROUP (ORDER BY {}) AS text[]) FROM {} AS brigade"
        )
        try:
            connection, relation, (key,) = self._begin()
            check_nulls(self.source, connection, relation, (key,))
            found = connection.execute(query.format(sql.Literal(shares), key.column, relation)).fetchone()
        except psycopg.Error as error:
            raise translate_postgres_error(error, self.source.address) from error
        finally:
            self.close()
        return tuple(dict.fromkeys(value for value in (found[0] if found else None) or () if value is not None))

    def for_range(self, after: str | None, until: str | None) -> "TableReader":
        """Return a reader of the rows with `after` < key <= `until`; None is no limit."""
        return dataclasses.replace(self, after=after, until=until)

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Response]:
        """Return all rows in blocks of about 1 MiB. A broken connection raises RetryLater, without a retry."""
        return self._blocks(), Response(None, {}, self.source.address)

    def close(self) -> None:
        """Close the query and the connection. Errors are ignored."""
        stream, connection = self._rows, self._connection
        self._rows, self._connection, self._ahead, self._at = None, None, (b"", b""), None
        with suppress(psycopg.Error):
            if connection is not None:
                connection.close()  # first, because closing the stream would read it to its end
        with suppress(psycopg.Error):
            if stream is not None:
                stream.close()  # type: ignore[attr-defined]  # it is a generator

    def _blocks(self) -> Iterator[bytes]:
        block = bytearray()
        try:
            for _, line in self._open(None):
                block += check_line(self.source, line)
                check_size(self.source, block)
                if len(block) >= _BLOCK:
                    self.bytes_in += len(block)
                    yield bytes(block)
                    block.clear()
        except psycopg.Error as error:
            raise translate_postgres_error(error, self.source.address) from error
        finally:
            self.close()
        self.bytes_in += len(block)
        yield bytes(block)

    def _open(self, cursor: str | None) -> Iterator[tuple[bytes, bytes]]:
        """Start the query for the rows after the key."""
        connection, relation, order = self._begin()
        # No condition is true for null. Of several ranges, the reader of the last one checks it.
        hidden = self.until is None and (cursor is not None or self.windows is not None or self.after is not None)
        if order and (self.source.table or hidden):
            check_nulls(self.source, connection, relation, order)
        taken = None
        if self.windows:
            taken = self.windows(functools.partial(newest_value, connection, relation, self.source, order[0]))
        span = (self.after, self.until)
        return stream_rows(
            connection, select_rows(relation, order, cursor, taken, span, again=self.source.rereads_last_value)
        )

    def _begin(self) -> "tuple[psycopg.Connection[Any], sql.SQL, tuple[KeyColumn, ...]]":
        """Connect and begin a transaction. Return the connection, the SQL after FROM, and the columns to sort by.

        Raises:
            SettingsError: The key names no column, or no page can start after a value of a key column.
        """
        self.close()
        self.requests += 1
        self._connection = connection = self.secret.connect(connect, psycopg.OperationalError, engine="postgresql")
        remaining, source = self.remaining(), self.source
        name = begin_snapshot(connection, within_s=None if remaining == float("inf") else remaining, table=source.table)
        relation = sql.SQL(name or source.relation)
        description = list_columns(connection, relation)
        check_columns(source, [name for name, _, _ in description])
        check = functools.partial(probe_key, relation)
        try:
            order = key_columns(connection, description, source.order, check) if source.order else ()
        except ValueError as error:
            raise SettingsError(f"{source.address}: the key's {error}; choose another key, or none") from error
        return connection, relation, order

    def _fill(self, stream: Iterator[tuple[bytes, bytes]]) -> tuple[bytearray, str | None]:
        """Read rows until the page is full and the key changes. Return them, and the last key if more follow.

        The server writes the key with the first row of each key, because only it knows whether two keys are equal
        (1 and 1.0, or letters that are equal in a collation).
        """
        size, (key, line) = self.source.page_bytes, self._ahead
        body, self._ahead = bytearray(line), (b"", b"")
        for found, line in stream:
            if found:
                if b"null" in found:
                    refuse_null(self.source, found)
                if len(body) >= size:
                    self._ahead = (found, check_line(self.source, line))
                    self.bytes_in += len(body)
                    return body, key.decode()
                key = found
            body += check_line(self.source, line)
            check_size(self.source, body)
        self.bytes_in += len(body)
        return body, None

    def _wait(self, attempt: int, error: psycopg.Error) -> None:
        seconds = backoff(attempt, _BACKOFF_S, _LONGEST_BACKOFF_S, least=0.5)
        if seconds > self.remaining() - _SPARE_S:
            raise RetryLater(str(translate_postgres_error(error, self.source.address)), after_s=seconds) from error
        self.retries += 1
        self.waited_s += seconds
        time.sleep(seconds)


def open_reader(source: TableSource, setup: ReaderSetup) -> ReaderFactory:
    """Return a factory for readers of a table.

    Without a date, or without `setup.state`, an incremental source is read whole.
    """
    secret = DatabaseSecret(setup.client("secretsmanager"), source.secret)

    def open_page_reader(remaining: Callable[[], float], date: str | None) -> TableReader:
        dated = source.for_date(date) if date else source
        windows = None
        if source.since and setup.state and date:
            zone, bounded = source.time_zone, not source.rereads_last_value
            windows = functools.partial(
                claim_window, setup.state, setup.name, date, time_zone=zone, bounded=bounded, keep=setup.keep_window
            )
        return TableReader(dated, secret, remaining, windows)

    return open_page_reader
