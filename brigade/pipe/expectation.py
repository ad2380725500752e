"""Expectations of the input: it is published only if they hold."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from brigade.errors import InvalidData, UsageError

TRAILER_WINDOW = 4096


@dataclass
class Expectation:
    """Watch a stream and check at its end that it is complete.

    Attributes:
        size: Expected bytes.
        sha256: Expected SHA-256, in hexadecimal.
        trailer: Bytes that must be in the last 4 KiB. Programs write such a mark last (`PostgreSQL database dump
            complete`).
        digest: True to compute the SHA-256 even if none is expected.
    """

    size: int | None = None
    sha256: str | None = None
    trailer: bytes | None = None
    digest: bool = False
    bytes: int = 0
    _hash: Any = field(default=None, repr=False)
    _tail: bytearray = field(default_factory=bytearray, repr=False)

    def __post_init__(self) -> None:
        if self.sha256 is not None and not re.fullmatch("[0-9A-Fa-f]{64}", self.sha256):
            raise UsageError(f"a SHA-256 is 64 hexadecimal digits, not {self.sha256!r}")
        if self.trailer and len(self.trailer) > TRAILER_WINDOW:
            raise UsageError(f"a trailer has at most {TRAILER_WINDOW} bytes")
        if self.digest or self.sha256:
            self._hash = hashlib.sha256()

    @property
    def hexdigest(self) -> str | None:
        """The SHA-256 of the input; None if it was not computed."""
        return self._hash.hexdigest() if self._hash else None

    def update(self, block: memoryview) -> None:
        """Add the next bytes of the input."""
        self.bytes += len(block)
        if self.size is not None and self.bytes > self.size:
            raise InvalidData(f"the input has more than the {self.size} bytes expected; nothing was published")
        if self._hash:
            self._hash.update(block)
        if self.trailer:
            self._tail += block[-TRAILER_WINDOW:]
            del self._tail[:-TRAILER_WINDOW]

    def check(self) -> None:
        """Raise InvalidData, which names the difference, unless the input is as expected."""
        if self.size is not None and self.bytes != self.size:
            raise InvalidData(f"the input has {self.bytes} bytes, not the {self.size} expected; nothing was published")
        if self.sha256 and self.hexdigest != self.sha256.lower():
            raise InvalidData(
                f"the input's SHA-256 is {self.hexdigest}, not the {self.sha256} expected; nothing was published"
            )
        if self.trailer and self.trailer not in self._tail:
            raise InvalidData(
                f"the input does not end with {self.trailer.decode(errors='replace')!r}: it was cut short; "
                "nothing was published"
            )
