"""A check of a Parquet file: its footer, and every page of every column, in bounded memory.

The check does not decode the values in a page. A library for that is ten times as large as the rest of a function.

Source: https://parquet.apache.org/docs/file-format/ and
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from brigade.errors import InvalidData
from brigade.operations.thrift_compact import CompactReader

_MAGIC = b"PAR1"
_SMALLEST = 12
_MIB = 1024 * 1024
_FOOTER_MIB = 64
_PAGE_MIB = 64
_HEADERS = (4096, _MIB)  # bytes in which a page's header ends: most are short, but one may hold long statistics
_ROWS, _GROUPS = 3, 4  # fields of FileMetaData
_COLUMNS, _ABOUT = 1, 3  # of RowGroup, of ColumnChunk
_CODEC, _VALUES, _PACKED_SIZE, _DATA_PAGE, _DICTIONARY_PAGE = 4, 5, 7, 9, 11  # of ColumnMetaData
_KIND, _PLAIN, _PACKED, _CRC, _DATA, _DATA_2 = 1, 2, 3, 4, 5, 8  # of PageHeader
_LEVELS, _IS_PACKED = (5, 6), 7  # of DataPageHeaderV2
_DATA_KINDS = {0: _DATA, 3: _DATA_2}
_BROKEN = (KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError)

File = BinaryIO | io.BufferedIOBase


@dataclass(frozen=True)
class ParquetCounts:
    """The rows that the footer states, and the pages that were read."""

    rows: int
    pages: int


def check_parquet(file: File, size: int) -> ParquetCounts:
    """Check a Parquet file of `size` bytes: footer, columns, and each page.

    A page must be where its column says, match its CRC if it has one, and decompress to its stated size. The pages of a
    column must have its number of values. Pages of obsolete codecs (LZO, LZ4 of Hadoop) are not
    decompressed. Memory: the footer and a page, compressed and not, each at most 64 MiB.

    Raises:
        InvalidData: The file is damaged, or has a page over 64 MiB. The message names the offset.
    """
    footer, end = _footer(file, size)
    pages = 0
    try:
        chunks = [chunk[_ABOUT] for group in footer[_GROUPS] for chunk in group[_COLUMNS]]
        for chunk in chunks if footer[_ROWS] else ():
            begin = min(chunk[_DATA_PAGE], chunk.get(_DICTIONARY_PAGE) or chunk[_DATA_PAGE])
            if not 4 <= begin <= begin + chunk[_PACKED_SIZE] <= end:
                raise InvalidData(f"damaged Parquet: a column that starts at byte {begin} is not in the file")
            pages += _check_column(file, chunk, begin)
        return ParquetCounts(int(footer[_ROWS]), pages)
    except _BROKEN as error:
        raise InvalidData(f"damaged Parquet: its footer is damaged ({type(error).__name__})") from None


def _footer(file: File, size: int) -> tuple[dict[int, Any], int]:
    """Return the footer and its offset."""
    if size < _SMALLEST:
        raise InvalidData(f"not Parquet: the file has only {size} bytes")
    start = file.read(4)
    file.seek(size - 8)
    length, magic = struct.unpack("<I4s", file.read(8))
    if start != _MAGIC or magic != _MAGIC:
        raise InvalidData("not Parquet, or cut short: the file does not begin and end with PAR1")
    if not 0 < length <= min(size - _SMALLEST, _FOOTER_MIB * _MIB):
        raise InvalidData(f"damaged Parquet: a footer of {length} bytes in a file of {size} bytes")
    file.seek(size - 8 - length)
    try:
        return CompactReader(file.read(length)).struct(), size - 8 - length
    except _BROKEN as error:
        raise InvalidData(f"damaged Parquet: its footer is damaged ({type(error).__name__})") from None


def _check_column(file: File, chunk: Mapping[int, Any], begin: int) -> int:
    """Check the pages of a column and return their number."""
    at, end, values, pages = begin, begin + chunk[_PACKED_SIZE], 0, 0
    while at < end:
        header, body = _header(file, at, end)
        length, plain = header.get(_PACKED, -1), header.get(_PLAIN, -1)
        if not 0 <= length <= end - body or plain < 0:
            raise InvalidData(f"damaged Parquet: the page at byte {at} has {length} bytes and ends after its column")
        if max(length, plain) > _PAGE_MIB * _MIB:
            raise InvalidData(f"the page at byte {at} is larger than {_PAGE_MIB} MiB, the most that can be checked")
        file.seek(body)
        packed = file.read(length)
        if _CRC in header and zlib.crc32(packed) != header[_CRC] & 0xFFFFFFFF:
            raise InvalidData(f"damaged Parquet: the page at byte {at} has another CRC than its header states")
        about = header.get(_DATA_KINDS.get(header[_KIND], 0))
        _unpack(packed, plain, chunk[_CODEC], header.get(_DATA_2) or {}, at)
        values += about[1] if about else 0
        pages += 1
        at = body + length
    if values != chunk[_VALUES]:
        raise InvalidData(f"damaged Parquet: the column at byte {begin} has {values} values, not {chunk[_VALUES]}")
    return pages


def _header(file: File, at: int, end: int) -> tuple[dict[int, Any], int]:
    """Return the header of the page at an offset, and the offset of the page itself."""
    for most in _HEADERS:
        file.seek(at)
        reader = CompactReader(file.read(min(most, end - at)))
        try:
            header = reader.struct()
            if _KIND not in header:
                break
            return header, at + reader.at
        except _BROKEN:
            continue
    raise InvalidData(f"damaged Parquet: no page begins at byte {at}")


def _unpack(packed: bytes, plain: int, codec: int, second: Mapping[int, Any], at: int) -> None:
    """Raise InvalidData if a page does not decompress to exactly `plain` bytes. `second` is its header of version 2."""
    levels = sum(second.get(part, 0) for part in _LEVELS)  # of version 2 these come first, and not packed
    room = plain - levels
    if codec and second.get(_IS_PACKED, True):
        unpack = _codecs().get(codec)
        if unpack is None or not (room or len(packed) > levels):
            return
        try:
            found = unpack(packed[levels:], bytearray(max(room, 0)))
        except Exception as error:  # noqa: BLE001 - each codec has errors of its own
            raise InvalidData(f"damaged Parquet: the page at byte {at} cannot be decompressed: {error}") from None
    else:
        found = len(packed) - levels
    if found != room:
        raise InvalidData(f"damaged Parquet: the page at byte {at} decompresses to {found} bytes, not {room}")


def _codecs() -> Mapping[int, Callable[[bytes, bytearray], int]]:
    """Return the decompressors by CompressionCodec. Each writes into a buffer and returns the size."""
    import cramjam  # only where there is Parquet: the others start without it

    return {
        1: cramjam.snappy.decompress_raw_into,
        2: cramjam.gzip.decompress_into,
        4: cramjam.brotli.decompress_into,
        6: cramjam.zstd.decompress_into,
        7: cramjam.lz4.decompress_block_into,
    }
