"""The declaration of a source that is a PostgreSQL table or query."""

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from msgspec import Meta
from msgspec.structs import replace

from brigade.ingest.declare.authentication import Secret, SecretName
from brigade.ingest.declare.dates import find_date_error, has_date, render_dates
from brigade.ingest.declare.request import PageInfo
from brigade.ingest.declare.source import BaseSource

if TYPE_CHECKING:
    pass

NEXT = "next"
_NAME = r'([^\W\d]\w*|"([^"\0]|"")+")'


class TableSource(BaseSource, frozen=True, kw_only=True):
    """A PostgreSQL table or query that is ingested by date, in a read-only transaction with one snapshot.

    A record is a row as PostgreSQL's `row_to_json` writes it (docs/postgresql.md lists the types). With a `key` the
    rows are sorted by it, and an interrupted run continues after the last durable key, with a new snapshot. Without a
    key the order is undefined, and an interrupted run starts again.

    Raises:
        SettingsError: A value is impossible. The message names the field and its valid values.
    """

    reader_module: ClassVar[str] = "brigade.ingest.read.postgres"
    secret: SecretName
    """The name of the secret in Secrets Manager, with the fields that RDS writes."""
    table: str = ""
    """The SQL name of the table or view: `events`, `sales.orders`, `"Odd name"`. Either this or `query`."""
    query: str = ""
    """A SELECT without a trailing semicolon, with unique column names. `{date}` is the date of the run, with the
    formats and offsets of an `ApiSource`."""
    key: tuple[str, ...] = ()
    """Columns by which the rows are sorted, never null. An index on them avoids the sort. They need not be unique: a
    page ends only where the key changes."""
    since: str = ""
    """A column that is never null and only grows (`updated_at`, a date, a sequence). Only new rows are read.
    A date starts at the last value that the last published date read. It leaves out the published rows of that value.
    Rows are sorted by this column, then by the key."""
    partitions: Annotated[int, Meta(ge=1, le=100)] = 1
    """Into how many key ranges a date is split, 1 to 100. Each has an invocation, a snapshot and an object of its own.
    It takes a key of one column, and neither `since` nor `objects`."""
    lag_s: Annotated[float, Meta(ge=0, le=366 * 86400)] = 0.0
    """Seconds that the run stays behind the server's clock, where `since` is a time. A row has the time at which its
    transaction began, so choose more than the longest transaction. With a lag no value is read twice."""
    page_bytes: Annotated[int, Meta(ge=1024, le=32 * 1024 * 1024)] = 4 * 1024 * 1024
    """Bytes of a page, 1 KiB to 32 MiB. Rows of one key are on one page."""
    tries: Annotated[int, Meta(ge=1, le=100)] = 6
    """Attempts per page, while the server does not respond or closes the connection."""
    page_limit: Annotated[int, Meta(ge=1, le=2**62)] = 1_000_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("table", bool(self.table) != bool(self.query), "a name, if there is no query")
        self._check("table", not self.table or re.fullmatch(rf"{_NAME}(\.{_NAME}){{0,2}}", self.table), "SQL's name")
        self._check("query", not self.query.rstrip().endswith(";"), "one SELECT, no semicolon behind it")
        self._check("key", all(self.key) and len({*self.key}) == len(self.key), "names of columns, each once")
        self._check("lag_s", self.since or not self.lag_s, "0, or more beside since")
        self._check("query", not find_date_error(self.query), find_date_error(self.query) or "")
        alone = len(self.key) == 1 and not self.since and not self.objects and not self.at_least
        most = "1 to 100, above 1 with a key of one column, without since, objects and at_least"
        self._check("partitions", self.partitions == 1 or alone, most)

    @property
    def relation(self) -> str:
        """The SQL after FROM."""
        return self.table or f"({self.query}\n)"  # its last line may be a comment

    @property
    def address(self) -> str:
        """The table, or `the query`, and the name of the secret."""
        return f"{self.table or 'the query'} by the secret {self.secret}"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secret of the database."""
        return (Secret(self.secret),)

    @property
    def depends_on_date(self) -> bool:
        """True if the query contains the date, or only new rows are read."""
        return self.incremental or has_date(self.query)

    def for_date(self, date: str) -> Self:
        """Return the source with the date in its query."""
        return replace(self, query=render_dates(self.query, date)) if has_date(self.query) else self

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which rows are sorted."""
        return (self.since, *(name for name in self.key if name != self.since)) if self.since else self.key

    @property
    def rereads_last_value(self) -> bool:
        """True if a date reads the last `since` value of the date before again."""
        return bool(self.since) and not self.lag_s

    @property
    def boundary_column(self) -> str:
        """The column whose last value the next date reads again; empty: none."""
        return self.since if self.rereads_last_value else ""

    @property
    def single(self) -> bool:
        """True if there is no sort order, so that an interrupted run starts again."""
        return not self.order

    @property
    def exact_numbers(self) -> bool:
        """True: a `numeric` keeps all of its digits."""
        return True

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the key of the last row of the page, if more rows follow."""
        return answer.headers.get(NEXT)
