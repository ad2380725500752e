"""The declaration of a source: which API, how it pages, when it runs, what it may use. Importing it does nothing."""

import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from brigade.errors import SettingsError


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
    records: str
    """Where the array of records is in the answer: names with dots between (``data.items``); ``""``: all of it."""
    token: str | None = None
    """Where the next page's token is in the answer, dotted; absent, null or empty ends. None: there is one page."""
    token_parameter: str | None = None
    """The query parameter that carries the token."""
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
        self._check("token_parameter", bool(self.token) == bool(self.token_parameter), "given exactly if token is")
        self._check("page_limit", self.page_limit >= 1, "1 or more")
        self._check("schedule", re.fullmatch(r"(cron|rate|at)\(.+\)", self.schedule), "cron(…), rate(…) or at(…)")
        self._check("memory_mib", 128 <= self.memory_mib <= 10240, "128 to 10240")
        self._check("timeout_s", 30 <= self.timeout_s <= 900, "30 to 900")
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, OSError, ValueError):  # what zoneinfo raises: unknown key, a folder, a path
            self._check("time_zone", False, "an IANA zone such as Europe/Berlin")

    def _check(self, field: str, good: object, takes: str) -> None:
        if not good:
            raise SettingsError(f"Source.{field} is {getattr(self, field)!r}; it takes {takes}")
