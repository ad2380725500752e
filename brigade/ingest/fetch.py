"""Ask an API for a page: with timeouts, rules, patience that is never shortened, and a limit on what is taken."""

import collections
import contextlib
import email.utils
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urljoin

import urllib3
from msgspec import Struct
from urllib3.exceptions import DecodeError, HTTPError, MaxRetryError
from urllib3.util import Retry, Timeout

from brigade.codec import GZIP_MAGIC
from brigade.errors import BrigadeError, InvalidData, RetryLater
from brigade.ingest.credentials import Anonymous, Credentials
from brigade.ingest.request import Request
from brigade.ingest.source import Source
from brigade.ingest.unpack import unpack_content, unpack_file
from brigade.masking import mask
from brigade.retry import backoff

PAGE_LIMIT = 64 * 1024 * 1024
_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 60.0
_LONGEST_SLEEP_S, _SPARE_S = 86400.0, 5.0  # a command has no limit of time, and time.sleep refuses centuries
_BLOCK = 1024 * 1024
_RESETS = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset")
_LEFT = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
_MILLISECONDS = 1e11  # a reset above this is in milliseconds: as seconds it would be in the year 5138


class Reply(Struct, frozen=True):
    """The body of a page, unpacked, and what came with it. ``ignored``: a rule says that it is empty and the last."""

    body: Any
    headers: Mapping[str, str]
    url: str
    ignored: bool = False
    base: str = ""  # the URL that answered, after redirects; empty: `url`


@dataclass
class Api:
    """The API of a source; nothing is contacted before ``page``. ``remaining`` gives the seconds that may be waited.

    Memory: one page of at most 64 MiB, unpacked.
    """

    source: Source
    base_url: str
    remaining: Callable[[], float]
    credentials: Credentials = field(default_factory=Anonymous)
    narrowed: Callable[[], Source] | None = None
    """Gives, when it is first asked, the source with the part of the records that this run is to ask for; None: all."""
    requests: int = field(default=0, init=False)
    retries: int = field(default=0, init=False)
    waited_s: float = field(default=0.0, init=False)
    bytes_in: int = field(default=0, init=False)

    def address(self, cursor: str | None) -> str:
        """Give the URL of the page at the cursor, without credentials."""
        return self._url(self._declared.request(cursor))

    def page(self, cursor: str | None) -> Reply:
        """Give the page, as the source asks for it."""
        return self._declared.page(self.ask, cursor)

    def ask(self, request: Request) -> Reply:
        """Give the answer, whole: a shorter one than its Content-Length says is asked for again.

        What becomes of an answer is said by the rules of the source. Connections that fail, 429 and 5xx are tried
        again as often as the source says, after Retry-After or the reset header if the API says it, else with doubling
        waits and jitter. 401 takes new credentials, once.

        Fails with RetryLater when that does not help, or when the wait is longer than the run can afford; then
        ``after_s`` says how long. With InvalidData when the page is larger than allowed, with BrigadeError (the status,
        the start of the body) on any other answer.
        """
        return self._ask(request, self._whole)

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Reply]:
        """Give an answer of any size, in blocks of some MiB, unpacked; what came with it has no body.

        Tried again as ``ask`` does, until the first block. Behind it, fails with RetryLater when the answer breaks off.
        """
        reply = self._ask(self._declared.request(cursor), self._blocks)
        return _unbroken(iter(reply.body), reply.url), reply

    def close(self) -> None:
        """Give back the connections; the next request makes new ones."""
        self._pool.clear()

    def _ask(self, asked: Request, take: "Callable[[urllib3.BaseHTTPResponse, str], Any]") -> Reply:
        url, renewed = self._url(asked), False
        for attempt in range(1, self.source.tries + 1):
            self._keep_the_rate()
            request = self.credentials.on(asked)
            wait = None
            try:
                answer = self._send(request)
                good = answer.status == 200
                body = take(answer, url) if good else answer.read(_BLOCK, decode_content=True)
                act = self._act(answer.status, answer.headers, body)
                said = "" if good and act == "take" else f"status {answer.status}: {_start(body)}"
                wait = _asked_wait(answer.status, answer.headers)
            except DecodeError as error:
                raise InvalidData(f"{url}: the answer is not the gzip that it says it is: {error}") from error
            except HTTPError as error:
                reason = error.reason if isinstance(error, MaxRetryError) else error
                act, said = "retry", f"{type(reason).__name__}: {reason}"
            if act == "take" or act == "ignore":
                body = body if act == "take" else b""
                return Reply(body, answer.headers, url, act == "ignore", _answered(url, answer))
            if act == "refresh" and not renewed and self.credentials.renew():
                renewed = True
            elif act != "retry":
                raise BrigadeError(f"{url}: {said}")
            elif attempt == self.source.tries:
                break
            else:
                self._wait(attempt, wait)
            self.retries += 1
        raise RetryLater(f"{url}: no good answer {self.source.tries} times: {said}")

    def _act(self, status: int, headers: Mapping[str, str], body: Any) -> str:
        seen = bytes(body) if isinstance(body, bytes | bytearray) else b""
        for rule in self.source.rules:
            if status in rule.statuses or (rule.when and rule.when(status, headers, seen)):
                return rule.act
        if status == 200:
            return "take"
        if status == 401:
            return "refresh"
        return "retry" if status == 429 or status >= 500 else "fail"

    def _send(self, request: Request) -> urllib3.BaseHTTPResponse:
        self.requests += 1
        headers = {"Accept-Encoding": "gzip", **request.headers}
        body = None
        if request.body is not None:
            body = json.dumps(request.body).encode()
            if not any(name.lower() == "content-type" for name in headers):
                headers["Content-Type"] = "application/json"
        return self._pool.request(
            self.source.method, self._url(request), body=body, headers=headers, preload_content=False
        )

    def _url(self, request: Request) -> str:
        url = urljoin(self.base_url.rstrip("/") + "/", request.url)
        if request.url.startswith("/"):  # also below a base URL that has a path
            url = self.base_url.rstrip("/") + request.url
        url = url.partition("#")[0]  # a fragment is not sent, and nor would be what stands behind it
        query = urlencode(request.parameters, doseq=True)
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    def _whole(self, answer: urllib3.BaseHTTPResponse, url: str) -> bytes | bytearray:
        size = answer.length_remaining
        if size and size <= PAGE_LIMIT and "Content-Encoding" not in answer.headers:
            with answer:
                block = answer.read(decode_content=False)  # at once: a third of the time that pieces take
            self.bytes_in += len(block)
            if not block.startswith(GZIP_MAGIC):
                return block
            blocks = unpack_file(iter([block]), url)
        else:
            blocks = self._blocks(answer, url)
        body = bytearray()
        for block in blocks:
            body += block
            if len(body) > PAGE_LIMIT:
                raise InvalidData(f"{url}: the page is larger than {PAGE_LIMIT} bytes; ask for smaller pages")
        return body

    def _blocks(self, answer: urllib3.BaseHTTPResponse, url: str) -> Iterator[bytes]:
        with answer:
            pieces = iter(lambda: answer.read(_BLOCK, decode_content=False), b"")
            yield from unpack_file(self._counted(unpack_content(pieces, answer.headers, url)), url)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.bytes_in += len(piece)
            yield piece

    def _keep_the_rate(self) -> None:
        rate = self.source.rate
        if rate is None:
            return
        now = time.monotonic()
        while self._asked and self._asked[0] <= now - rate.seconds:
            self._asked.popleft()
        if len(self._asked) >= rate.requests:
            self._sleep(self._asked[0] + rate.seconds - now, f"the rate of the source ({rate.requests} requests)")
            self._asked.popleft()
        self._asked.append(time.monotonic())

    def _wait(self, attempt: int, asked: float | None) -> None:
        if asked is not None:
            self._sleep(asked, "the API (Retry-After)")
        else:
            self._sleep(backoff(attempt, _BACKOFF_S, _LONGEST_BACKOFF_S, least=0.5), "the pause between tries")

    def _sleep(self, seconds: float, who: str) -> None:
        if seconds > min(self.remaining() - _SPARE_S, _LONGEST_SLEEP_S):
            raise RetryLater(f"{who} asks to wait {seconds:.0f} s, longer than this run has left", after_s=seconds)
        self.waited_s += seconds
        time.sleep(max(0.0, seconds))

    @cached_property
    def _declared(self) -> Source:
        return self.narrowed() if self.narrowed else self.source

    @cached_property
    def _asked(self) -> "collections.deque[float]":
        return collections.deque()

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        # Followed are redirects only. To another host they carry none of what says who asks.
        secret = {"Authorization", "Cookie", "Proxy-Authorization", *self.credentials.headers, *self.source.headers}
        retry = Retry(
            total=3,
            redirect=3,
            connect=0,
            read=0,
            status=0,
            other=0,
            raise_on_redirect=False,
            respect_retry_after_header=False,
            remove_headers_on_redirect=secret,
        )
        timeout = Timeout(connect=self.source.connect_timeout_s, read=self.source.read_timeout_s)
        return urllib3.PoolManager(retries=retry, timeout=timeout, maxsize=1)


