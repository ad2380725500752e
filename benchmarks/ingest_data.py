"""Pages like those of the incident and of others, and an API that serves them from memory on loopback."""

import json
import random
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_TOKEN = b"T%07d"
_PLACE = b"T0000000"


def wide(count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Return records of 33 KB with long, repetitive attribute lists, like the records of the incident."""
    return [
        {"id": number, "updated": "2026-11-22T05:30:00Z", "score": chance.random(), "attributes": _attributes(chance)}
        for number in range(count)
    ]


def _attributes(chance: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "name": f"attribute_{number}",
            "type": chance.choice(["text", "number", "date"]),
            "value": chance.choice(["yes", "no", "unknown", "n/a"]),
            "label": "An attribute of the record, as the catalogue has it",
            "unit": None,
            "valid": True,
        }
        for number in range(234)
    ]


def narrow(count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Return records of about 300 bytes."""
    return [
        {
            "id": number,
            "name": f"name {chance.random()}",
            "city": chance.choice("abcdefg") * 9,
            "latitude": chance.random(),
            "longitude": chance.random(),
            "tags": ["alpha", "beta"],
            "note": "The quick brown fox jumps over the lazy dog " * 2,
            "updated": "2026-11-22T05:30:00Z",
        }
        for number in range(count)
    ]


def noise(count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Return records of 4 KB that barely compress."""
    return [{"id": number, "noise": chance.randbytes(2000).hex()} for number in range(count)]


_KINDS = {"wide": (wide, 165), "narrow": (narrow, 18_000), "random": (noise, 1_350)}


def page(kind: str) -> bytes:
    """Return one page of about 5.5 MB with a placeholder for its token."""
    make, count = _KINDS[kind]
    rows = make(count, random.Random(1))
    return json.dumps({"rows": rows, "next": _PLACE.decode()}, separators=(",", ":")).encode()


def records(kind: str) -> int:
    """Return the number of records in a page."""
    return _KINDS[kind][1]


def pages(kind: str, count: int) -> Iterator[bytes]:
    """Yield this number of pages. Each has the token of the next page, and the last has an empty token."""
    body = page(kind)
    for number in range(1, count + 1):
        yield numbered(body, number, count)


def numbered(body: bytes, number: int, count: int) -> bytes:
    """Put the token of the page behind ``number`` into a page; it is at the end."""
    head, _, tail = body.rpartition(_PLACE)
    return b"%b%b%b" % (head, _TOKEN % number if number < count else b"", tail)


def serve(kind: str, count: int) -> None:
    """Serve the pages until stdin closes; the first line of stdout is the port."""
    body = page(kind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            number = int(query.get("after", "T0")[1:]) + 1
            answer = numbered(body, number, count)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    print(listening.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
