"""The declaration of a source that is an HTTP API."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from msgspec import Meta
from msgspec.structs import force_setattr, replace

from brigade.declarations import Declaration
from brigade.declarations.path import parse_path
from brigade.ingest.declare.authentication import Authentication, HeaderKey, QueryKey, Secret, list_secrets
from brigade.ingest.declare.csv_format import Csv
from brigade.ingest.declare.dates import find_date_error, has_date, render_dates
from brigade.ingest.declare.incremental import Newest, Since
from brigade.ingest.declare.pagination import Cursor, Offset, PageNumber, Pagination
from brigade.ingest.declare.request import HeaderText, Parameters, Request, Token, format_parameters
from brigade.ingest.declare.source import BaseSource, Seconds
from brigade.urls import BASE_URL, is_base_url

if TYPE_CHECKING:
    from brigade.ingest.declare.request import Response


_DATED = ("path", "parameters", "headers", "body")
"""The fields of a request that may contain the date."""


class Rule(Declaration, frozen=True, kw_only=True):
    """The reaction to a response that has one of `statuses`, or for which `when(status, headers, body)` is true.

    Attributes:
        act: `retry` waits and sends the request again. `refresh` sends it once more, with new credentials. `ignore`
            treats the response as an empty last page. `fail` raises.
        statuses: HTTP statuses, 100 to 599.
        when: Decides by the whole response.
    """

    act: Literal["retry", "refresh", "ignore", "fail"]
    statuses: tuple[Annotated[int, Meta(ge=100, le=599)], ...] = ()
    when: Callable[[int, Mapping[str, str], bytes], bool] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("statuses", self.statuses or self.when, "statuses, if there is no when")
        is_all = self.act == "ignore" and 200 in self.statuses
        self._check("statuses", not is_all, "other statuses than 200 for ignore, which would leave out every page")


class Rate(Declaration, frozen=True, kw_only=True):
    """At most `requests` in any `seconds` of an invocation."""

    requests: Annotated[int, Meta(ge=1)]
    seconds: Seconds


class ApiSource(BaseSource, frozen=True, kw_only=True):
    """An HTTP API that is ingested by date.

    Raises:
        SettingsError: A value is impossible. The message names the field and its valid values.
    """

    reader_module: ClassVar[str] = "brigade.ingest.read.http"
    base_url: str
    """`http(s)://host[:port]`, without a trailing slash. `source_urls` in cdk.json overrides it in a stage."""
    path: str
    """The percent-encoded path of the request, from `/`. `{date}` is the date of the run."""
    parameters: Parameters = {}  # noqa: RUF012 - msgspec copies it, as of any Mapping
    """Query parameters of every request, not encoded. A sequence of values repeats the name."""
    records: str = ""
    """The path of the array of records in the response (`data.items`, `["a.b"][0]`); `""`: all of it."""
    pagination: Pagination = Pagination()
    """Finds the next page. The default is a single page."""
    format: Literal["json", "jsonl", "csv"] | Csv = "json"
    """The format of the response: JSON with an array of records or JSON Lines, in UTF-8, or CSV with a header line.
    `Csv` declares other CSV."""
    single: bool = False
    """True: one response of any size, read as a stream. A killed run starts it again."""
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[Token, HeaderText] = {}
    """Headers of every request; no secrets."""
    body: Mapping[str, Any] | None = None
    """The JSON body of every request."""
    authentication: Authentication | None = None
    rules: tuple[Rule, ...] = ()
    """The first matching rule decides. Without one, 401 refreshes, 429 and 5xx retry, all but 200 fail."""
    rate: Rate | None = None
    since: Since | Newest | None = None
    """Requests new records only; None: all."""
    tries: Annotated[int, Meta(ge=1, le=100)] = 6
    """Attempts per page before the run fails."""
    connect_timeout_s: Seconds = 10.0
    read_timeout_s: Seconds = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("base_url", is_base_url(self.base_url), BASE_URL, shown="@" not in self.base_url)
        self._check("base_url", self.base_url.count("/") == 2, "http(s)://host[:port] without a path")
        self._check("path", re.fullmatch(r"/[^\s?#]*", self.path), "a path that starts with /, without a query")
        self._check("body", _is_json(self.body), "what JSON can hold: text, numbers, lists, objects", shown=False)
        is_named = not any(isinstance(step, int) for step in parse_path(self.records))
        self._check("records", is_named or not self.single, "a path of names only, where there is a single answer")
        for name in _DATED:
            wrong = find_date_error(getattr(self, name))
            self._check(name, not wrong, wrong or "", shown=False)
        self._check_names()
        force_setattr(self, "parameters", format_parameters(self.parameters))
        self._check(
            "records", self.format == "json" or not self.records, '"" for CSV and JSON Lines, which have no path'
        )
        only = "Pagination() beside single=True, which reads one answer"
        self._check("pagination", not self.single or self.pagination == Pagination(), only)
        is_table = self.format == "csv" or isinstance(self.format, Csv)
        kept = [value for values in self.transform.keep.values() for value in values] if self.transform else []
        is_text = all(isinstance(value, str) for value in kept)
        self._check("transform", is_text or not is_table, "only text in keep: every field of CSV is text", shown=False)
        if self.format != "json" or self.single:
            self._check("pagination", not self.pagination.values, "no paths in an answer that is not one JSON document")
            self._check("since", not self.since or not self.since.at, "no path in an answer that is not one document")

    def _check_names(self) -> None:
        """Raise SettingsError if a header or a parameter is declared twice."""
        names = [name.lower() for name in self.headers]
        own = {"host", "content-length", "transfer-encoding", "connection"}
        cursor = self.pagination.to_header if isinstance(self.pagination, Cursor) else None
        self._check("headers", len({*names}) == len(names), "each name once: case does not count")
        self._check("headers", not own.intersection(names), f"none of {', '.join(sorted(own))}: they are made")
        who = self.authentication
        secret = who.header.lower() if isinstance(who, HeaderKey) else "authorization"
        if who and not isinstance(who, QueryKey):
            self._check("headers", secret not in names, f"no {secret}: authentication makes it", shown=False)
            self._check("authentication", secret not in own, f"another header than {secret}: it is made", shown=False)
            own = own | {secret}
        if cursor is not None:
            is_made = cursor.lower() in own or (cursor not in self.headers and cursor.lower() in names)
            self._check("pagination", not is_made, f"another to_header than {cursor}: it is made", shown=False)
        made = [self.pagination.parameter] if isinstance(self.pagination, PageNumber | Offset) else []
        made += [who.parameter] if isinstance(who, QueryKey) else []
        twice = sorted(self.parameters.keys() & {*made})
        self._check(
            "parameters", not twice, f"no {', '.join(twice)}: pagination or authentication makes it", shown=False
        )
        made += [self.pagination.parameter] if isinstance(self.pagination, Cursor) and self.pagination.parameter else []
        made += [self.since.parameter] if self.since else []
        made += [self.since.until] if isinstance(self.since, Since) else []
        twice = sorted({name for name in made if made.count(name) > 1})
        own_name = f"another parameter than {', '.join(twice)}, which since or authentication makes too"
        self._check("pagination", not twice, own_name, shown=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets of its credentials."""
        return tuple(list_secrets(self.authentication))

    @property
    def depends_on_date(self) -> bool:
        """True if the request contains the date, or requests only new records."""
        in_path = self.pagination.in_path if isinstance(self.pagination, Cursor) else None
        return self.incremental or has_date([*(getattr(self, name) for name in _DATED), in_path])

    def for_date(self, date: str) -> Self:
        """Return the source with the date in its path, parameters, headers, body and the path of its cursor."""
        changes = {name: render_dates(value, date) for name in _DATED if has_date(value := getattr(self, name))}
        if isinstance(self.pagination, Cursor) and has_date(self.pagination.in_path):
            changes["pagination"] = replace(self.pagination, in_path=render_dates(self.pagination.in_path, date))
        return replace(self, **changes) if changes else self

    @property
    def deduplicated_by(self) -> Since | Newest | None:
        """`since`, if records can come twice or define the position."""
        return self.since if self.since and (self.since.key or not self.since.bounded) else None

    @property
    def values(self) -> tuple[str, ...]:
        """The paths that are read from a page, besides its records."""
        return tuple(dict.fromkeys((*super().values, *([self.since.at] if self.since and self.since.at else []))))

    @property
    def address(self) -> str:
        """The URL of its API, without a path."""
        return self.base_url

    def request(self, cursor: str | None) -> Request:
        """Return the request for the page at `cursor`; None is the first page. A source may override it."""
        url = self.path
        first = Request(url=url, parameters=self.parameters, headers=self.headers, body=self.body)
        return self.pagination.apply_cursor(first, cursor)

    def page(self, ask: "Callable[[Request], Response]", cursor: str | None) -> "Response":
        """Return the page at `cursor`. A source may override it, to send several requests or to repair the response.

        Args:
            ask: Sends a request with the declared retries, credentials and limits.
            cursor: None is the first page.
        """
        return ask(self.request(cursor))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
