"""A proxy that breaks answers to ranged reads, loses that to Complete, or changes a part on its way up.

microburst leaves no Content-Length on the answer to HEAD, which both need.
"""

import re
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

REFUSAL = b"HTTP/1.1 %d Fault\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
RANGE = re.compile(rb"(?i)\r\nrange: bytes=(\d+)-")
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


class Cutting(socketserver.ThreadingTCPServer):
    """Forward each request on a connection of its own; the next ``faults`` go to the ranged reads that come.

    ``ranges`` are where those began.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.faults: list[str] = []
        self.ranges: list[int] = []
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    server: Cutting

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            got = self.request.recv(65536)
            if not got:
                return
            head += got
        fault = ""
        with self.server.lock:
            ranged = head.startswith(b"GET") and b"\r\nrange:" in head.lower()
            if ranged:
                self.server.ranges.append(int(RANGE.findall(head)[0]))
            next_fault = self.server.faults[0] if self.server.faults else ""
            meant = {"lost": b"x-amz-mp-object-size" in head, "up": b"partnumber=" in head.lower()}
            if next_fault and meant.get(next_fault, ranged):
                fault = self.server.faults.pop(0)
        if fault.isdigit():
            self.request.sendall(REFUSAL % (int(fault), 0, b""))
        elif fault == "expired":
            self.request.sendall(REFUSAL % (400, len(EXPIRED), EXPIRED))
        elif fault == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self._relay(head, fault)

    def _relay(self, head: bytes, fault: str) -> None:
        with socket.create_connection(self.server.upstream) as upstream:
            line, _, rest = head.partition(b"\r\n")
            upstream.sendall(line + b"\r\nConnection: close\r\n" + rest)
            threading.Thread(target=self._up, args=(upstream, fault == "up"), daemon=True).start()
            sent = 0
            while got := upstream.recv(65536):
                if fault == "lost":
                    continue
                data = bytearray(got)
                if fault == "wrong" and sent > 100_000:
                    data[0] ^= 1
                    fault = ""
                if fault == "cut" and sent > 1_000_000:
                    return
                if fault == "slow":
                    threading.Event().wait(0.002)
                self.request.sendall(data)
                sent += len(data)

    def _up(self, upstream: socket.socket, wrong: bool) -> None:
        try:
            while got := self.request.recv(65536):
                upstream.sendall(bytes([got[0] ^ 1]) + got[1:] if wrong else got)
                wrong = False
        except OSError:
            return


@contextmanager
def cutting(upstream: str, *faults: str) -> Iterator[Cutting]:
    """Run the proxy with these faults to come."""
    with Cutting(upstream) as server:
        server.faults = list(faults)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
