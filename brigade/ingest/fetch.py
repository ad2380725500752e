"""Ask an API for a page: with timeouts, retries that honour Retry-After, and a limit on what is taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import DecodeError, MaxRetryError, ProtocolError, TimeoutError
from urllib3.util import Retry, Timeout

from brigade.errors import BrigadeError, InvalidData, RetryLater
from brigade.ingest.source import Source

PAGE_LIMIT = 64 * 1024 * 1024
_TRIES = 5
_BACKOFF_S = 0.5
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Api:
    """The API of a source; nothing is contacted before ``page``. ``remaining`` gives the seconds that may be waited.

    Memory: one page of at most 64 MiB, unpacked.
    """

    source: Source
    base_url: str
    remaining: Callable[[], float]

    def address(self, token: str | None) -> str:
        """Give the URL of the page with this token, or of the first."""
        parameters = dict(self.source.parameters)
        if token is not None and self.source.token_parameter:
            parameters[self.source.token_parameter] = token
        query = urlencode(parameters)
        return self.base_url.rstrip("/") + self.source.path + (f"?{query}" if query else "")

    def page(self, token: str | None) -> bytearray:
        """Give the body of the page, whole: a shorter one than the answer's Content-Length says is asked for again.

        Connections that fail, 429 and 5xx are tried again five times, after Retry-After if the API says it, else with
        doubling waits and jitter; connecting may take 10 s, silence 60 s.

        Fails with RetryLater when that does not help or Retry-After is later than the run can wait, with InvalidData
        when the page is larger than allowed, with BrigadeError (the status, the start of the body) on any other answer.
        """
        url = self.address(token)
        for attempt in range(_TRIES):
            try:
                return self._read(url)
            except (ProtocolError, TimeoutError) as error:
                # The body broke off: urllib3 tries again only until the headers are there.
                if attempt == _TRIES - 1:
                    raise RetryLater(f"{url}: the answer broke off {_TRIES} times: {error}") from error
                time.sleep(min(_BACKOFF_S * 2**attempt, max(0.0, self.remaining())))
        raise AssertionError("the last try returns or raises")

    def _read(self, url: str) -> bytearray:
        try:
            with self._pool.request("GET", url, preload_content=False, headers={"Accept-Encoding": "gzip"}) as answer:
                body = bytearray()
                while block := answer.read(_BLOCK, decode_content=True):
                    body += block
                    if len(body) > PAGE_LIMIT:
                        raise InvalidData(f"{url}: the page is larger than {PAGE_LIMIT} bytes; ask for smaller pages")
        except MaxRetryError as error:
            raise RetryLater(f"{url}: no answer after {_TRIES} more tries: {error.reason}") from error
        except DecodeError as error:
            raise InvalidData(f"{url}: the answer is not the gzip that it says it is: {error}") from error
        if answer.status == 200:
            return body
        said = f"{url}: status {answer.status}: {bytes(body[:200]).decode(errors='replace')!r}"
        raise RetryLater(said) if answer.status == 429 or answer.status >= 500 else BrigadeError(said)

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        retry = _Patient(
            total=_TRIES,
            redirect=3,
            backoff_factor=_BACKOFF_S,
            backoff_jitter=_BACKOFF_S,
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_redirect=False,
            raise_on_status=False,
        )
        retry.remaining = self.remaining
        return urllib3.PoolManager(retries=retry, timeout=Timeout(connect=10, read=60), maxsize=1)


class _Patient(Retry):
    """Waits as long as the API asks, but says so at once when that is longer than the run has."""

    remaining: Callable[[], float]

    def new(self, **changes: object) -> "_Patient":
        fresh = super().new(**changes)
        fresh.remaining = self.remaining
        return fresh

    def sleep_for_retry(self, response: urllib3.BaseHTTPResponse) -> bool:
        """Wait for what Retry-After says, if it says anything."""
        wait = self.get_retry_after(response)
        if wait and wait > self.remaining():
            raise RetryLater(f"the API asks to wait {wait:.0f} s (Retry-After), longer than this run has left")
        return super().sleep_for_retry(response)
