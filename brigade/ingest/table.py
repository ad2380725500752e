"""The declaration of a table of PostgreSQL, or of a query, as a source. Importing it does nothing."""

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Self

from msgspec import Meta
from msgspec.structs import replace

from brigade.ingest.authentication import Secret, SecretName
from brigade.ingest.dated import date_error, has_date, render
from brigade.ingest.feed import Feed
from brigade.ingest.pagination import Answer

if TYPE_CHECKING:
    from brigade.ingest.walk import Reads
    from brigade.state import State

NEXT = "next"
_NAME = r'([^\W\d]\w*|"([^"\0]|"")+")'


class TableSource(Feed, frozen=True, kw_only=True):
    """A table of PostgreSQL, or what a query gives, read once a day in a read-only transaction at one snapshot.

    A record is the row as PostgreSQL's own ``row_to_json`` writes it; what that makes of each type stands in
    docs/database.md. With a ``key`` the rows come in its order, and a run that was cut goes on behind the last key that
    is durable, at a new snapshot; without one they come in any order, and such a run begins again.

    Fails with SettingsError, naming the field and what it takes, when a value is impossible.
    """

    secret: SecretName
    """The name of the secret of Secrets Manager with the database's fields, as RDS writes them."""
    table: str = ""
    """The table or view as SQL names it: ``events``, ``sales.orders``, ``"Odd name"``; this or ``query``."""
    query: str = ""
    """A SELECT without a semicolon behind it, whose columns have names of their own. `{date}` in it is the date of the
    run, with a format and an offset in days as in the request of a `Source`."""
    key: tuple[str, ...] = ()
    """Columns, never null, in whose order the rows are read; an index on them spares the sort. They need not be unique:
    a page ends only where the key changes."""
    since: str = ""
    """A column, never null and only ever growing (``updated_at``, a date, a sequence), by which only new rows are read.
    A date begins at the last value that the last published date read: rows of that value that came since are read, and
    those that were published are left out. Rows are read in this column's order, before that of the key."""
    partitions: Annotated[int, Meta(ge=1, le=100)] = 1
    """Into how many ranges of the key, 1 to 100, a date is cut: each is read by an invocation of its own, at a snapshot
    of its own, into an object of its own. It takes a key of one column, and neither ``since`` nor ``objects``."""
    lag_s: Annotated[float, Meta(ge=0, le=366 * 86400)] = 0.0
    """Seconds by which such a run stays behind the server's clock, where ``since`` is a time: rows that are written
    now, with the time at which their transaction began, come with the next. Choose more than the longest transaction:
    with a lag, a value that was read is not read again."""
    page_bytes: Annotated[int, Meta(ge=1024, le=32 * 1024 * 1024)] = 4 * 1024 * 1024
    """How many bytes of rows make a page, 1 KiB to 32 MiB; rows of one key are on one page."""
    tries: Annotated[int, Meta(ge=1, le=100)] = 6
    """How often a page is asked for, while the server does not answer or ends the connection."""
    page_limit: Annotated[int, Meta(ge=1, le=2**62)] = 1_000_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("table", bool(self.table) != bool(self.query), "a name, if there is no query")
        self._check("table", not self.table or re.fullmatch(rf"{_NAME}(\.{_NAME}){{0,2}}", self.table), "SQL's name")
        self._check("query", not self.query.rstrip().endswith(";"), "one SELECT, no semicolon behind it")
        self._check("key", all(self.key) and len({*self.key}) == len(self.key), "names of columns, each once")
        self._check("lag_s", self.since or not self.lag_s, "0, or more beside since")
        self._check("query", not date_error(self.query), date_error(self.query) or "")
        alone = len(self.key) == 1 and not self.since and not self.objects and not self.at_least
        most = "1 to 100, above 1 with a key of one column, without since, objects and at_least"
        self._check("partitions", self.partitions == 1 or alone, most)

    @property
    def relation(self) -> str:
        """What stands behind FROM, as it is declared: SQL, which is code."""
        return self.table or f"({self.query}\n)"  # its last line may be a comment

    @property
    def address(self) -> str:
        """The table, or that it is a query, and the secret's name."""
        return f"{self.table or 'the query'} by the secret {self.secret}"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secret of the database."""
        return (Secret(self.secret),)

    @property
    def dated(self) -> bool:
        """Whether the query has the date in it, or only new rows are read."""
        return self.incremental or has_date(self.query)

    def on(self, date: str) -> Self:
        """Return the source with the date in its query."""
        return replace(self, query=render(self.query, date)) if has_date(self.query) else self

    @property
    def order(self) -> tuple[str, ...]:
        """The columns in whose order rows are read."""
        return (self.since, *(name for name in self.key if name != self.since)) if self.since else self.key

    @property
    def again(self) -> bool:
        """Whether a date reads the last value of ``since`` of the date before again."""
        return bool(self.since) and not self.lag_s

    @property
    def boundary(self) -> str:
        """The column whose last value the next date reads again; empty: none."""
        return self.since if self.again else ""

    @property
    def single(self) -> bool:
        """Whether there is no order to go on in."""
        return not self.order

    @property
    def exact(self) -> bool:
        """Yes: a numeric stays what it is."""
        return True

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Give the key of the page's last row, if rows are behind it."""
        return answer.headers.get(NEXT)

    def reader(
        self,
        name: str,
        *,
        url: str | None,
        client: Callable[[str], Any],
        state: "State | None",
        keep_window: bool = True,
    ) -> "Callable[[Callable[[], float], str | None], Reads]":
        """Give what makes a reader of it, from the seconds that it may take and the date; they share the secret.

        Without a date, or without ``state``, an incremental source is read whole.
        """
        from brigade.database.secret import DatabaseSecret as Kept
        from brigade.ingest.rows import Rows
        from brigade.ingest.window import window

        secret = Kept(client("secretsmanager"), self.secret)

        def reader(remaining: "Callable[[], float]", date: str | None) -> "Reads":
            declared = self.on(date) if date else self
            if not self.since or state is None or date is None:
                return Rows(declared, secret, remaining)
            ends = functools.partial(
                window, state, name, date, time_zone=self.time_zone, bounded=not self.again, keep=keep_window
            )
            return Rows(declared, secret, remaining, ends)

        return reader
