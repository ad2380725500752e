"""HTTP/1.1 over one socket, as much of it as S3 speaks.

The standard library's client reads headers by the parser of e-mail: to load it, and to run it on each answer, took a
pipe more time than all else that it does but move bytes; docs/decisions/0004-pipe-body.md has the figures.
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


class Broken(OSError):
    """The answer ended before its time, or is no HTTP."""


class Stale(Broken):
    """The other side closed a connection that was kept, and answered nothing to this request."""


class Connection:
    """A connection to ``host`` (with its port, if that is not the scheme's); opened by the first exchange.

    Waits 10 seconds for the connection, and 60 for the other side to take the next MiB or to say anything. One exchange
    at a time; fails with OSError, and is to be closed then.
    """

    def __init__(self, host: str, tls: "ssl.SSLContext | None") -> None:
        self._host, self._tls = host, tls
        self._socket: socket.socket | None = None
        self._got = b""
        self._heard = False  # whether a byte of the answer to the request on its way has come
        # A read of a plain socket comes back when all is there: fewer turns between the threads. TLS has no such thing.
        self._flags = 0 if tls else socket.MSG_WAITALL

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: Buffer = b"") -> "Response":
        """Send a request and return its answer, whose body is still to be read before the next.

        Raises:
            Stale: The connection had been used before, and was closed before a byte of the answer came.
            OSError: It was closed or broke otherwise, or nothing came in time.
        """
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if method in {"PUT", "POST"}:
            lines.append(f"content-length: {memoryview(body).nbytes}")
        if self._got:  # the last answer was longer than it said: these bytes would be taken for this one's
            raise Broken("the answer before this one was longer than it says")
        kept = self._socket is not None
        try:
            return self._exchange(method, lines, body)
        except TimeoutError:
            raise
        except OSError as error:
            if kept and not self._heard:
                raise Stale(f"the kept connection was closed: {error}") from error
            raise

    def _exchange(self, method: str, lines: list[str], body: Buffer) -> "Response":
        self._heard = False
        stream = self._socket = self._socket or self._connected()
        try:
            stream.sendall("\r\n".join([*lines, "", ""]).encode())
            rest = memoryview(body).cast("B")
            for start in range(0, len(rest), _PIECE):  # each with its own minute, however slow the line is
                stream.sendall(rest[start : start + _PIECE])
        except BlockingIOError:
            raise TimeoutError(f"nothing was taken for {READ_S:.0f} s") from None
        except (BrokenPipeError, ConnectionResetError):
            # S3 refuses some bodies before they have all arrived: its answer says why, if it is there.
            stream.settimeout(_AFTER_RESET_S)
        status, answer = self._head()
        while status < 200:
            status, answer = self._head()
        return Response(self, status, answer, empty=method == "HEAD" or status in {204, 304})

    @property
    def quiet(self) -> bool:
        """Whether nothing came since the last answer: bytes nobody asked for, or the end, make it of no more use."""
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
        """Fill a part of the buffer with what comes next, and say how much; 0 when the other side has closed."""
        if self._got:
            count = min(len(self._got), len(buffer))
            buffer[:count], self._got = self._got[:count], self._got[count:]
            return count
        return self._receive(buffer, self._flags)

    def line(self) -> bytes:
        """Give the next line, without its end."""
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
            raise Broken(f"no HTTP: {first[:50]!r}")
        headers = _headers(lines)
        if found[1] == "HTTP/1.0":
            headers.setdefault("connection", "close")
        return int(found[2]), headers

    def _more(self) -> None:
        if len(self._got) > _LONGEST_HEAD:
            raise Broken(f"more than {_LONGEST_HEAD} bytes without the end of a header")
        got = memoryview(bytearray(_HEAD))
        count = self._receive(got)
        if not count:
            raise Broken("the connection was closed before an answer came")
        self._heard = True
        self._got += got[:count]

    def _receive(self, buffer: memoryview, flags: int = 0) -> int:
        try:
            return self._open().recv_into(buffer, len(buffer), flags)
        except BlockingIOError:  # how the system says that its time is over
            raise TimeoutError(f"nothing came for {READ_S:.0f} s") from None

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise Broken("the connection is closed")
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
                _time_in_the_system(stream)
        except BaseException:
            stream.close()
            raise
        return stream


def _headers(lines: list[str]) -> dict[str, str]:
    """Return the headers by lower-case name; the values of a repeated one are joined by a comma.

    Raises:
        Broken: A line is no header, or the length of the body is no number: where the body ends would be a guess.

    Source: RFC 9112, sections 5 and 6.3.
    """
    headers: dict[str, str] = {}
    for line in lines:
        name, mark, value = line.partition(":")
        if not mark or not name or name != name.strip():
            raise Broken(f"no header: {line[:50]!r}")
        before = headers.get(name.lower())
        headers[name.lower()] = value.strip() if before is None else f"{before}, {value.strip()}"
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Broken(f"no length: {length[:50]!r}")
    return headers


def _time_in_the_system(stream: socket.socket) -> None:
    """Have the system end waits after READ_S: for Python to do it, no call may wait, and each is two."""
    stream.settimeout(None)
    for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        stream.setsockopt(socket.SOL_SOCKET, direction, struct.pack("ll", int(READ_S), 0))


class Response:
    """An answer, its ``headers`` by their names in lower case; its body is read once, and fails with Broken if cut."""

    def __init__(self, connection: Connection, status: int, headers: Mapping[str, str], *, empty: bool) -> None:
        self.status, self.headers = status, headers
        self._connection = connection
        self._chunked = not empty and "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length")
        # What is left of the body, or of its chunk; None: all until the connection is closed.
        self._left = 0 if empty or self._chunked else int(length) if length is not None else None
        self._ended = self._left == 0 and not self._chunked

    @property
    def reusable(self) -> bool:
        """Whether the connection can take another request: the body was read, and neither side means to close."""
        return self._ended and self._left is not None and "close" not in self.headers.get("connection", "").lower()

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as one read of the socket gives and say how far; 0 is the end."""
        if self._chunked and not self._left and not self._ended:
            self._next_chunk()
        if self._ended or not len(buffer):
            return 0
        count = self._connection.receive(buffer if self._left is None else buffer[: self._left])
        if self._left is None:
            self._ended = count == 0
            return count
        if count == 0:
            raise Broken(f"the answer was cut with {self._left} bytes to come")
        self._left -= count
        if not self._left:
            self._after()
        return count

    def read(self, amount: int | None = None) -> bytes:
        """Give the next ``amount`` bytes, fewer only at the end; all that is left without ``amount``."""
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
            raise Broken("a chunk of the answer is longer than it says")

    def _next_chunk(self) -> None:
        size = self._connection.line().partition(b";")[0].strip()
        if not _HEXADECIMAL.fullmatch(size):
            raise Broken(f"no size of a chunk: {size[:20]!r}")
        self._left = int(size, 16)
        if not self._left:
            while self._connection.line():  # trailers
                pass
            self._ended = True
