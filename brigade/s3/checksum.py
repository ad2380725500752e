"""The checksums that S3 takes with a body and keeps with an object, as values.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import functools
import sys
import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview


class Checksum(NamedTuple):
    """A CRC by its name at S3. ``full`` says whether parts' values are combined to that of the whole object.

    ``update(bytes, value)`` goes on from ``value``, 0 at first.
    """

    name: str
    size: int
    update: Callable[[Buffer, int], int]
    combine: Callable[[int, int, int], int] | None = None

    @property
    def field(self) -> str:
        """The name of boto3's argument and answer: ``ChecksumCRC32``."""
        return f"Checksum{self.name}"

    @property
    def full(self) -> bool:
        """Whether a multipart upload can have one value for the whole object."""
        return self.combine is not None

    def of(self, body: Buffer) -> str:
        """Give the checksum of the bytes as S3 writes it."""
        return self.text(self.update(body, 0))

    def text(self, value: int) -> str:
        """Give a value as S3 writes it."""
        return base64.b64encode(value.to_bytes(self.size, "big")).decode()

    def whole(self, parts: Iterable[tuple[str, int]]) -> str:
        """Give the checksum of an object from its parts' checksums and sizes, without reading a byte again."""
        combine = self.combine
        if combine is None:
            raise TypeError(f"parts of {self.name} are not combined")
        values = ((int.from_bytes(base64.b64decode(text)), size) for text, size in parts)
        return self.text(functools.reduce(lambda one, two: (combine(one[0], two[0], two[1]), 0), values, (0, 0))[0])


CRC32 = Checksum("CRC32", 4, zlib.crc32)
"""Of the standard library: for writers that must stay small, as in a Lambda package."""


def crc64nvme() -> Checksum:
    """Give CRC-64/NVME, whole over parts: some 7 GiB/s a core, by a native library that a body over 32 KiB loads."""
    return Checksum("CRC64NVME", 8, _crc64nvme, _native("combine_crc64nvme"))


def named(name: str) -> Checksum | None:
    """Give the CRC that S3 calls so, as far as it can be computed here."""
    if name == "CRC32":
        return CRC32
    if name == "CRC32C":
        return Checksum("CRC32C", 4, _native("crc32c"), _native("combine_crc32c"))
    return crc64nvme() if name == "CRC64NVME" else None


_SMALL = 32 * 1024


def _crc64nvme(block: Buffer, value: int) -> int:
    # A command in a shell loop moves a few bytes: a table takes 3 ms for the most of them, the library 50 to load.
    if len(block) > _SMALL or "_awscrt" in sys.modules:
        return _native("crc64nvme")(block, value)
    table, value = _table(), ~value & 0xFFFF_FFFF_FFFF_FFFF
    for byte in memoryview(block).cast("B"):
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return ~value & 0xFFFF_FFFF_FFFF_FFFF


@functools.cache
def _table() -> list[int]:
    """Give the CRC-64/NVME of each byte: the polynomial 0xAD93D23594C93659 with its bits in reverse."""

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
