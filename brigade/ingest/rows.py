"""Read a table of PostgreSQL, or a query, as pages of JSON Lines: by its key, and on behind it after a break."""

import dataclasses
import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import psycopg
from psycopg import sql

from brigade.database.rows import begin, columns, opened, passes, rows, said
from brigade.errors import InvalidData, RetryLater, SettingsError
from brigade.ingest.fetch import PAGE_LIMIT, Reply
from brigade.ingest.table import NEXT, TableSource
from brigade.ingest.window import Window

_BLOCK = 1024 * 1024
_SPARE_S = 5.0
_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 30.0
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


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
    _rows: Iterator[Any] | None = field(default=None, init=False)
    _ahead: bytes = field(default=b"", init=False)
    """The row behind the last page, which said that it was over."""
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
                if not passes(error) or attempt == self.source.tries:
                    raise said(error, self.source.address) from error
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
        key = sql.Identifier(self.source.key[0])
        query = sql.SQL(
            "SELECT CAST(percentile_disc(CAST({} AS float8[])) WITHIN GROUP (ORDER BY brigade.{}) AS text[])"
            " FROM {} AS brigade"
        )
        try:
            connection, relation = self._begin()
            self._check_nulls(connection, relation)
            found = connection.execute(query.format(sql.Literal(shares), key, relation)).fetchone()
        except psycopg.Error as error:
            raise said(error, self.source.address) from error
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
        self._rows, self._connection, self._ahead, self._at = None, None, b"", None
        with suppress(psycopg.Error):
            if connection is not None:
                connection.close()  # first: a stream that is left would otherwise be read to its end
        with suppress(psycopg.Error):
            if stream is not None:
                stream.close()  # type: ignore[attr-defined]  # it is a generator, which the caller need not know

    def _blocks(self) -> Iterator[bytes]:
        block = bytearray()
        try:
            for row in self._open(None):
                block += row
                self._check_size(block)
                if len(block) >= _BLOCK:
                    self._count(block)
                    yield bytes(block)
                    block.clear()
        except psycopg.Error as error:
            raise said(error, self.source.address) from error
        finally:
            self.close()
        self._count(block)
        yield bytes(block)

    def _open(self, cursor: str | None) -> Iterator[Any]:
        """Begin the query behind the key."""
        source, (connection, relation) = self.source, self._begin()
        # A null is in no range: who reads the last, which has no end, sees to it that nothing is left.
        if cursor is None and (source.table or (self.after is not None and self.until is None)):
            self._check_nulls(connection, relation)
        taken = self.windows(functools.partial(self._newest, connection, relation)) if self.windows else None
        return rows(connection, _select(relation, source, cursor, taken, (self.after, self.until)))

    def _begin(self) -> "tuple[psycopg.Connection[Any], sql.SQL]":
        """Connect, begin a transaction and look at the columns; give the connection, and what stands behind FROM."""
        self.close()
        self.requests += 1
        self._connection = connection = self.secret.connect(opened, psycopg.OperationalError, engine="postgresql")
        remaining = self.remaining()
        begin(connection, within_s=None if remaining == float("inf") else remaining)
        relation = sql.SQL(self.source.relation)
        self._check(columns(connection, relation))
        return connection, relation

    def _newest(self, connection: "psycopg.Connection[Any]", relation: sql.Composable, after: str | None) -> str | None:
        """Give the last value of ``since`` in the snapshot that is behind ``after`` and old enough."""
        since, lag = sql.Identifier(self.source.since), self.source.lag_s
        conditions = _conditions(
            *([sql.SQL("{} > {}").format(since, after)] if after is not None else []),
            *([sql.SQL("{} <= now() - {} * interval '1 s'").format(since, lag)] if lag else []),
        )
        query = sql.SQL("SELECT max({})::text FROM {} AS brigade{}").format(since, relation, conditions)
        found = connection.execute(query).fetchone()
        return found[0] if found else None

    def _check(self, names: list[str]) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidData(f"{self.source.address}: two columns are named {twice[0]}; give one another name (AS)")
        missing = [name for name in self.source.order if name not in names]
        if missing:
            known = ", ".join(names)
            raise SettingsError(f"{self.source.address}: the key's {missing[0]!r} is no column; there are {known}")

    def _check_nulls(self, connection: "psycopg.Connection[Any]", relation: sql.Composable) -> None:
        """Fail if a row has no key: no page could begin behind it. Of columns that are NOT NULL nothing is read."""
        for name in self.source.order:
            query = sql.SQL("SELECT EXISTS (SELECT FROM {} AS brigade WHERE {} IS NULL)")
            if connection.execute(query.format(relation, sql.Identifier(name))).fetchone() == (True,):
                raise self._null(name)

    def _null(self, name: str) -> InvalidData:
        return InvalidData(f"{self.source.address}: the key's {name} is null in a row; leave such rows out by a query")

    def _fill(self, stream: Iterator[Any]) -> tuple[bytearray, str | None]:
        """Take rows until the page is full and the key changes; give them, and the last key if there are more."""
        size, body, start, last = self.source.page_bytes, bytearray(self._ahead), 0, None
        self._ahead = b""
        for row in stream:
            if len(body) >= size:
                last = last or self._key(memoryview(body)[start:])
                if self._key(row) != last:
                    self._ahead = bytes(row)
                    self._count(body)
                    return body, last
            start = len(body)
            body += row
            self._check_size(body)
        if body:
            self._key(memoryview(body)[start:])  # null sorts last
        self._count(body)
        return body, None

    def _key(self, row: Any) -> str:
        """Give the row's key as text that ``_select`` takes."""
        members = _MEMBERS.decode(row)
        key = []
        for name in self.source.order:
            raw = bytes(memoryview(members[name]))
            if raw == b"null":
                raise self._null(name)
            key.append(msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode())
        return msgspec.json.encode(key).decode()

    def _check_size(self, body: bytearray) -> None:
        if len(body) > PAGE_LIMIT:
            raise InvalidData(f"{self.source.address}: a row, or the rows of one key, are more than {PAGE_LIMIT} bytes")

    def _count(self, body: bytes | bytearray) -> None:
        self.bytes_in += len(body)

    def _wait(self, attempt: int, error: psycopg.Error) -> None:
        longest = min(_BACKOFF_S * 2**attempt, _LONGEST_BACKOFF_S)
        seconds = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        if seconds > self.remaining() - _SPARE_S:
            raise RetryLater(str(said(error, self.source.address)), after_s=seconds) from error
        self.retries += 1
        self.waited_s += seconds
        time.sleep(seconds)


