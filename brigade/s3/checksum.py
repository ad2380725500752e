"""The checksums that S3 compares with a body and stores with an object.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import functools
import sys
import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview


class ChecksumAlgorithm(NamedTuple):
    """A CRC.

    Attributes:
        name: S3's name of it: `CRC32`.
        size: Bytes of a value.
        update: `update(bytes, value)` continues from `value`, 0 at first.
        combine: `combine(one, two, size of two)` returns the value of both. None: values of parts are not combined.
    """

    name: str
    size: int
    update: Callable[[Buffer, int], int]
    combine: Callable[[int, int, int], int] | None = None

    @property
    def field(self) -> str:
        """The name of boto3's argument and field: `ChecksumCRC32`."""
        return f"Checksum{self.name}"

    @property
    def full(self) -> bool:
        """True if a multipart upload can have one value for the whole object."""
        return self.combine is not None

    def of(self, body: Buffer) -> str:
        """Return the checksum of the bytes as S3 writes it."""
        return self.text(self.update(body, 0))

    def text(self, value: int) -> str:
        """Return a value as S3 writes it."""
        return base64.b64encode(value.to_bytes(self.size, "big")).decode()

    def whole(self, parts: Iterable[tuple[str, int]]) -> str:
        """Return the checksum of an object from its parts' checksums and sizes. No byte is read again."""
        combine = self.combine
        if combine is None:
            raise TypeError(f"parts of {self.name} are not combined")
        values = ((int.from_bytes(base64.b64decode(text)), size) for text, size in parts)
        return self.text(functools.reduce(lambda one, two: (combine(one[0], two[0], two[1]), 0), values, (0, 0))[0])


CRC32 = ChecksumAlgorithm("CRC32", 4, zlib.crc32)
"""From the standard library: for writers that must stay small, as in a Lambda package."""


def crc64nvme() -> ChecksumAlgorithm:
    """Return CRC-64/NVME, which combines parts: about 7 GiB/s a core. A body over 32 KiB loads a native library."""
    return ChecksumAlgorithm("CRC64NVME", 8, _crc64nvme, _native("combine_crc64nvme"))


def find_algorithm(name: str) -> ChecksumAlgorithm | None:
    """Return the CRC with S3's `name`; None if it cannot be computed here."""
    if name == "CRC32":
        return CRC32
    if name == "CRC32C":
        return ChecksumAlgorithm("CRC32C", 4, _native("crc32c"), _native("combine_crc32c"))
    return crc64nvme() if name == "CRC64NVME" else None


_SMALL = 32 * 1024


def _crc64nvme(block: Buffer, value: int) -> int:
    # A command in a shell loop moves a few bytes. The table needs at most 3 ms for them, the library 50 ms to load.
    if len(block) > _SMALL or "_awscrt" in sys.modules:
        return _native("crc64nvme")(block, value)
    table, value = _table(), ~value & 0xFFFF_FFFF_FFFF_FFFF
    for byte in memoryview(block).cast("B"):
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return ~value & 0xFFFF_FFFF_FFFF_FFFF


@functools.cache
def _table() -> list[int]:
    """Return the CRC-64/NVME of each byte: the polynomial 0xAD93D23594C93659 with its bits in reverse."""

    def of(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ (0x9A6C_9329_AC4B_C9B5 if value & 1 else 0)
        return value

    return [of(byte) for byte in range(256)]


def _native(name: str) -> Callable[..., int]:
    def call(*arguments: Any) -> int:
        from awscrt import checksums

        value: int = getattr(checksums, name)(*arguments)
        return value

    return call
