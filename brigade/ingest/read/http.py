"""Read pages from an HTTP API, with timeouts, retry rules, rate limits and a limit on the page size."""

import collections
import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urljoin

import urllib3
from urllib3.exceptions import DecodeError, HTTPError, MaxRetryError
from urllib3.util import Retry, Timeout

from brigade.codec import GZIP_MAGIC
from brigade.errors import BrigadeError, InvalidData, RetryLater, SettingsError
from brigade.ingest.declare.api_source import ApiSource
from brigade.ingest.declare.request import Request, Response
from brigade.ingest.read.credentials import Credentials, NoCredentials, open_credentials
from brigade.ingest.read.decompress import unpack_content, unpack_file
from brigade.ingest.read.reader import PAGE_LIMIT, ReaderFactory, ReaderSetup
from brigade.ingest.read.retry import is_retryable, requested_wait
from brigade.ingest.state.position import narrow_to_window
from brigade.masking import mask_start
from brigade.retry import backoff
from brigade.urls import BASE_URL, is_base_url

_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 60.0
_LONGEST_SLEEP_S, _SPARE_S = 86400.0, 5.0  # a command has no time limit, and time.sleep rejects centuries
_BLOCK = 1024 * 1024


@dataclass
class ApiReader:
    """Reads the pages of an API. Nothing is contacted before the first page.

    Memory: one decompressed page of at most 64 MiB.

    Attributes:
        source: The declared API.
        base_url: The base URL in this stage.
        remaining: Returns the seconds that the reader may still wait.
        credentials: The credentials of the requests.
        narrowed: Returns the source with the parameters of its read window, when it is first needed; None: everything
            is requested.
    """

    source: ApiSource
    base_url: str
    remaining: Callable[[], float]
    credentials: Credentials = field(default_factory=NoCredentials)
    narrowed: Callable[[], ApiSource] | None = None
    requests: int = field(default=0, init=False)
    retries: int = field(default=0, init=False)
    waited_s: float = field(default=0.0, init=False)
    bytes_in: int = field(default=0, init=False)

    def address(self, cursor: str | None) -> str:
        """Return the URL of the page at the cursor, without credentials."""
        return self._url(self._declared.request(cursor))

    def page(self, cursor: str | None) -> Response:
        """Return the page at the cursor; None is the first page."""
        return self._declared.page(self.ask, cursor)

    def ask(self, request: Request) -> Response:
        """Send a request and return the whole response. A response shorter than its Content-Length is requested again.

        The rules of the source decide about a response. Without a rule, broken connections, 429 and 5xx are retried
        `tries` times: after Retry-After or a reset header, or with exponential backoff and jitter. 401 refreshes the
        credentials once.

        Raises:
            RetryLater: No attempt succeeded, or the wait is longer than the run has left; then `after_s` is the wait in
                seconds.
            InvalidData: The page is larger than 64 MiB.
            BrigadeError: The API returned any other response. The message has its status and the start of its body.
        """
        return self._ask(request, self._whole)

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Response]:
        """Return a response of any size as decompressed blocks of about 1 MiB, and the response without a body.

        Requests are retried as in `ask` until the first block. After it, a broken connection raises RetryLater.
        """
        reply = self._ask(self._declared.request(cursor), self._blocks)
        return _unbroken(iter(reply.body), reply.url), reply

    def close(self) -> None:
        """Close the connections. The next request opens new ones."""
        self._pool.clear()

    def _ask(self, asked: Request, take: "Callable[[urllib3.BaseHTTPResponse, str], Any]") -> Response:
        url, renewed = self._url(asked), False
        for attempt in range(1, self.source.tries + 1):
            self._keep_the_rate()
            request = self.credentials.authorize(asked)
            wait = None
            try:
                answer = self._send(request)
                good = answer.status == 200
                body = take(answer, url) if good else answer.read(_BLOCK, decode_content=True)
                act = self._act(answer.status, answer.headers, body)
                said = "" if good and act == "take" else f"status {answer.status}: {_start(body)}"
                wait = requested_wait(answer.status, answer.headers)
            except DecodeError as error:
                raise InvalidData(f"{url}: Content-Encoding is gzip, but the body is no valid gzip: {error}") from error
            except HTTPError as error:
                reason = error.reason if isinstance(error, MaxRetryError) else error
                act, said = "retry", f"{type(reason).__name__}: {reason}"
            if act == "take" or act == "ignore":
                body = body if act == "take" else b""
                return Response(body, answer.headers, url, act == "ignore", _answered(url, answer))
            if act == "refresh" and not renewed and self.credentials.renew():
                renewed = True
            elif act != "retry":
                raise BrigadeError(f"{url}: {said}")
            elif attempt == self.source.tries:
                break
            else:
                self._wait(attempt, wait)
            self.retries += 1
        raise RetryLater(f"{url}: no successful response in {self.source.tries} tries: {said}")

    def _act(self, status: int, headers: Mapping[str, str], body: Any) -> str:
        seen = bytes(body) if isinstance(body, bytes | bytearray) else b""
        for rule in self.source.rules:
            if status in rule.statuses or (rule.when and rule.when(status, headers, seen)):
                return rule.act
        if status == 200:
            return "take"
        if status == 401:
            return "refresh"
        return "retry" if is_retryable(status) else "fail"

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
        url = url.partition("#")[0]  # a fragment is not sent
        query = urlencode(request.parameters, doseq=True)
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    def _whole(self, answer: urllib3.BaseHTTPResponse, url: str) -> bytes | bytearray:
        size = answer.length_remaining
        if size and size <= PAGE_LIMIT and "Content-Encoding" not in answer.headers:
            with answer:
                block = answer.read(decode_content=False)  # one read needs a third of the time of many
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
    def _declared(self) -> ApiSource:
        return self.narrowed() if self.narrowed else self.source

    @cached_property
    def _asked(self) -> "collections.deque[float]":
        return collections.deque()

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        # Only redirects are followed. To another host they carry no credentials.
        secret = {
            "Authorization",
            "Cookie",
            "Proxy-Authorization",
            *self.credentials.header_names,
            *self.source.headers,
        }
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
    """Yield the blocks of a response. Raise RetryLater if the connection breaks."""
    try:
        yield from blocks
    except HTTPError as error:
        raise RetryLater(f"{url}: the answer broke off: {type(error).__name__}") from error


def _answered(url: str, answer: urllib3.BaseHTTPResponse) -> str:
    """Return the URL that responded, after redirects."""
    for step in answer.retries.history if answer.retries else ():
        url = urljoin(url, step.redirect_location or "")
    return url


def _start(body: Any) -> str:
    return repr(mask_start(body, 200)) if isinstance(body, bytes | bytearray) else "''"


def open_reader(source: ApiSource, setup: ReaderSetup) -> ReaderFactory:
    """Return a factory for readers of an API.

    Raises:
        SettingsError: The URL of this stage is not a base URL. The message does not show it.
    """
    if setup.url is not None and not is_base_url(setup.url):
        raise SettingsError(f"{setup.name}: the URL of this stage (source_urls in cdk.json) takes {BASE_URL}")
    credentials = open_credentials(source.authentication, setup.client, setup.state, setup.name)

    def open_page_reader(remaining: Callable[[], float], date: str | None) -> ApiReader:
        dated = source.for_date(date) if date else source
        narrow = None
        if source.since and date:
            narrow = functools.partial(
                narrow_to_window, dated, setup.state, setup.name, date, keep_window=setup.keep_window
            )
        return ApiReader(dated, setup.url or source.base_url, remaining, credentials, narrow)

    return open_page_reader
