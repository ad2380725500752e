"""HTTP/1.1 over one socket, as much of it as S3 needs.

The standard library's client parses headers as e-mail. To load that parser, and to run it on each answer, took a pipe
more time than anything else except moving bytes. Figures: docs/decisions/0004-pipe-body.md.
"""

import re
import select
import socket
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

Buffer: TypeAlias = bytes | bytearray | memoryview
CONNECT_S, READ_S, _AFTER_RESET_S = 10.0, 60.0, 2.0
_STATUS = re.compile(r"(HTTP/1\.[01]) ([1-9][0-9]{2})(?: .*)?")
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")
_PIECE, _HEAD, _LONGEST_HEAD = 1024 * 1024, 16 * 1024, 256 * 1024


class BrokenResponse(OSError):
    """The answer ended too early, or is not HTTP."""


class StaleConnection(BrokenResponse):
    """The server closed an idle connection, and answered nothing to this request."""


class HttpConnection:
    """A connection to one host. The first exchange opens it.

    Timeouts: 10 seconds to connect, 60 seconds for the server to accept the next MiB or to send a byte. One exchange
    at a time. After an OSError, close it.

    Args:
        host: With its port, unless it is the port of the scheme.
    """

    def __init__(self, host: str, tls: "ssl.SSLContext | None") -> None:
        self._host, self._tls = host, tls
        self._socket: socket.socket | None = None
        self._got = b""
        self._answered = False  # True once a byte of the current answer has come
        # A read of a plain socket returns when all bytes have come: fewer thread switches. TLS has no such flag.
        self._flags = 0 if tls else socket.MSG_WAITALL

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: Buffer = b"") -> "HttpResponse":
        """Send a request and return its answer. Read the body before the next exchange.

        Raises:
            StaleConnection: The connection was used before, and was closed before a byte of the answer came.
            OSError: The connection broke in another way, or timed out.
        """
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if method in {"PUT", "POST"}:
            lines.append(f"content-length: {memoryview(body).nbytes}")
        if self._got:  # the last answer was longer than its length: these bytes would become part of the next answer
            raise BrokenResponse("the answer before this one was longer than its Content-Length")
        kept = self._socket is not None
        try:
            return self._exchange(method, lines, body)
        except TimeoutError:
            raise
        except OSError as error:
            if kept and not self._answered:
                raise StaleConnection(f"the kept connection was closed: {error}") from error
            raise

    def _exchange(self, method: str, lines: list[str], body: Buffer) -> "HttpResponse":
        self._answered = False
        stream = self._socket = self._socket or self._connected()
        try:
            stream.sendall("\r\n".join([*lines, "", ""]).encode())
            rest = memoryview(body).cast("B")
            for start in range(0, len(rest), _PIECE):  # each with its own timeout, so a slow line is no error
                stream.sendall(rest[start : start + _PIECE])
        except BlockingIOError:
            raise TimeoutError(f"the server read nothing for {READ_S:.0f} s") from None
        except (BrokenPipeError, ConnectionResetError):
            # S3 refuses some bodies before all bytes have arrived. Its answer, if it came, has the reason.
            stream.settimeout(_AFTER_RESET_S)
        status, answer = self._head()
        while status < 200:
            status, answer = self._head()
        return HttpResponse(self, status, answer, empty=method == "HEAD" or status in {204, 304})

    @property
    def quiet(self) -> bool:
        """True if nothing came since the last answer. After unexpected bytes, or the end, it cannot be used again."""
        if self._got or self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close it, if it is open."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def receive(self, buffer: memoryview) -> int:
        """Read the next bytes into the buffer and return their number; 0 if the server has closed."""
        if self._got:
            count = min(len(self._got), len(buffer))
            buffer[:count], self._got = self._got[:count], self._got[count:]
            return count
        return self._receive(buffer, self._flags)

    def line(self) -> bytes:
        """Return the next line, without its end."""
        while b"\r\n" not in self._got:
            self._more()
        line, _, self._got = self._got.partition(b"\r\n")
        return line

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._got:
            self._more()
        head, _, self._got = self._got.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        found = _STATUS.fullmatch(first)
        if not found:
            raise BrokenResponse(f"no HTTP: {first[:50]!r}")
        headers = _headers(lines)
        if found[1] == "HTTP/1.0":
            headers.setdefault("connection", "close")
        return int(found[2]), headers

    def _more(self) -> None:
        if len(self._got) > _LONGEST_HEAD:
            raise BrokenResponse(f"more than {_LONGEST_HEAD} bytes without the end of a header")
        got = memoryview(bytearray(_HEAD))
        count = self._receive(got)
        if not count:
            raise BrokenResponse("the connection was closed before an answer came")
        self._answered = True
        self._got += got[:count]

    def _receive(self, buffer: memoryview, flags: int = 0) -> int:
        try:
            return self._open().recv_into(buffer, len(buffer), flags)
        except BlockingIOError:  # the timeout of the system
            raise TimeoutError(f"nothing came for {READ_S:.0f} s") from None

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise BrokenResponse("the connection is closed")
        return self._socket

    def _connected(self) -> socket.socket:
        where = urlsplit(f"//{self._host}")
        host, port = where.hostname or "", where.port or (443 if self._tls else 80)
        stream = socket.create_connection((host, port), CONNECT_S)
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                stream = self._tls.wrap_socket(stream, server_hostname=host)
                stream.settimeout(READ_S)
            else:
                _set_system_timeout(stream)
        except BaseException:
            stream.close()
            raise
        return stream


