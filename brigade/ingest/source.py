"""The declaration of a source: which API, how it pages, when it runs, what it may use. Importing it does nothing."""

import datetime
import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from msgspec import Meta
from msgspec.structs import force_setattr, replace

from brigade.declarations import Declaration
from brigade.declarations.path import parse_path
from brigade.errors import SettingsError
from brigade.ingest.authentication import Authentication, HeaderKey, QueryKey, Secret, secrets_of
from brigade.ingest.csv_format import Csv
from brigade.ingest.dated import date_error, has_date, render
from brigade.ingest.feed import Feed, Seconds
from brigade.ingest.pagination import Cursor, Offset, PageNumber, Pagination
from brigade.ingest.request import HeaderText, Parameters, Request, Token, as_text
from brigade.ingest.since import Newest, Since
from brigade.urls import BASE_URL, is_base_url

if TYPE_CHECKING:
    from brigade.ingest.fetch import Reply
    from brigade.ingest.walk import Reads
    from brigade.state import State


_DATED = ("path", "parameters", "headers", "body")
"""The parts of a request that may hold the date."""


class Rule(Declaration, frozen=True, kw_only=True):
    """What to do with an answer of one of ``statuses``, or for which ``when(status, headers, body)`` is true.

    ``retry`` waits and asks again, ``refresh`` takes new credentials and asks again, once, ``ignore`` takes the answer
    for a last page without records, ``fail`` fails.
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
    """At most ``requests`` in any ``seconds`` of an invocation, however fast the API is."""

    requests: Annotated[int, Meta(ge=1)]
    seconds: Seconds


class Source(Feed, frozen=True, kw_only=True):
    """One API that is ingested once a day: what to ask, where the records and the next token are, when, within what.

    Fails with SettingsError, naming the field and what it takes, when a value is impossible.
    """

    base_url: str
    """`http(s)://host[:port]`, without a slash at the end. A stage overrides it by `source_urls`."""
    path: str
    """The path of the request, from `/` on, already percent-encoded. `{date}` is the date of the run."""
    parameters: Parameters = {}  # noqa: RUF012 - msgspec copies it, as of any Mapping
    """Query parameters of every request, not yet encoded. A sequence of values repeats the name."""
    records: str = ""
    """The path of the array of records in the answer (`data.items`, `["a.b"][0]`); `""`: all of it."""
    pagination: Pagination = Pagination()
    """How to come to the next page; there is only one unless this says otherwise."""
    format: Literal["json", "jsonl", "csv"] | Csv = "json"
    """What the answer is: JSON with an array of records in it or JSON Lines, in UTF-8; or CSV with a header line, or as
    `Csv(…)` says."""
    single: bool = False
    """True: one answer of any size, which is read piece by piece; a run that was killed begins it again."""
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[Token, HeaderText] = {}
    """Headers of every request; no secrets."""
    body: Mapping[str, Any] | None = None
    """The JSON body of every request."""
    authentication: Authentication | None = None
    rules: tuple[Rule, ...] = ()
    """What to do with answers, the first that fits; else 401 refreshes, 429 and 5xx are retried, all but 200 fail."""
    rate: Rate | None = None
    since: Since | Newest | None = None
    """Which part of the records a run asks for; None: all."""
    tries: Annotated[int, Meta(ge=1, le=100)] = 6
    """How often a page is asked for until the run gives up."""
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
            wrong = date_error(getattr(self, name))
            self._check(name, not wrong, wrong or "", shown=False)
        self._check_names()
        force_setattr(self, "parameters", as_text(self.parameters))
        self._check(
            "records", self.format == "json" or not self.records, '"" for CSV and JSON Lines, which have no path'
        )
        only = "Pagination() beside single=True, which reads one answer"
        self._check("pagination", not self.single or self.pagination == Pagination(), only)
        is_table = self.format == "csv" or isinstance(self.format, Csv)
        kept = [value for values in self.change.keep.values() for value in values] if self.change else []
        is_text = all(isinstance(value, str) for value in kept)
        self._check("change", is_text or not is_table, "only text in keep: every field of CSV is text", shown=False)
        if self.format != "json" or self.single:
            self._check("pagination", not self.pagination.values, "no paths in an answer that is not one JSON document")
            self._check("since", not self.since or not self.since.at, "no path in an answer that is not one document")

    def _check_names(self) -> None:
        """Refuse a header or a parameter that is declared twice: only one of both would count, or both be sent.

        A declared one may be the first value of a cursor or of `since`.
        """
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
        """The secrets that its credentials are in."""
        return tuple(secrets_of(self.authentication))

    @property
    def dated(self) -> bool:
        """Whether the request has the date in it, or asks only for what is new."""
        in_path = self.pagination.in_path if isinstance(self.pagination, Cursor) else None
        return self.incremental or has_date([*(getattr(self, name) for name in _DATED), in_path])

    def on(self, date: str) -> Self:
        """Return the source with the date in its path, parameters, headers, body and the path of its cursor."""
        changes = {name: render(value, date) for name in _DATED if has_date(value := getattr(self, name))}
        if isinstance(self.pagination, Cursor) and has_date(self.pagination.in_path):
            changes["pagination"] = replace(self.pagination, in_path=render(self.pagination.in_path, date))
        return replace(self, **changes) if changes else self

    @property
    def tracked(self) -> Since | Newest | None:
        """How the records themselves say what is new; None: they do not."""
        return self.since if self.since and (self.since.key or not self.since.bounded) else None

    @property
    def values(self) -> tuple[str, ...]:
        """The paths of an answer, beside its records', that are looked at."""
        return tuple(dict.fromkeys((*super().values, *([self.since.at] if self.since and self.since.at else []))))

    @property
    def address(self) -> str:
        """The URL of its API, without a path."""
        return self.base_url

    def request(self, cursor: str | None) -> Request:
        """Give the request for the page at ``cursor``, None for the first. A source may override it."""
        url = self.path
        first = Request(url=url, parameters=self.parameters, headers=self.headers, body=self.body)
        return self.pagination.ask(first, cursor)

    def page(self, ask: "Callable[[Request], Reply]", cursor: str | None) -> "Reply":
        """Give the page at ``cursor``, by ``ask``, which has the patience, the credentials and the limits that are
        declared. A source may override it, to ask for a page in more than one request, or to mend what comes.
        """
        return ask(self.request(cursor))

    def reader(
        self,
        name: str,
        *,
        url: str | None,
        client: Callable[[str], Any],
        state: "State | None",
        keep_window: bool = True,
    ) -> "Callable[[Callable[[], float], str | None], Reads]":
        """Give what makes an asker of its API, at ``url`` if that is given; they share the credentials."""
        from brigade.ingest.credentials import credentials
        from brigade.ingest.fetch import Api

        if url is not None and not is_base_url(url):
            raise SettingsError(f"the URL that {name} asks takes {BASE_URL}")
        who = credentials(self.authentication, client, state, name)

        def reader(remaining: "Callable[[], float]", date: str | None) -> "Reads":
            declared = self.on(date) if date else self
            api = functools.partial(Api, declared, url or self.base_url, remaining, who)
            if not self.since or date is None:
                return api()
            return api(functools.partial(declared._narrowed, state, name, date, keep_window=keep_window))

        return reader

    def _narrowed(self, state: "State | None", name: str, date: str, *, keep_window: bool) -> "Source":
        """Give the source as it is asked for what is new at a date."""
        from brigade.ingest.window import window

        since = self.since
        if since is None:
            return self
        now = datetime.datetime.now(datetime.UTC)
        if state is None:  # nothing is known to be published: as the first run
            return replace(self, parameters={**self.parameters, **since.parameters(None, since.end(None, now))})
        bounded = since.bounded and not since.key  # what a date left out is known of the last one only
        taken = window(
            state,
            name,
            date,
            lambda after: since.end(after, now),
            time_zone=self.time_zone,
            bounded=bounded,
            keep=keep_window,
        )
        span = since.parameters(taken.after, taken.until)
        return replace(self, parameters={**self.parameters, **span})


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
