"""What shows that the bytes read are those that S3 was given: the checksum that it keeps, of the whole or by parts."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from brigade.s3.checksum import ChecksumAlgorithm, find_algorithm
from brigade.s3.objects import ObjectHead

_CRCS = ("CRC64NVME", "CRC32C", "CRC32")
_HASHES = {"SHA256": "sha256", "SHA1": "sha1"}


class Running(Protocol):
    """A checksum of bytes that come in order."""

    def update(self, block: memoryview) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Give the checksum of what came."""


class Crc:
    """A running CRC."""

    def __init__(self, checksum: ChecksumAlgorithm) -> None:
        self._checksum, self._value = checksum, 0

    def update(self, block: memoryview) -> None:
        """Take the next bytes."""
        self._value = self._checksum.update(block, self._value)

    def digest(self) -> bytes:
        """Give the checksum of what came."""
        return self._value.to_bytes(self._checksum.size, "big")


class Parts:
    """A checksum of the checksums of parts, whose ``sizes`` come in order; ``digest`` is that of the parts' digests."""

    def __init__(self, new: Callable[[], Running], sizes: Iterator[int]) -> None:
        self._new, self._sizes = new, sizes
        self._part, self._left, self._digests = new(), next(sizes, 0), bytearray()

    def update(self, block: memoryview) -> None:
        """Take the next bytes."""
        while len(block):
            if not self._left:
                self._digests += self._part.digest()
                self._part, self._left = self._new(), next(self._sizes, len(block))
            count = min(self._left, len(block))
            self._part.update(block[:count])
            self._left -= count
            block = block[count:]

    def digest(self) -> bytes:
        """Give the checksum of what came."""
        outer = self._new()
        outer.update(memoryview(self._digests + self._part.digest()))
        return outer.digest()


class Proof:
    """Compare a stream with what S3 keeps of it; ``name`` says by what: ``CRC64NVME``, ``CRC32 of parts``, ``MD5``."""

    def __init__(self, name: str, running: Running, expected: str, text: Callable[[bytes], str]) -> None:
        self.name, self._running, self._expected, self._text = name, running, expected, text

    def update(self, block: memoryview) -> None:
        """Take the next bytes."""
        self._running.update(block)

    def mismatch(self) -> str | None:
        """Say how what came differs from what S3 keeps, or None if it does not."""
        found = self._text(self._running.digest())
        return None if found == self._expected else f"{self.name} {found}, S3 keeps {self._expected}"


def proof(found: ObjectHead, sizes: Callable[[int], Iterator[int]]) -> Proof | None:
    """Choose the best proof that S3 keeps of this version; None if there is none.

    ``sizes`` gives the sizes of so many parts. Every object of S3 since December 2024 has a CRC; an older one is proved
    by its ETag, which is MD5 unless the object is encrypted by KMS or a customer's key.
    """
    for name in (*_CRCS, *_HASHES):
        if name in found.checksums:
            return _kept(name, found.checksums[name], sizes)
    etag = found.etag.strip('"')
    if found.etag_is_md5:
        digest, _, count = etag.partition("-")
        if not count:
            return Proof("MD5", _hash("md5"), digest, bytes.hex)
        return Proof("MD5 of parts", Parts(lambda: _hash("md5"), sizes(int(count))), digest, bytes.hex)
    return None


def _kept(name: str, value: str, sizes: Callable[[int], Iterator[int]]) -> Proof:
    crc = find_algorithm(name)
    new: Callable[[], Running] = (lambda: Crc(crc)) if crc else (lambda: _hash(_HASHES[name]))
    expected, _, count = value.partition("-")
    if not count:
        return Proof(name, new(), expected, _base64)
    return Proof(f"{name} of parts", Parts(new, sizes(int(count))), expected, _base64)


def _hash(name: str) -> Any:
    return hashlib.new(name, usedforsecurity=False)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
