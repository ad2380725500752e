"""Read a table of PostgreSQL, or a query, as pages of JSON Lines: by its key, and on behind it after a break."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
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
from brigade.errors import InvalidData, RetryLater, SettingsError
from brigade.ingest.fetch import PAGE_LIMIT, Reply
from brigade.ingest.table import NEXT, TableSource
from brigade.ingest.table_query import newest_value, probe_key, select_rows
from brigade.ingest.window import Window
from brigade.retry import backoff

_BLOCK = 1024 * 1024
_SPARE_S = 5.0
_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 30.0


class Opens(Protocol):
    """What is needed of a database's secret."""

    def connect(
        self,
        connect: "Callable[[str], psycopg.Connection[Any]]",
        refused: type[Exception],
        *,
        engine: str | None = None,
    ) -> "psycopg.Connection[Any]":
        """Return what ``connect(uri)`` returns; where that is ``refused`` and the secret has changed, of a new try."""


@dataclass
class Rows:
    """The rows of a source; nothing is contacted before ``page``. ``remaining`` gives the seconds that it may take.

    Pages that are asked for one behind the other are of one snapshot, of one query, on one connection. Where that
    breaks, or the page is another, a new connection reads on behind the page's key, with the secret as it is then, at
    a new snapshot. Memory: one page, and the widest row; 64 MiB at most.
    """

    source: TableSource
    secret: Opens
    remaining: Callable[[], float]
    windows: "Callable[[Callable[[str | None], str | None]], Window] | None" = None
    """Takes the run's window, of what says which is the newest row; None: all rows are read."""
    after: str | None = None
    """Of the key's first column: only rows behind this value are read, and up to ``until`` with it; None: no limit."""
    until: str | None = None
    requests: int = field(default=0, init=False)
    retries: int = field(default=0, init=False)
    waited_s: float = field(default=0.0, init=False)
    bytes_in: int = field(default=0, init=False)
    _connection: "psycopg.Connection[Any] | None" = field(default=None, init=False)
    _rows: Iterator[tuple[bytes, bytes]] | None = field(default=None, init=False)
    _ahead: tuple[bytes, bytes] = field(default=(b"", b""), init=False)
    """The key and the line of the row behind the last page: it has another key, so it is on the next page."""
    _at: str | None = field(default=None, init=False)

    def address(self, cursor: str | None) -> str:
        """Give what is read, without the key: that is data."""
        return self.source.address

    def page(self, cursor: str | None) -> Reply:
        """Give the page behind the key ``cursor``, None for the first; its header ``next`` is its last row's key.

        A connection that breaks is made anew, as often as the source says, with doubling waits and jitter.

        Fails with RetryLater when that does not help or the query is cancelled, BrigadeError when PostgreSQL refuses,
        SettingsError when the key names no column, InvalidData when a key is null, a column's name is there twice, or a
        row, or the rows of one key, are more than 64 MiB.
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
        return Reply(body, {NEXT: last} if last is not None else {}, self.source.address)

    def cuts(self, number: int) -> tuple[str, ...]:
        """Give values of the key that cut the rows of one snapshot into up to ``number`` ranges of about equal count.

        They are ascending, as text; fewer where keys are few, none of no rows. The server reads and sorts the key.

        Fails as ``page`` does, with RetryLater at the first break, and when a key is null.
        """
        shares = [share / number for share in range(1, number)]
        query = sql.SQL(
            "SELECT CAST(percentile_disc(CAST({} AS float8[])) WITHIN GROUP (ORDER BY {}) AS text[]) FROM {} AS brigade"
        )
        try:
            connection, relation, (key,) = self._begin()
            self._check_nulls(connection, relation, (key,))
            found = connection.execute(query.format(sql.Literal(shares), key.column, relation)).fetchone()
        except psycopg.Error as error:
            raise translate_postgres_error(error, self.source.address) from error
        finally:
            self.close()
        return tuple(dict.fromkeys(value for value in (found[0] if found else None) or () if value is not None))

    def within(self, after: str | None, until: str | None) -> "Rows":
        """Give a reader of the rows whose key is behind ``after`` and up to ``until`` with it; None: no limit."""
        return dataclasses.replace(self, after=after, until=until)

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Reply]:
        """Give all rows in blocks of some MiB. Fails as ``page`` does, with RetryLater at the first break."""
        return self._blocks(), Reply(None, {}, self.source.address)

    def close(self) -> None:
        """End the query and the connection; what goes wrong is of no interest any more."""
        stream, connection = self._rows, self._connection
        self._rows, self._connection, self._ahead, self._at = None, None, (b"", b""), None
        with suppress(psycopg.Error):
            if connection is not None:
                connection.close()  # first: a stream that is left would otherwise be read to its end
        with suppress(psycopg.Error):
            if stream is not None:
                stream.close()  # type: ignore[attr-defined]  # it is a generator, which the caller need not know

    def _blocks(self) -> Iterator[bytes]:
        block = bytearray()
        try:
            for _, line in self._open(None):
                block += self._checked(line)
                self._check_size(block)
                if len(block) >= _BLOCK:
                    self._count(block)
                    yield bytes(block)
                    block.clear()
        except psycopg.Error as error:
            raise translate_postgres_error(error, self.source.address) from error
        finally:
            self.close()
        self._count(block)
        yield bytes(block)

    def _open(self, cursor: str | None) -> Iterator[tuple[bytes, bytes]]:
        """Begin the query for the rows behind the key."""
        connection, relation, order = self._begin()
        # No condition holds for null. Of several ranges, the reader of the last one sees to it.
        hidden = self.until is None and (cursor is not None or self.windows is not None or self.after is not None)
        if order and (self.source.table or hidden):
            self._check_nulls(connection, relation, order)
        taken = None
        if self.windows:
            taken = self.windows(functools.partial(newest_value, connection, relation, self.source, order[0]))
        span = (self.after, self.until)
        return stream_rows(connection, select_rows(relation, order, cursor, taken, span, again=self.source.again))

    def _begin(self) -> "tuple[psycopg.Connection[Any], sql.SQL, tuple[KeyColumn, ...]]":
        """Connect and begin a transaction; return the connection, what stands behind FROM, and the columns to sort by.

        Raises:
            SettingsError: The key names no column, or no page can begin behind a value of a column of the key.
        """
        self.close()
        self.requests += 1
        self._connection = connection = self.secret.connect(connect, psycopg.OperationalError, engine="postgresql")
        remaining, source = self.remaining(), self.source
        name = begin_snapshot(connection, within_s=None if remaining == float("inf") else remaining, table=source.table)
        relation = sql.SQL(name or source.relation)
        description = list_columns(connection, relation)
        self._check([name for name, _, _ in description])
        check = functools.partial(probe_key, relation)
        try:
            order = key_columns(connection, description, source.order, check) if source.order else ()
        except ValueError as error:
            raise SettingsError(f"{source.address}: the key's {error}; choose another key, or none") from error
        return connection, relation, order

    def _check(self, names: list[str]) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidData(f"{self.source.address}: two columns are named {twice[0]}; give one another name (AS)")
        missing = [name for name in self.source.order if name not in names]
        if missing:
            known = ", ".join(names)
            raise SettingsError(f"{self.source.address}: the key's {missing[0]!r} is no column; there are {known}")

    def _check_nulls(
        self, connection: "psycopg.Connection[Any]", relation: sql.Composable, order: tuple[KeyColumn, ...]
    ) -> None:
        """Fail if a row has no key: no page could begin behind it. Of columns that are NOT NULL nothing is read."""
        for key in order:
            query = sql.SQL("SELECT EXISTS (SELECT FROM {} AS brigade WHERE {} IS NULL)")
            if connection.execute(query.format(relation, key.column)).fetchone() == (True,):
                raise self._null(key.name)

    def _null(self, name: str) -> InvalidData:
        return InvalidData(f"{self.source.address}: the key's {name} is null in a row; leave such rows out by a query")

    def _fill(self, stream: Iterator[tuple[bytes, bytes]]) -> tuple[bytearray, str | None]:
        """Read rows until the page is full and the key changes; return them, and the last key if there are more.

        The server writes the key with the first row of each key. Whether two keys are the same is for it to say: their
        text does not (1 and 1.0, or letters that a collation does not tell apart).
        """
        size, (key, line) = self.source.page_bytes, self._ahead
        body = bytearray(line)
        self._ahead = (b"", b"")
        for found, line in stream:
            if found:
                if b"null" in found:
                    self._refuse_null(found)
                if len(body) >= size:
                    self._ahead = (found, self._checked(line))
                    self._count(body)
                    return body, key.decode()
                key = found
            body += self._checked(line)
            self._check_size(body)
        self._count(body)
        return body, None

    def _refuse_null(self, key: bytes) -> None:
        for name, value in zip(self.source.order, msgspec.json.decode(key), strict=True):
            if value is None:
                raise self._null(name)

    def _checked(self, line: bytes) -> bytes:
        """Return the line of a row; fail if the server wrote the row's size instead, since that is too much."""
        if line.startswith(b"{"):
            return line
        raise InvalidData(
            f"{self.source.address}: a row is {int(line)} bytes of JSON, more than the {PAGE_LIMIT} of a page; leave "
            "its widest column out by a query"
        )

    def _check_size(self, body: bytearray) -> None:
        if len(body) > PAGE_LIMIT:
            raise InvalidData(f"{self.source.address}: a row, or the rows of one key, are more than {PAGE_LIMIT} bytes")

    def _count(self, body: bytes | bytearray) -> None:
        self.bytes_in += len(body)

    def _wait(self, attempt: int, error: psycopg.Error) -> None:
        seconds = backoff(attempt, _BACKOFF_S, _LONGEST_BACKOFF_S, least=0.5)
        if seconds > self.remaining() - _SPARE_S:
            raise RetryLater(str(translate_postgres_error(error, self.source.address)), after_s=seconds) from error
        self.retries += 1
        self.waited_s += seconds
        time.sleep(seconds)
