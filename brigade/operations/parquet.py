"""The footer of a Parquet file: whether it is whole, and whether all that it names lies in the file.

Source: https://parquet.apache.org/docs/file-format/ and the compact protocol of Thrift, in which the footer is written
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Pages are not decoded: the library
that could is ten times as large as all else in a function.
"""

import io
import struct
from typing import Any, BinaryIO

from brigade.errors import InvalidData

_MAGIC = b"PAR1"
_SMALLEST = 12
_FOOTER_MIB = 64
_ROWS, _GROUPS = 3, 4  # fields of FileMetaData
_COLUMNS, _ABOUT = 1, 3  # of RowGroup, of ColumnChunk
_PACKED_SIZE, _DATA_PAGE, _DICTIONARY_PAGE = 7, 9, 11  # of ColumnMetaData


def count_rows(file: BinaryIO | io.BufferedIOBase, size: int) -> int:
    """Check the footer of a Parquet file of ``size`` bytes, and give the number of rows that it says.

    Fails with InvalidData when the file is torn, has no footer, or a column lies outside of it. Memory: the footer, 64
    MiB at most.
    """
    if size < _SMALLEST:
        raise InvalidData(f"no Parquet: {size} bytes")
    start = file.read(4)
    file.seek(size - 8)
    length, magic = struct.unpack("<I4s", file.read(8))
    if start != _MAGIC or magic != _MAGIC:
        raise InvalidData("no Parquet, or a torn one: it does not begin and end with PAR1")
    if not 0 < length <= min(size - _SMALLEST, _FOOTER_MIB * 1024 * 1024):
        raise InvalidData(f"not sound Parquet: a footer of {length} bytes in a file of {size}")
    file.seek(size - 8 - length)
    reader = _Compact(file.read(length))
    try:
        footer = reader.struct()
        chunks = [chunk[_ABOUT] for group in footer[_GROUPS] for chunk in group[_COLUMNS]]
        for chunk in chunks if footer[_ROWS] else ():
            begin = min(chunk[_DATA_PAGE], chunk.get(_DICTIONARY_PAGE) or chunk[_DATA_PAGE])
            if not 4 <= begin <= begin + chunk[_PACKED_SIZE] <= size - 8 - length:
                raise InvalidData(f"not sound Parquet: a column from byte {begin} on is not in the file")
        return int(footer[_ROWS])
    except (KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise InvalidData(f"not sound Parquet: its footer is damaged ({type(error).__name__})") from None


class _Compact:
    """A reader of Thrift's compact protocol: structs as dicts by field number."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(head & 15)
        return fields

    def _value(self, kind: int, *, listed: bool = False) -> Any:
        if kind in (1, 2):
            return self._byte() == 1 if listed else kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._varint())
        if kind in (9, 10):
            head = self._byte()
            count = self._varint() if head >> 4 == 15 else head >> 4
            return [self._value(head & 15, listed=True) for _ in range(min(count, len(self._data) + 1))]
        if kind == 12:
            return self.struct()
        raise TypeError(kind)

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise IndexError(count)
        self._at += count
        return self._data[self._at - count : self._at]

    def _varint(self) -> int:
        value, shift = 0, 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
