"""The fields that every source declares: its schedule, its limits, and what happens to its records."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from msgspec import Meta

from brigade.declarations import Declaration
from brigade.declarations.schedule import schedule_error
from brigade.errors import SettingsError
from brigade.ingest.declare.authentication import Secret
from brigade.ingest.declare.contract import RecordContract
from brigade.ingest.declare.csv_format import Csv
from brigade.ingest.declare.dates import load_time_zone
from brigade.ingest.declare.pagination import Pagination
from brigade.ingest.declare.request import PageInfo
from brigade.ingest.declare.transform import Transform

if TYPE_CHECKING:
    from brigade.ingest.declare.incremental import Newest, Since

_PREFIX = Annotated[
    str,
    Meta(
        pattern=r"^(?!(.*/)?\.{1,2}(/|\Z))([A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*)?\Z",
        max_length=512,
        description="names of A-Z a-z 0-9 . _ - = with / between",
    ),
]
_Positive = Annotated[int, Meta(ge=1, le=2**62)]
Seconds = Annotated[float, Meta(gt=0, le=86400)]
"""Seconds above 0, one day at most."""
_LEVELS = {"gzip": (0, 3), "zstd": (1, 19)}


class Objects(Declaration, frozen=True, kw_only=True):
    """The partitioning of a run's records into several objects. All are published at the end, each once.

    Attributes:
        date_field: The field of a written record whose text starts with the date that the record belongs to
            (`2026-11-21`, `2026-11-21T10:00:00Z`). None: all records belong to the date of the run.
        records: The most records of an object.
        bytes: Compressed bytes after which the next object starts. An object may have a few MiB more.
        dates: The most dates of a run. More are an error, and nothing is published.
    """

    date_field: Annotated[str, Meta(min_length=1)] | None = None
    records: _Positive | None = None
    bytes: _Positive | None = None
    dates: _Positive = 400


class BaseSource(Declaration, frozen=True, kw_only=True):
    """The base class of the kinds of sources: `ApiSource` and `TableSource`.

    A module `lambdas/ingest/sources/<name>.py` defines `SOURCE`. The stacks and the command find it there. The name of
    the module is the name of the source.

    Raises:
        SettingsError: A value is impossible. The message names the field and its valid values.
    """

    reader_module: ClassVar[str] = ""
    """The module of the run time whose `open_reader` reads this kind of source."""
    stall_s: Annotated[float, Meta(ge=0, le=86400)] = 900.0
    """Seconds without a record that are an error: an API can return new cursors and no records for ever."""
    expired_cursor: Literal["restart", "fail"] = "fail"
    """The action of a resumed run when the API rejects its cursor."""
    transform: Transform | None = None
    """Changes each record. None keeps its bytes, except for the stamp."""
    contract: RecordContract | None = None
    """The contract of each record. None accepts any object."""
    prefix: _PREFIX = ""
    """The prefix before `<source>/date=…` in the lake: names separated by slashes."""
    objects: Objects | None = None
    """None: one object a date. Several objects are staged in the state bucket until the last page is read."""
    compression: Literal["gzip", "zstd"] = "gzip"
    level: Annotated[int, Meta(ge=0, le=19)] | None = None
    """Compression level: 0 to 3 for gzip (default 1), 1 to 19 for zstd (default 3)."""
    at_least: Annotated[int, Meta(ge=0)] = 0
    """The fewest records of a date. Fewer are an error, and nothing is published."""
    page_limit: _Positive = 450
    """The most pages of a date. More are an error, and nothing is published."""
    schedule: str
    """An EventBridge Scheduler expression: `cron(…)` or `rate(…)`."""
    time_zone: str = "UTC"
    """IANA name of the zone of the schedule, and of the date of a scheduled run."""
    memory_mib: Annotated[int, Meta(ge=128, le=10240)] = 256
    """Memory of the function in MiB, 128 to 10240."""
    timeout_s: Annotated[int, Meta(ge=30, le=900)] = 900
    """Seconds that one invocation may take, 30 to 900. A longer run continues in the next invocation."""
    local_only: bool = False
    """True: not deployed to AWS, because the API is on this machine."""

    def __post_init__(self) -> None:
        if type(self) is BaseSource:
            raise SettingsError("BaseSource is abstract: declare an ApiSource or a TableSource")
        super().__post_init__()
        least, most = _LEVELS[self.compression]
        self._check("level", self.level is None or least <= self.level <= most, f"{least} to {most}")
        takes = schedule_error(self.schedule)
        self._check("schedule", takes is None, takes or "")
        try:
            load_time_zone(self.time_zone)
        except (KeyError, OSError, ValueError):  # what zoneinfo raises: unknown key, a folder, a path
            self._check("time_zone", False, "an IANA zone such as Europe/Berlin")

    @property
    def address(self) -> str:
        """The name of the API or the table, for people. It holds no secret."""
        raise NotImplementedError  # each kind of source has its own

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that the function may read."""
        return ()

    @property
    def records(self) -> str:
        """The path of the array of records in a page; `""`: the page is the array."""
        return ""

    @property
    def format(self) -> "Literal['json', 'jsonl', 'csv'] | Csv":
        """The format of a page."""
        return "jsonl"

    @property
    def pagination(self) -> Pagination:
        """Finds the next page."""
        return Pagination()

    @property
    def incremental(self) -> bool:
        """True if a date continues after the last published date. Then dates run in order."""
        return bool(getattr(self, "since", None))

    @property
    def depends_on_date(self) -> bool:
        """True if the records depend on the date. Otherwise a backfill would read the same for each date."""
        return self.incremental

    def for_date(self, date: str) -> Self:
        """Return the source with the date in every place that has `{date}`."""
        return self

    @property
    def deduplicated_by(self) -> "Since | Newest | None":
        """The declaration by which already published records are recognized; None: no record comes twice."""
        return None

    @property
    def boundary_column(self) -> str:
        """The column whose last value the next date reads again; empty: none."""
        return ""

    @property
    def values(self) -> tuple[str, ...]:
        """The paths that are read from a page, besides its records."""
        return self.pagination.values

    @property
    def partitions(self) -> int:
        """Into how many key ranges a date is split. Each is read in parallel into an object of its own."""
        return 1

    @property
    def single(self) -> bool:
        """True if there is one response of any size. A killed run starts it again."""
        return False

    @property
    def exact_numbers(self) -> bool:
        """True if numbers of transformed or checked records are decimals. False if they are floats."""
        return False

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the cursor of the page after `answer`, or None at the end. A source may override it."""
        return None if self.pagination.is_last(answer) else self.pagination.next_cursor(cursor, answer)

    def transform_record(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Return the record to write, or None to leave it out. A source may override it."""
        return self.transform.apply(record) if self.transform else record

    @property
    def changes_records(self) -> bool:
        """True if records are decoded and changed."""
        return self.transform is not None or type(self).transform_record is not BaseSource.transform_record
