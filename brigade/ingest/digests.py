"""What was published, proved by digests: of the object's bytes, of the lines in them, and of its parts in order."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from brigade.codec import Compression, decompress_members

_PIECE = 64 * 1024


class Digests(Struct, frozen=True):
    """SHA-256 in hexadecimal: of an object's ``packed`` bytes, and of the ``plain`` lines in it."""

    packed: str
    plain: str


class Running:
    """Both digests, of bytes as they come; no other process can take them up."""

    def __init__(self) -> None:
        self.packed: Any = hashlib.sha256()
        self.plain: Any = hashlib.sha256()

    def take(self, compression: Compression, blocks: Iterable[bytes]) -> "Running":
        """Take whole members, unpacking them a piece at a time. Memory: what 64 KiB become, of gzip 66 MiB at most."""

        def seen() -> Iterator[bytes]:
            for block in blocks:
                self.packed.update(block)
                yield from (block[at : at + _PIECE] for at in range(0, len(block), _PIECE))

        for lines in decompress_members(compression, seen()):
            self.plain.update(lines)
        return self

    @property
    def digests(self) -> Digests:
        """Give what they are now."""
        return Digests(self.packed.hexdigest(), self.plain.hexdigest())


def chained(before: str, part: bytes | bytearray | memoryview) -> str:
    """Give the digest of parts with one more: it goes on in another process, unlike a SHA-256 of all bytes."""
    digest = hashlib.sha256(before.encode())
    digest.update(part)
    return digest.hexdigest()


class Chain:
    """The digest of parts, of an object's bytes as they come, in blocks that need not end where a part does."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self.value = ""
        self._sizes = iter(sizes)
        self._digest: Any = None
        self._left = 0

    def take(self, block: bytes) -> None:
        """Take the next bytes; those behind the last part are not counted."""
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
