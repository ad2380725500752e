"""The data files of a delivery: their bytes, proved by size and MD5 as they pass."""

import gzip
import hashlib
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from isal import isal_zlib

from brigade.errors import InvalidData
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.delivery.manifest import DataFile
from brigade.s3 import read
from brigade.streams import IteratorFile, prefetch

BLOCK = 2 << 20
"""Bytes of text in a block, and the longest row that there can be. Smaller ones pass between the threads more often,
larger ones leave the caches of a core: both take longer."""

_CHUNK = 1 << 18
_LINE = 1 << 16  # more than a row of S3's has


def stream_data_file(delivery: Delivery, file: DataFile) -> Generator[bytes, None, None]:
    """Yield the bytes of a data file as they arrive, in chunks of 256 KiB.

    Raises:
        NotFound: The file is missing.
        InvalidData: After the last byte: the size or the MD5 differs from the manifest.
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
def open_data_file(delivery: Delivery, file: DataFile) -> Iterator[Path]:
    """Yield the path of a data file that can be read at any offset.

    A file on S3 is downloaded to a temporary file and verified before the first read. It needs its size on the disk of
    `TMPDIR`. A local copy is read in place while a thread verifies it, and an exit without an error means that it is
    verified. Raises as `stream_data_file`.
    """
    place = delivery.place(file)
    if isinstance(place, Path):
        proof = prefetch(lambda: _proof(delivery, file))
        next(proof)  # begins it
        try:
            yield place
            for _ in proof:
                pass
        finally:
            proof.close()
        return
    with tempfile.NamedTemporaryFile(prefix="brigade-inventory-") as copy:
        for chunk in stream_data_file(delivery, file):
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)


def decompress_blocks(chunks: Iterator[bytes], name: str) -> Generator[pa.Buffer, None, None]:
    """Yield the text of a gzip file in blocks of whole lines, about `BLOCK` bytes each at any compression ratio.

    A line longer than `BLOCK` is cut there, and nothing follows it: the parser reports its row.

    Args:
        name: Name of the file for errors.

    Raises:
        InvalidData: The file is no gzip, is truncated, or has data after its end.
    """
    rest, ended = b"", False
    # The reader inside ``igzip.IGzipFile``, by a name that is not public: that file's own ``readinto`` makes bytes of a
    # block and copies them, 7 % of the time of reading two columns.
    inside = isal_zlib._GzipReader(IteratorFile(chunks), _CHUNK)  # type: ignore[arg-type]  # it calls readinto and no more
    while not ended and len(rest) <= BLOCK:
        # Memory that Arrow keeps, for fresh memory costs a fault a page; filled in place, for a copy costs more.
        whole = pa.allocate_buffer(len(rest) + BLOCK)
        with memoryview(whole).cast("B") as view:
            view[: len(rest)] = rest
            size = len(rest) + _filled(inside, view[len(rest) :], name)
            ended = size < len(view)
            end = _lines_end(view[:size])
            rest = bytes(view[end:size])
        if end:
            yield whole.slice(0, end)
    if rest:
        yield pa.py_buffer(rest)


def _filled(inside: isal_zlib._GzipReader, view: memoryview, name: str) -> int:
    """Fill the view with decompressed bytes, as far as the gzip file has any, and return their number.

    Members that follow each other are one text, as gzip defines it.
    """
    done = 0
    try:
        while done < len(view) and (count := inside.readinto(view[done:])):
            done += count
    except EOFError as error:
        raise InvalidData(f"{name} is a torn gzip, or has something after the end of its gzip") from error
    except (gzip.BadGzipFile, isal_zlib.IsalError) as error:  # type: ignore[misc]  # its stub says a value, it is a class
        raise InvalidData(f"{name} is not gzip, is damaged, or has data after the end of its gzip: {error}") from error
    return done


def _lines_end(text: memoryview) -> int:
    """Return the offset after the last whole line; 0 if there is none."""
    for looked in (_LINE, len(text)):
        tail = bytes(text[-looked:])
        if found := tail.rfind(b"\n") + 1:
            return len(text) - len(tail) + found
    return 0


def _proof(delivery: Delivery, file: DataFile) -> Generator[None, None, None]:
    yield
    for _ in stream_data_file(delivery, file):
        pass


def _chunks(delivery: Delivery, place: str | Path) -> Iterator[bytes]:
    if isinstance(place, str):
        yield from read.stream_object(delivery.s3, str(delivery.bucket), place, chunk=_CHUNK)
        return
    with place.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
