"""CSV as S3 reads and writes it, from a stream of bytes: records with their line numbers, in bounded memory."""

import csv
import re
from collections.abc import Iterable, Iterator

from brigade.errors import InvalidData

_LONGEST = 1024 * 1024
LONGEST_MESSAGE = 8 * 1024 * 1024
"""Bytes of a line of a report, at most. A message may be as long as a Lambda function's answer to S3, 6 MB:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
# The limit of a field is one of the whole process: 131,072 characters unless set.
csv.field_size_limit(max(csv.field_size_limit(), LONGEST_MESSAGE))
_QUOTE = '"'
# Python's own csv.writer leaves a lone carriage return bare when lines end in a newline, and its reader then stumbles.
_SPECIAL = re.compile(r'[",\r\n]')


def read_records(pieces: Iterable[bytes], name: str, longest: int = _LONGEST) -> Iterator[tuple[int, list[str]]]:
    """Yield each record and the number of the line that it ends on; a quoted field may hold newlines.

    A blank line is an empty record. Memory: a piece and a line.

    Args:
        longest: How many bytes a line may have.

    Raises:
        InvalidData: The text is not UTF-8 or not CSV, or a line is too long. The message contains `name` and the line.
    """
    reader = csv.reader(_lines(pieces, name, longest), strict=True)
    try:
        for record in reader:
            yield reader.line_num, record
    except csv.Error as error:
        raise InvalidData(f"{name}, line {reader.line_num}: not CSV: {error}") from None


def format_record(values: Iterable[str]) -> str:
    """Return one record as a line without its end. A value is quoted only if it must be."""
    return ",".join(f'"{value.replace(_QUOTE, _QUOTE * 2)}"' if _SPECIAL.search(value) else value for value in values)


def _lines(pieces: Iterable[bytes], name: str, longest: int) -> Iterator[str]:
    rest, number = b"", 0
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            yield _text(line + b"\n", name, number)
        if len(rest) > longest:
            raise InvalidData(f"{name}, line {number + 1}: longer than {longest} bytes")
    if rest:
        yield _text(rest, name, number + 1)


def _text(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise InvalidData(f"{name}, line {number}: not UTF-8") from None