def _headers(lines: list[str]) -> dict[str, str]:
    """Return the headers by lower-case name; the values of a repeated one are joined by a comma.

    Raises:
        BrokenResponse: A line is not a header, or the length of the body is not a number: its end would be a guess.

    Source: RFC 9112, sections 5 and 6.3.
    """
    headers: dict[str, str] = {}
    for line in lines:
        name, mark, value = line.partition(":")
        if not mark or not name or name != name.strip():
            raise BrokenResponse(f"no header: {line[:50]!r}")
        before = headers.get(name.lower())
        headers[name.lower()] = value.strip() if before is None else f"{before}, {value.strip()}"
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise BrokenResponse(f"no length: {length[:50]!r}")
    return headers


def _set_system_timeout(stream: socket.socket) -> None:
    """Set a timeout of READ_S in the system. A timeout in Python makes two system calls of each read."""
    stream.settimeout(None)
    for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        stream.setsockopt(socket.SOL_SOCKET, direction, struct.pack("ll", int(READ_S), 0))


class HttpResponse:
    """An answer. Its body can be read once; a body that ends too early raises BrokenResponse.

    Attributes:
        headers: By lower-case name.
    """

    def __init__(self, connection: HttpConnection, status: int, headers: Mapping[str, str], *, empty: bool) -> None:
        self.status, self.headers = status, headers
        self._connection = connection
        self._chunked = not empty and "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length")
        # Bytes left of the body, or of its chunk. None: all bytes until the connection is closed.
        self._left = 0 if empty or self._chunked else int(length) if length is not None else None
        self._ended = self._left == 0 and not self._chunked

    @property
    def reusable(self) -> bool:
        """True if the connection can be used again: the body was read, and neither side closes it."""
        return self._ended and self._left is not None and "close" not in self.headers.get("connection", "").lower()

    def readinto(self, buffer: memoryview) -> int:
        """Read once into the buffer and return the number of bytes; 0 at the end."""
        if self._chunked and not self._left and not self._ended:
            self._next_chunk()
        if self._ended or not len(buffer):
            return 0
        count = self._connection.receive(buffer if self._left is None else buffer[: self._left])
        if self._left is None:
            self._ended = count == 0
            return count
        if count == 0:
            raise BrokenResponse(f"the answer was cut with {self._left} bytes to come")
        self._left -= count
        if not self._left:
            self._after()
        return count

    def read(self, amount: int | None = None) -> bytes:
        """Return the next `amount` bytes, fewer only at the end. Without `amount`, return all that is left."""
        taken = bytearray()
        while amount is None or len(taken) < amount:
            piece = bytearray(min(_PIECE, (amount - len(taken) if amount is not None else self._left) or _HEAD))
            count = self.readinto(memoryview(piece))
            if not count:
                break
            taken += memoryview(piece)[:count]
        return bytes(taken)

    def _after(self) -> None:
        if not self._chunked:
            self._ended = True
        elif self._connection.line():
            raise BrokenResponse("a chunk of the answer is longer than its stated size")

    def _next_chunk(self) -> None:
        size = self._connection.line().partition(b";")[0].strip()
        if not _HEXADECIMAL.fullmatch(size):
            raise BrokenResponse(f"no size of a chunk: {size[:20]!r}")
        self._left = int(size, 16)
        if not self._left:
            while self._connection.line():  # trailers
                pass
            self._ended = True
