"""CSV as S3 reads and writes it, from a stream of bytes: records with their line numbers, in bounded memory."""

import codecs
import csv
from collections.abc import Iterable, Iterator

from brigade.errors import InvalidData

_LONGEST = 1024 * 1024


def records(pieces: Iterable[bytes], name: str) -> Iterator[tuple[int, list[str]]]:
    """Give each record and the number of the line that it ends on; a quoted field may hold newlines.

    A blank line is an empty record. Memory: a piece and a line, 1 MiB at most. Fails with InvalidData, naming ``name``
    and the line, when it is not UTF-8 or not CSV.
    """
    reader = csv.reader(_lines(pieces, name), strict=True)
    try:
        for record in reader:
            yield reader.line_num, record
    except csv.Error as error:
        raise InvalidData(f"{name}, line {reader.line_num}: not CSV: {error}") from None


def _lines(pieces: Iterable[bytes], name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    rest, number = "", 0
    try:
        for piece in pieces:
            *whole, rest = (rest + decoder.decode(piece)).split("\n")
            for line in whole:
                number += 1
                yield line + "\n"
            if len(rest) > _LONGEST:
                raise InvalidData(f"{name}, line {number + 1}: longer than {_LONGEST} characters")
        rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InvalidData(f"{name}, after line {number}: not UTF-8: {error.reason}") from None
    if rest:
        yield rest
