"""Lines to gzip, in whole members: members one after another are one gzip file (RFC 1952, 2.2)."""

from typing import Any

from isal import isal_zlib

LEVEL = 2
_GZIP_WRAPPER = 31


class Gzip:
    """Compress what is written; ``flush`` ends a member, after which what came before stands on its own.

    Memory: a fixed window of some 100 KiB. A member that got no bytes is not written.
    """

    def __init__(self) -> None:
        self._member: Any = None

    def compress(self, block: bytes) -> bytes:
        """Take a block and give the compressed bytes that are ready, possibly none."""
        if self._member is None:
            self._member = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _GZIP_WRAPPER)
        return bytes(self._member.compress(block))

    def flush(self) -> bytes:
        """End the member and give the rest of it."""
        if self._member is None:
            return b""
        rest = bytes(self._member.flush())
        self._member = None
        return rest
