"""The data files of a delivery: their bytes, proved by size and MD5 as they pass."""

import hashlib
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from isal import igzip_lib

from brigade.errors import InvalidData
from brigade.inventory.ahead import ahead
from brigade.inventory.delivery import Delivery
from brigade.inventory.manifest import DataFile
from brigade.s3 import read

BLOCK = 2 << 20
"""Bytes of text in a block, and the longest row that there can be. Smaller ones pass between the threads more often,
larger ones leave the caches of a core: both take longer."""

_CHUNK = 1 << 18
_MAGIC = b"\x1f\x8b"


def stored(delivery: Delivery, file: DataFile) -> Generator[bytes, None, None]:
    """Give the bytes of a data file as they arrive, a quarter of a mebibyte at a time.

    Fails with NotFound when it is not there and, after the last byte, with InvalidData when its size or its MD5 is not
    the manifest's.
    """
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for chunk in _chunks(delivery, delivery.place(file)):
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != file.size:
        raise InvalidData(f"{file.key} has {size} bytes, but the manifest says {file.size}: torn or replaced")
    if digest.hexdigest() != file.md5:
        raise InvalidData(f"{file.key} has the MD5 {digest.hexdigest()}, but the manifest says {file.md5}: damaged")


@contextmanager
def seekable(delivery: Delivery, file: DataFile) -> Iterator[Path]:
    """Give the path of a data file, to seek in; leaving without an error proves it, if it was a copy on this machine.

    One on S3 passes through a temporary file, and is proved before the first read; that takes its size on the disk of
    ``TMPDIR`` until left. A copy is read where it is, while a thread proves it. Fails as ``stored`` does.
    """
    place = delivery.place(file)
    if isinstance(place, Path):
        proof = ahead(lambda: _proof(delivery, file))
        next(proof)  # begins it
        try:
            yield place
            for _ in proof:
                pass
        finally:
            proof.close()
        return
    with tempfile.NamedTemporaryFile(prefix="brigade-inventory-") as copy:
        for chunk in stored(delivery, file):
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)


def blocks(chunks: Iterator[bytes], name: str) -> Generator[pa.Buffer, None, None]:
    """Give the text inside of a gzip file in blocks of whole lines, about ``BLOCK`` each, however well it was packed.

    A line longer than ``BLOCK`` is given as far as it is that long, and nothing after it: who parses it says which row
    it is. Fails with InvalidData, naming the file, when it is no gzip, ends before its end, or has something after it.
    """
    rest = b""
    for text in _inflated(chunks, name):
        end = text.rfind(b"\n") + 1
        if end:
            yield _joined(rest, memoryview(text)[:end])
            rest = text[end:]
        else:
            rest += text
        if len(rest) > BLOCK:
            break
    if rest:
        yield pa.py_buffer(rest)


def _joined(rest: bytes, text: memoryview) -> pa.Buffer:
    """Put two pieces together, in memory that Arrow keeps: fresh memory costs a fault a page."""
    whole = pa.allocate_buffer(len(rest) + len(text))
    with memoryview(whole).cast("B") as view:
        view[: len(rest)], view[len(rest) :] = rest, text
    return whole


def _inflated(chunks: Iterator[bytes], name: str) -> Generator[bytes, None, None]:
    """Give the text of members that follow each other, which gzip defines to be one text, in bounded pieces."""
    member, inside, pending = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), False, b""
    while not member.needs_input or (pending := pending or next(chunks, b"")):
        try:
            text = member.decompress(pending, BLOCK)
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub says a value, it is a class
            raise InvalidData(f"{name} is no gzip, or a damaged one: {error}") from error
        inside, pending = not member.eof, b""  # what it did not come to, it keeps
        if not inside:
            pending = member.unused_data
            member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            if not _MAGIC.startswith(pending[:2]):
                raise InvalidData(f"{name} has something after the end of its gzip")
        if text:
            yield text
    if inside:
        raise InvalidData(f"{name} is a torn gzip: it ends in the middle")


def _proof(delivery: Delivery, file: DataFile) -> Generator[None, None, None]:
    yield
    for _ in stored(delivery, file):
        pass


def _chunks(delivery: Delivery, place: str | Path) -> Iterator[bytes]:
    if isinstance(place, str):
        yield from read.stream(delivery.s3, str(delivery.bucket), place, chunk=_CHUNK)
        return
    with place.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
