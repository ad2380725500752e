"""The data files of a delivery: their bytes, proved by size and MD5 as they pass."""

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from isal import isal_zlib

from brigade.errors import InvalidData
from brigade.inventory.delivery import Delivery, Store
from brigade.inventory.manifest import DataFile
from brigade.s3 import read

_CHUNK = 1 << 20
_MAGIC = b"\x1f\x8b"
_GZIP = 16 + isal_zlib.MAX_WBITS


def stored(s3: Store, delivery: Delivery, file: DataFile) -> Iterator[bytes]:
    """Give the bytes of a data file as they arrive, a mebibyte at a time.

    Fails with NotFound when it is not there and, after the last byte, with InvalidData when its size or its MD5 is not
    the manifest's.
    """
    digest, size = hashlib.md5(usedforsecurity=False), 0
    place = delivery.place(file)
    chunks = _local(place) if isinstance(place, Path) else read.stream(s3, str(delivery.bucket), place)
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != file.size:
        raise InvalidData(f"{file.key} has {size} bytes, but the manifest says {file.size}: torn or replaced")
    if digest.hexdigest() != file.md5:
        raise InvalidData(f"{file.key} has the MD5 {digest.hexdigest()}, but the manifest says {file.md5}: damaged")


@contextmanager
def seekable(s3: Store, delivery: Delivery, file: DataFile) -> Iterator[IO[bytes]]:
    """Give a data file to seek in, whole and proved before the first read; it passes through a nameless temporary file.

    Fails as ``stored`` does. Takes the file's size on the disk of ``TMPDIR``, until left.
    """
    with tempfile.TemporaryFile() as copy:
        for chunk in stored(s3, delivery, file):
            copy.write(chunk)
        copy.seek(0)
        yield copy


class Inflated(io.RawIOBase):
    """The text inside a gzip file that arrives in chunks, in bounded memory however well it was compressed.

    Fails with InvalidData, naming the file, when it is no gzip, ends before its end, or has something after it. Members
    that follow each other are one text, as gzip defines.
    """

    def __init__(self, chunks: Iterator[bytes], name: str) -> None:
        self._chunks = chunks
        self._name = name
        self._pending = b""
        self._member = isal_zlib.decompressobj(_GZIP)
        self._inside = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io passes just this of all Buffers
        """Fill ``buffer`` as far as one step of inflating goes; 0 at the end."""
        while True:
            if not self._pending:
                self._pending = next(self._chunks, b"")
                if not self._pending:
                    if self._inside:
                        raise InvalidData(f"{self._name} is a torn gzip: it ends in the middle")
                    return 0
            try:
                text = self._member.decompress(self._pending, len(buffer))
            except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub says a value, it is a class
                raise InvalidData(f"{self._name} is no gzip, or a damaged one: {error}") from error
            self._inside = not self._member.eof
            if self._inside:
                self._pending = self._member.unconsumed_tail
            else:
                self._pending = self._member.unused_data
                self._member = isal_zlib.decompressobj(_GZIP)
                if not _MAGIC.startswith(self._pending[:2]):
                    raise InvalidData(f"{self._name} has something after the end of its gzip")
            if text:
                buffer[: len(text)] = text
                return len(text)


def _local(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
