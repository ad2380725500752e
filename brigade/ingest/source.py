"""The declaration of a source: which API, how it pages, when it runs, what it may use. Importing it does nothing."""

import datetime
import functools
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from brigade.ingest.authentication import Authentication, Secret, secrets_of
from brigade.ingest.feed import Feed
from brigade.ingest.pagination import Pagination, Request
from brigade.ingest.since import Newest, Since

if TYPE_CHECKING:
    from brigade.ingest.fetch import Reply
    from brigade.ingest.walk import Reads
    from brigade.state import State


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with an answer of one of ``statuses``, or for which ``when(status, headers, body)`` is true.

    ``retry`` waits and asks again, ``refresh`` takes new credentials and asks again, once, ``ignore`` takes the answer
    for a last page without records, ``fail`` fails.
    """

    act: Literal["retry", "refresh", "ignore", "fail"]
    statuses: tuple[int, ...] = ()
    when: Callable[[int, Mapping[str, str], bytes], bool] | None = None


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """At most ``requests`` in any ``seconds`` of an invocation, however fast the API is."""

    requests: int
    seconds: float


class Source(Feed, frozen=True, kw_only=True):
    """One API that is ingested once a day: what to ask, where the records and the next token are, when, within what.

    Fails with SettingsError, naming the field and what it takes, when a value is impossible.
    """

    base_url: str
    """``http(s)://host[:port]``, without a slash at the end; a stage overrides it by ``source_urls``."""
    path: str
    """What is asked for, from ``/`` on, already percent-encoded."""
    parameters: Mapping[str, str] = {}
    """Query parameters of every request, not yet encoded."""
    records: str = ""
    """Where the array of records is in the answer: names with dots between (``data.items``); ``""``: all of it."""
    pagination: Pagination = Pagination()
    """How to come to the next page; there is only one unless this says otherwise."""
    format: Literal["json", "jsonl", "csv"] = "json"
    """What the answer is: JSON with an array of records in it, JSON Lines, or CSV with a header line, in UTF-8."""
    single: bool = False
    """True: one answer of any size, which is read piece by piece; a run that was killed begins it again."""
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str] = {}
    """Headers of every request; no secrets."""
    body: Mapping[str, Any] | None = None
    """The JSON body of every request."""
    authentication: Authentication | None = None
    rules: tuple[Rule, ...] = ()
    """What to do with answers, the first that fits; else 401 refreshes, 429 and 5xx are retried, all but 200 fail."""
    rate: Rate | None = None
    since: Since | Newest | None = None
    """Which part of the records a run asks for; None: all."""
    tries: int = 6
    """How often a page is asked for until the run gives up."""
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("base_url", re.fullmatch(r"https?://[^\s/?#]+", self.base_url), "http(s)://host[:port]")
        self._check("path", re.fullmatch(r"/[^\s?#]*", self.path), "a path that starts with /, without a query")
        self._check("tries", self.tries >= 1, "1 or more")
        self._check("rules", all(rule.statuses or rule.when for rule in self.rules), "rules with statuses or when")
        self._check("rate", not self.rate or (self.rate.requests > 0 and self.rate.seconds > 0), "more than nothing")
        if self.format != "json" or self.single:
            self._check("pagination", not self.pagination.values, "no paths in an answer that is not one JSON document")
            self._check("since", not self.since or not self.since.at, "no path in an answer that is not one document")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that its credentials are in."""
        return tuple(secrets_of(self.authentication))

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
        self, name: str, *, url: str | None, client: Callable[[str], Any], state: "State | None"
    ) -> "Callable[[Callable[[], float], str | None], Reads]":
        """Give what makes an asker of its API, at ``url`` if that is given; they share the credentials."""
        from brigade.ingest.credentials import credentials
        from brigade.ingest.fetch import Api

        who = credentials(self.authentication, client, state, name)

        def reader(remaining: "Callable[[], float]", date: str | None) -> "Reads":
            if not self.since or state is None or date is None:
                return Api(self, url or self.base_url, remaining, who)
            return Api(self, url or self.base_url, remaining, who, functools.partial(self._narrowed, state, name, date))

        return reader

    def _narrowed(self, state: "State", name: str, date: str) -> "Source":
        """Give the source as it is asked for what is new at a date."""
        from brigade.ingest.window import window

        since = self.since
        if since is None:
            return self
        bounded = since.bounded and not since.key  # what a date left out is known of the last one only
        taken = window(
            state, name, date, lambda after: since.end(after, datetime.datetime.now(datetime.UTC)), bounded=bounded
        )
        span = since.parameters(taken.after, taken.until)
        return msgspec.structs.replace(self, parameters={**self.parameters, **span})
