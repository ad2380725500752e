"""Read records from CSV responses. A table that is not the declared one is an error."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any

import msgspec

from brigade.errors import InvalidData
from brigade.ingest.declare.csv_format import Csv
from brigade.jsonl import Page
from brigade.jsonl.array import LARGEST_RECORD
from brigade.masking import mask_start
from brigade.streams import IteratorFile

_PIECE = 1024 * 1024
_OTHER_TYPES = re.compile(r"text/html|application/xhtml\+xml|(application|text)/([\w.-]+\+)?(json|xml)")
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")
_ENCODER = msgspec.json.Encoder()


def read_csv(
    declared: Csv, blocks: Iterator[bytes], headers: Mapping[str, str], place: str, *, columns: tuple[str, ...] = ()
) -> Iterator[Page]:
    """Yield the rows of a response as records with text fields, in pages of about 1 MiB; at least one page.

    Empty lines are no rows. Memory: two blocks, a page, and the widest row, 64 MiB at most.

    Args:
        headers: The response headers. The Content-Type must not be HTML, JSON or XML.
        columns: The columns of the first page of the run, if this is a later page. An empty later page has no rows.

    Raises:
        InvalidData: The response is not the declared table: another content type, no header, a column that is absent,
            unnamed or repeated, a row with more or fewer fields, bytes that are not in the encoding. The message names
            the place and the line.
    """
    charset = _check_type(headers, place)
    csv.field_size_limit(LARGEST_RECORD)
    lines = _text(blocks, declared.encoding or charset or "utf-8", place)
    reader = csv.reader(
        lines,
        delimiter=declared.delimiter,
        quotechar=declared.quote,
        quoting=csv.QUOTE_NONE if declared.quote is None else csv.QUOTE_MINIMAL,
        strict=True,
    )
    try:
        for _ in range(declared.skip):
            next(lines, None)
        found = _columns(declared, reader, place, columns)
        yield from _pages(reader, found, declared.skip, place)
    except (csv.Error, UnicodeError) as error:
        line = declared.skip + reader.line_num
        raise InvalidData(f"{place}: line {line} is no CSV as it is declared: {error}") from None


def _check_type(headers: Mapping[str, str], place: str) -> str | None:
    """Return the charset of the Content-Type, if there is one."""
    said = Message()
    said["Content-Type"] = headers.get("Content-Type", "text/csv")
    kind = said.get_content_type()
    if _OTHER_TYPES.fullmatch(kind):
        raise InvalidData(f"{place}: the answer is {kind} by its Content-Type, not CSV")
    charset = said.get_content_charset()
    try:
        "".encode(charset or "utf-8")
    except LookupError:
        raise InvalidData(f"{place}: the Content-Type names no known charset; declare the encoding") from None
    return charset


def _columns(declared: Csv, reader: Any, place: str, before: tuple[str, ...]) -> tuple[str, ...]:
    if not declared.header:
        return declared.columns
    names: tuple[str, ...] = ()
    while not names:
        try:
            names = tuple(next(reader))
        except StopIteration:
            if before:
                return before
            raise InvalidData(f"{place}: it is empty, without even a header line") from None
    _check_header(declared, names, place)
    if before and names != before:
        raise InvalidData(f"{place}: its columns are not those of the first page: {_listed(names)}")
    return names


def _check_header(declared: Csv, names: tuple[str, ...], place: str) -> None:
    absent = [name for name in declared.columns if name not in names]
    if absent:
        raise InvalidData(f"{place}: the header line has no {_listed(absent)}; it has {_listed(names)}")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InvalidData(f"{place}: the header line has {_listed(twice)} more than once")
    if "" in names:
        raise InvalidData(f"{place}: column {names.index('') + 1} has no name in the header line")
    if declared.columns:
        return
    if names[0].lstrip()[:1] in ("<", "{", "["):
        raise InvalidData(f"{place}: the response is not CSV: it starts with {mask_start(names[0], 60)!r}")
    other = [each for each in _DELIMITERS if each in names[0]]
    if len(names) == 1 and other:
        raise InvalidData(
            f"{place}: the header line is one column, {mask_start(names[0], 60)!r}; declare the delimiter "
            f"{other[0]!r}, or columns"
        )
    numbers = [name for name in names if _NUMBER.fullmatch(name.strip())]
    if numbers:
        raise InvalidData(
            f"{place}: the header line has {_listed(numbers)}, as a record has; declare columns if it is the header, "
            "and header=False beside them if there is none"
        )


def _pages(reader: Any, columns: tuple[str, ...], skipped: int, place: str) -> Iterator[Page]:
    records: list[msgspec.Raw] = []
    size, width = 0, len(columns)
    for row in reader:
        if len(row) != width:
            if not row and width > 1:
                continue  # of one column, it may be a record without a value, as PostgreSQL writes NULL
            raise InvalidData(
                f"{place}: line {skipped + reader.line_num} has {len(row)} fields; there are {width} columns"
            )
        record = _ENCODER.encode(dict(zip(columns, row, strict=True)))
        records.append(msgspec.Raw(record))
        size += len(record)
        if size >= _PIECE:
            yield Page(b"", records, place, columns=columns)
            records, size = [], 0
    yield Page(b"", records, place, columns=columns)


def _text(blocks: Iterator[bytes], encoding: str, place: str) -> Iterator[str]:
    """Yield the lines of a response with their line ends, as the csv module expects them."""
    # Without this, a byte order mark is part of the first name. Codecs of 16 and 32 bits remove it themselves.
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "us-ascii", "ascii"):
        encoding = "utf-8-sig"
    for line in io.TextIOWrapper(io.BufferedReader(IteratorFile(blocks)), encoding=encoding, newline=""):
        if "\0" in line:
            raise InvalidData(f"{place}: it has a NUL character: it is in another encoding than {encoding}, or no text")
        yield line


def _listed(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(repr(mask_start(name, 60)) for name in names[:20]) + (", …" if len(names) > 20 else "")
