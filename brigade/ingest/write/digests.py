"""Digests of published objects: of their bytes, of their lines, and of their parts in order."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from brigade.codec import Compression, decompress_members

_PIECE = 64 * 1024


class Digests(Struct, frozen=True):
    """SHA-256 in hexadecimal: of the compressed (`packed`) bytes of an object, and of its `plain` lines."""

    packed: str
    plain: str


class RunningDigests:
    """Both digests of bytes as they arrive. Another process cannot continue them."""

    def __init__(self) -> None:
        self.packed: Any = hashlib.sha256()
        self.plain: Any = hashlib.sha256()

    def update(self, compression: Compression, blocks: Iterable[bytes]) -> "RunningDigests":
        """Add compressed members, decompressing 64 KiB at a time. Memory: 66 MiB at most, for gzip."""

        def seen() -> Iterator[bytes]:
            for block in blocks:
                self.packed.update(block)
                yield from (block[at : at + _PIECE] for at in range(0, len(block), _PIECE))

        for lines in decompress_members(compression, seen()):
            self.plain.update(lines)
        return self

    @property
    def digests(self) -> Digests:
        """The digests so far."""
        return Digests(self.packed.hexdigest(), self.plain.hexdigest())


def chain_digest(before: str, part: bytes | bytearray | memoryview) -> str:
    """Return the chained digest of one more part. Another process can continue it, unlike a SHA-256 of all bytes."""
    digest = hashlib.sha256(before.encode())
    digest.update(part)
    return digest.hexdigest()


class PartChain:
    """The chained digest of an object, computed from blocks of any size."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self.value = ""
        self._sizes = iter(sizes)
        self._digest: Any = None
        self._left = 0

    def update(self, block: bytes) -> None:
        """Add the next bytes. Those after the last part do not count."""
        view = memoryview(block)
        while len(view):
            if self._digest is None:
                size = next(self._sizes, None)
                if size is None:
                    return
                self._digest, self._left = hashlib.sha256(self.value.encode()), size
            taken = view[: self._left]
            self._digest.update(taken)
            self._left -= len(taken)
            view = view[len(taken) :]
            if not self._left:
                self.value, self._digest = self._digest.hexdigest(), None