def _select(
    relation: sql.Composable,
    source: TableSource,
    cursor: str | None,
    window: Window | None,
    span: tuple[str | None, str | None],
) -> sql.Composed:
    """Make the query for the rows of the window, and of the span, behind the key, in its order, each as JSON."""
    names = sql.SQL(", ").join(sql.SQL("brigade.{}").format(sql.Identifier(name)) for name in source.order)
    since = sql.SQL("brigade.{}").format(sql.Identifier(source.since)) if source.since else names
    wanted: list[sql.Composable] = []
    if window:
        if window.until is None:
            wanted.append(sql.SQL("false"))
        else:
            wanted.append(sql.SQL("{} <= {}").format(since, sql.Literal(window.until)))
        if window.after is not None:
            wanted.append(sql.SQL("{} > {}").format(since, sql.Literal(window.after)))
    for sign, end in zip((">", "<="), span, strict=True):
        if end is not None:
            wanted.append(sql.SQL("{} " + sign + " {}").format(names, sql.Literal(end)))
    if cursor is not None:
        after = sql.SQL(", ").join(map(sql.Literal, msgspec.json.decode(cursor, type=list[str])))
        wanted.append(sql.SQL("({}) > ({})").format(names, after))
    order = sql.SQL(" ORDER BY {}").format(names) if source.order else sql.SQL("")
    query = sql.SQL("SELECT row_to_json(brigade) FROM {} AS brigade{}{}")
    return query.format(relation, _conditions(*wanted), order)


def _conditions(*wanted: sql.Composable) -> sql.Composable:
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(wanted) if wanted else sql.SQL("")
