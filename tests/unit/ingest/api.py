"""A real HTTP server on loopback that answers as a test says."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from brigade.ingest.declare.api_source import ApiSource
from brigade.ingest.declare.pagination import Cursor
from brigade.ingest.read.http import ApiReader


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """What Content-Length says, if not the truth."""
    closes: bool = False
    """The connection is closed without an answer."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Server:
    """``answer`` gets the number of the request, from 1, and its query."""

    url: str
    answer: Callable[[int, dict[str, str]], Answer]
    queries: list[dict[str, str]] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)


@contextlib.contextmanager
def serving(answer: Callable[[int, dict[str, str]], Answer]) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            server.queries.append(query)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.requests.append(Asked(urlsplit(self.path).path, dict(self.headers.items()), body))
            given = server.answer(len(server.queries), query)
            if given.closes:
                self.close_connection = True
                return
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body) if given.length is None else given.length))
            self.end_headers()
            self.wfile.write(given.body)
            self.close_connection = given.length is not None

        do_POST = do_GET  # noqa: N815 - the name that the standard library calls

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listening.server_address[1]}", answer)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def source(**changes: Any) -> ApiSource:
    declared: dict[str, Any] = {
        "base_url": "http://127.0.0.1:1",
        "path": "/records",
        "records": "rows",
        "pagination": Cursor(at="next", parameter="after"),
        "schedule": "rate(1 day)",
    }
    return ApiSource(**(declared | changes))


def api(server: Server, declared: ApiSource | None = None, remaining: float = 900.0) -> ApiReader:
    return ApiReader(declared or source(), server.url, lambda: remaining)


def page(rows: list[Any], token: str | None) -> Answer:
    return Answer(json.dumps({"rows": rows, "next": token}).encode(), headers={"Content-Type": "application/json"})


def paged(pages: list[list[Any]]) -> Callable[[int, dict[str, str]], Answer]:
    """Answer with the page whose number is the token: no token is the first."""

    def answer(_: int, query: dict[str, str]) -> Answer:
        number = int(query.get("after", "0"))
        return page(pages[number], str(number + 1) if number + 1 < len(pages) else None)

    return answer
