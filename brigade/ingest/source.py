"""The declaration of a source: which API, how it pages, when it runs, what it may use. Importing it does nothing."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from brigade.errors import SettingsError
from brigade.ingest.authentication import Authentication
from brigade.ingest.change import Change
from brigade.ingest.contract import Contract
from brigade.ingest.pagination import Answer, Pagination, Request


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


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One API that is ingested once a day: what to ask, where the records and the next token are, when, within what.

    A module ``lambdas/ingest/sources/<name>.py`` defines ``SOURCE``; the stacks, the schedule, the alarms and the
    command find it there, and the module's name is the source's name.

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
    tries: int = 6
    """How often a page is asked for until the run gives up."""
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    stall_s: float = 900.0
    """Pages without a record for this long are an error: an API that gives new tokens and no records goes nowhere."""
    expired_cursor: Literal["restart", "fail"] = "fail"
    """What a resumed run does when the API refuses (4xx) the cursor that it goes on from."""
    change: Change | None = None
    """What is done to each record; None leaves its bytes as they are, but for the stamp."""
    contract: Contract | None = None
    """What each record must be; None: any object, and fields may come and go."""
    page_limit: int = 450
    """How many pages a day may have; reaching it with more to come is an error that publishes nothing."""
    schedule: str
    """When it runs: an EventBridge Scheduler expression, ``cron(…)`` or ``rate(…)``."""
    time_zone: str = "UTC"
    """IANA name; the schedule and the date of a run without one are of this zone."""
    memory_mib: int = 256
    """Memory of the function, 128 to 10240."""
    timeout_s: int = 900
    """Seconds that one invocation may take, 30 to 900; a longer ingest goes on in the next."""
    local_only: bool = False
    """True: left out of a deployment to AWS, since the API is on this machine."""

    def __post_init__(self) -> None:
        self._check("base_url", re.fullmatch(r"https?://[^\s/?#]+", self.base_url), "http(s)://host[:port]")
        self._check("path", re.fullmatch(r"/[^\s?#]*", self.path), "a path that starts with /, without a query")
        self._check("tries", self.tries >= 1, "1 or more")
        self._check("rules", all(rule.statuses or rule.when for rule in self.rules), "rules with statuses or when")
        self._check("rate", not self.rate or (self.rate.requests > 0 and self.rate.seconds > 0), "more than nothing")
        if self.format != "json" or self.single:
            self._check("pagination", not self.pagination.values, "no paths in an answer that is not one JSON document")
        self._check("page_limit", self.page_limit >= 1, "1 or more")
        self._check("schedule", re.fullmatch(r"(cron|rate|at)\(.+\)", self.schedule), "cron(…), rate(…) or at(…)")
        self._check("memory_mib", 128 <= self.memory_mib <= 10240, "128 to 10240")
        self._check("timeout_s", 30 <= self.timeout_s <= 900, "30 to 900")
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, OSError, ValueError):  # what zoneinfo raises: unknown key, a folder, a path
            self._check("time_zone", False, "an IANA zone such as Europe/Berlin")

    def request(self, cursor: str | None) -> Request:
        """Give the request for the page at ``cursor``, None for the first. A source may override it."""
        url = self.path
        first = Request(url=url, parameters=self.parameters, headers=self.headers, body=self.body)
        return self.pagination.ask(first, cursor)

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Give the cursor of the page behind ``answer``, None at the end. A source may override it."""
        return None if self.pagination.over(answer) else self.pagination.following(cursor, answer)

    def transform(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Give the record as it shall be written, or None to leave it out. A source may override it."""
        return self.change.apply(record) if self.change else record

    @property
    def transforms(self) -> bool:
        """Whether records are made into objects and changed."""
        return self.change is not None or type(self).transform is not Source.transform

    def _check(self, field: str, good: object, takes: str) -> None:
        if not good:
            raise SettingsError(f"Source.{field} is {getattr(self, field)!r}; it takes {takes}")
