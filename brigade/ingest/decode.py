"""From the bytes of an answer to records: JSON, JSON Lines or CSV; whole, or piece by piece when it is of any size."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from brigade.errors import InvalidData
from brigade.ingest.feed import Feed
from brigade.jsonl import Page, split
from brigade.jsonl.array import LARGEST_RECORD, arrays
from brigade.jsonl.page import check_utf8

_PIECE = 1024 * 1024
_RAW = msgspec.json.Decoder(msgspec.Raw)


def decode(source: Feed, body: bytes | bytearray, place: str) -> Page:
    """Give the records of a whole answer; InvalidData, naming the place, when it is not what the source declares."""
    if source.format == "json":
        return split(body, records=source.records, values=source.values, place=place)
    if source.format == "jsonl":
        return _of_lines(body, place)
    check_utf8(body, place)
    return _of_rows(list(_rows(iter([bytes(body)]), place)), place)


def pieces(source: Feed, blocks: Iterator[bytes], place: str) -> Iterator[Page]:
    """Give the records of an answer of any size in pages of some MiB, as its blocks come.

    Memory: two blocks, and the widest record, 64 MiB at most. Fails as ``decode`` does, once the place is reached.
    """
    if source.format == "csv":
        rows, size = [], 0
        for row in _rows(blocks, place):
            rows.append(row)
            size += sum(map(len, row.values()))
            if size >= _PIECE:
                yield _of_rows(rows, place)
                rows, size = [], 0
        yield _of_rows(rows, place)
    elif source.format == "jsonl":
        rest = bytearray()
        for block in blocks:
            rest += block
            end = rest.rfind(b"\n") + 1
            _check_width(len(rest) - end, place)
            if end:
                yield _of_lines(rest[:end], place)
                del rest[:end]
        yield _of_lines(rest, place)
    else:
        for array in arrays(blocks, source.records, place):
            yield split(array, records="", place=place)


def _of_lines(body: bytes | bytearray, place: str) -> Page:
    check_utf8(body, place)
    try:
        return Page(body, _RAW.decode_lines(body), place)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"{place}: a line is no JSON: {error}") from error


def _rows(blocks: Iterator[bytes], place: str) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(_text_lines(blocks), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InvalidData(f"{place}: line {reader.line_num} has not as many fields as the header line")
            yield row
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidData(f"{place}: line {reader.line_num} is no CSV: {error}") from error


def _text_lines(blocks: Iterator[bytes]) -> Iterator[str]:
    class Raw(io.RawIOBase):
        rest = b""

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            block = self.rest or next(blocks, b"")
            buffer[: len(block[: len(buffer)])] = block[: len(buffer)]
            self.rest = block[len(buffer) :]
            return min(len(block), len(buffer))

    # A byte order mark is no part of the first field's name.
    return io.TextIOWrapper(io.BufferedReader(Raw()), encoding="utf-8-sig", newline="")


def _of_rows(rows: list[dict[str, str]], place: str) -> Page:
    records = [msgspec.Raw(msgspec.json.encode(row)) for row in rows]
    return Page(b"\\u006", records, place)  # nothing is known of the bytes: look at each record


def _check_width(size: int, place: str) -> None:
    if size > LARGEST_RECORD:
        raise InvalidData(f"{place}: a record is wider than {LARGEST_RECORD} bytes")
