"""Verify the bytes of an object by the checksum that S3 stores: of the whole object, or of its parts."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from brigade.s3.checksum import ChecksumAlgorithm, find_algorithm
from brigade.s3.objects import ObjectHead

_CRCS = ("CRC64NVME", "CRC32C", "CRC32")
_HASHES = {"SHA256": "sha256", "SHA1": "sha1"}


class RunningChecksum(Protocol):
    """A checksum of bytes in order."""

    def update(self, block: memoryview) -> None:
        """Add the next bytes."""

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""


class RunningCrc:
    """A running CRC."""

    def __init__(self, checksum: ChecksumAlgorithm) -> None:
        self._checksum, self._value = checksum, 0

    def update(self, block: memoryview) -> None:
        """Add the next bytes."""
        self._value = self._checksum.update(block, self._value)

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""
        return self._value.to_bytes(self._checksum.size, "big")


class CompositeChecksum:
    """A checksum of the checksums of parts.

    Args:
        new: Returns the checksum of a part.
        sizes: The sizes of the parts in order, in bytes.
    """

    def __init__(self, new: Callable[[], RunningChecksum], sizes: Iterator[int]) -> None:
        self._new, self._sizes = new, sizes
        self._part, self._left, self._digests = new(), next(sizes, 0), bytearray()

    def update(self, block: memoryview) -> None:
        """Add the next bytes."""
        while len(block):
            if not self._left:
                self._digests += self._part.digest()
                self._part, self._left = self._new(), next(self._sizes, len(block))
            count = min(self._left, len(block))
            self._part.update(block[:count])
            self._left -= count
            block = block[count:]

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""
        outer = self._new()
        outer.update(memoryview(self._digests + self._part.digest()))
        return outer.digest()


class ChecksumVerifier:
    """Compare a stream with the checksum that S3 stores. `name` is `CRC64NVME`, `CRC32 of parts`, `MD5` or so."""

    def __init__(self, name: str, running: RunningChecksum, expected: str, text: Callable[[bytes], str]) -> None:
        self.name, self._running, self._expected, self._text = name, running, expected, text

    def update(self, block: memoryview) -> None:
        """Add the next bytes."""
        self._running.update(block)

    def mismatch(self) -> str | None:
        """Return the difference between the stream and the stored checksum as text; None if they agree."""
        found = self._text(self._running.digest())
        return None if found == self._expected else f"{self.name} {found}, S3 keeps {self._expected}"


def choose_verifier(found: ObjectHead, sizes: Callable[[int], Iterator[int]]) -> ChecksumVerifier | None:
    """Return a verifier for the best checksum that S3 stores of this version; None if it stores none.

    Every object since December 2024 has a CRC. An older one has only its ETag, which is an MD5 unless the object is
    encrypted by KMS or a customer's key.

    Args:
        sizes: `sizes(count)` iterates over the sizes of the `count` parts.
    """
    for name in (*_CRCS, *_HASHES):
        if name in found.checksums:
            return _stored_checksum(name, found.checksums[name], sizes)
    etag = found.etag.strip('"')
    if found.etag_is_md5:
        digest, _, count = etag.partition("-")
        if not count:
            return ChecksumVerifier("MD5", _hash("md5"), digest, bytes.hex)
        return ChecksumVerifier(
            "MD5 of parts", CompositeChecksum(lambda: _hash("md5"), sizes(int(count))), digest, bytes.hex
        )
    return None


def _stored_checksum(name: str, value: str, sizes: Callable[[int], Iterator[int]]) -> ChecksumVerifier:
    crc = find_algorithm(name)
    new: Callable[[], RunningChecksum] = (lambda: RunningCrc(crc)) if crc else (lambda: _hash(_HASHES[name]))
    expected, _, count = value.partition("-")
    if not count:
        return ChecksumVerifier(name, new(), expected, _base64)
    return ChecksumVerifier(f"{name} of parts", CompositeChecksum(new, sizes(int(count))), expected, _base64)


def _hash(name: str) -> Any:
    return hashlib.new(name, usedforsecurity=False)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
