"""What every source declares, whatever it reads: what each record becomes, when it runs, within what."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from msgspec import Meta

from brigade.declarations import Declaration
from brigade.declarations.schedule import schedule_error
from brigade.errors import SettingsError
from brigade.ingest.declare.authentication import Secret
from brigade.ingest.declare.contract import RecordContract
from brigade.ingest.declare.csv_format import Csv
from brigade.ingest.declare.dates import load_time_zone
from brigade.ingest.declare.pagination import PageInfo, Pagination
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
"""Above 0, and a day at most."""
_LEVELS = {"gzip": (0, 3), "zstd": (1, 19)}


class Objects(Declaration, frozen=True, kw_only=True):
    """Into which objects a run's records go, where one is not right; all are published at the end, each once.

    ``date_field``: the member of a record, as it is written, whose text starts with the date that the record belongs to
    (``2026-11-21``, ``2026-11-21T10:00:00Z``); without it they belong to the run's date. ``records``: how many an
    object has at most. ``bytes``: an object of which so many are compressed, and some MiB of lines more, is followed by
    the next. ``dates``: how many dates a run may bring; more are an error that publishes nothing.
    """

    date_field: Annotated[str, Meta(min_length=1)] | None = None
    records: _Positive | None = None
    bytes: _Positive | None = None
    dates: _Positive = 400


class BaseSource(Declaration, frozen=True, kw_only=True):
    """The base class of the kinds of sources: `ApiSource` and `TableSource`.

    A module ``lambdas/ingest/sources/<name>.py`` defines ``SOURCE``; the stacks, the schedule, the alarms and the
    command find it there, and the module's name is the source's name.

    Fails with SettingsError, naming the field and what it takes, when a value is impossible; and for a Feed by itself.
    """

    reader_module: ClassVar[str] = ""
    """The module of the run time whose `open_reader` reads this kind of source."""
    stall_s: Annotated[float, Meta(ge=0, le=86400)] = 900.0
    """Pages without a record for this long are an error: an API that gives new tokens and no records goes nowhere."""
    expired_cursor: Literal["restart", "fail"] = "fail"
    """What a resumed run does when the cursor that it goes on from is refused."""
    transform: Transform | None = None
    """What is done to each record; None leaves its bytes as they are, but for the stamp."""
    contract: RecordContract | None = None
    """What each record must be; None: any object, and fields may come and go."""
    prefix: _PREFIX = ""
    """What stands before ``<source>/date=…`` in the lake: names with slashes between, none at the end."""
    objects: Objects | None = None
    """None: one object a run. Else several, which are staged in the state bucket until the last page is there."""
    compression: Literal["gzip", "zstd"] = "gzip"
    level: Annotated[int, Meta(ge=0, le=19)] | None = None
    """How hard to compress: gzip 0 to 3, 1 unless said; zstd 1 to 19, 3 unless said."""
    at_least: Annotated[int, Meta(ge=0)] = 0
    """How many records a date has at least; fewer are an error that publishes nothing."""
    page_limit: _Positive = 450
    """How many pages a day may have; reaching it with more to come is an error that publishes nothing."""
    schedule: str
    """When it runs: an EventBridge Scheduler expression, ``cron(…)`` or ``rate(…)``."""
    time_zone: str = "UTC"
    """IANA name; the schedule and the date of a run without one are of this zone."""
    memory_mib: Annotated[int, Meta(ge=128, le=10240)] = 256
    """Memory of the function, 128 to 10240."""
    timeout_s: Annotated[int, Meta(ge=30, le=900)] = 900
    """Seconds that one invocation may take, 30 to 900; a longer ingest goes on in the next."""
    local_only: bool = False
    """True: left out of a deployment to AWS, since what it reads is on this machine."""

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
        """What is read, as a person names it; no secrets."""
        raise NotImplementedError  # each kind of feed has its own: nothing is a Feed alone

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that are read to read it, and that its function may read."""
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
        """What of a page, beside its records, is looked at."""
        return Pagination()

    @property
    def incremental(self) -> bool:
        """Whether a date's records begin where those of the last published date ended, so that dates go in order."""
        return bool(getattr(self, "since", None))

    @property
    def depends_on_date(self) -> bool:
        """Whether what is read depends on the date, so that several dates can be read after the fact."""
        return self.incremental

    def for_date(self, date: str) -> Self:
        """Return the source with the date in every place that has `{date}`."""
        return self

    @property
    def deduplicated_by(self) -> "Since | Newest | None":
        """How the records themselves say what is new; None: they do not."""
        return None

    @property
    def boundary_column(self) -> str:
        """The column whose last value the next date reads again; empty: none."""
        return ""

    @property
    def values(self) -> tuple[str, ...]:
        """The paths of an answer, beside its records', that are looked at."""
        return self.pagination.values

    @property
    def partitions(self) -> int:
        """Into how many ranges of a key a date is cut, each of which is read beside the others into its own object."""
        return 1

    @property
    def single(self) -> bool:
        """Whether there is one answer of any size, which a run that was killed begins again."""
        return False

    @property
    def exact_numbers(self) -> bool:
        """Whether numbers of records that are changed or checked stay decimal, at some cost, rather than binary."""
        return False

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Give the cursor of the page behind ``answer``, None at the end. A source may override it."""
        return None if self.pagination.is_last(answer) else self.pagination.next_cursor(cursor, answer)

    def transform_record(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Give the record as it shall be written, or None to leave it out. A source may override it."""
        return self.transform.apply(record) if self.transform else record

    @property
    def changes_records(self) -> bool:
        """Whether records are made into objects and changed."""
        return self.transform is not None or type(self).transform_record is not BaseSource.transform_record