def _unbroken(blocks: Iterator[bytes], url: str) -> Iterator[bytes]:
    """Yield the blocks of an answer, or raise RetryLater when it breaks off."""
    try:
        yield from blocks
    except HTTPError as error:
        raise RetryLater(f"{url}: the answer broke off: {type(error).__name__}") from error


def _answered(url: str, answer: urllib3.BaseHTTPResponse) -> str:
    """Return the URL that answered: the asked one, or where its redirects lead."""
    for step in answer.retries.history if answer.retries else ():
        url = urljoin(url, step.redirect_location or "")
    return url


def _asked_wait(status: int, headers: Mapping[str, str]) -> float | None:
    """Give the seconds that an answer asks to wait: by Retry-After, seconds or a date, or by when a quota is reset.

    Many APIs tell with every answer when the quota is reset; it is waited for only where it is used up.
    """
    if said := headers.get("Retry-After"):
        with contextlib.suppress(ValueError):
            return float(said) if float(said) >= 0 else None
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    if status != 429 and not any(headers.get(name) == "0" for name in _LEFT):
        return None
    for name in _RESETS:
        with contextlib.suppress(TypeError, ValueError):
            reset = float(headers[name]) if name in headers else None
            if reset is not None and reset >= 0:  # seconds from now, or (milli)seconds since 1970
                since_1970 = reset / 1000 if reset > _MILLISECONDS else reset
                return max(0.0, since_1970 - time.time() if reset > 1e9 else reset)
    return None


def _start(body: Any) -> str:
    """Return how a body starts, masked before it is cut: half a secret could not be recognized any more."""
    if not isinstance(body, bytes | bytearray):
        return "''"
    return repr(mask(bytes(body[:8192]).decode(errors="replace"))[:200])
