"""The manifest of a job: a CSV row for each object, its key encoded like a form.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html (specifying a manifest)
"""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_plus

from brigade.errors import InvalidData, UsageError
from brigade.jobs.columns import KEY_CHARACTERS, Columns, check_length
from brigade.jobs.table import cells, records

_FLUSH = 1024 * 1024
_SAMPLES = 10
NULL_VERSION = "null"


class Row(NamedTuple):
    """One object. ``key_text`` is its key as the manifest has it; ``size`` in bytes where the selection knows it."""

    bucket: str
    key_text: str
    version_id: str | None = None
    size: int | None = None


def encoded(key: str) -> str:
    """Give a key as a manifest has it: ``+`` for a space, ``/`` bare; decoding it gives back the key, any key."""
    return quote_plus(key, safe="/")


def decoded(key_text: str) -> str:
    """Give the key of a manifest's or a report's text; fails with InvalidData when that is no UTF-8."""
    try:
        return unquote_plus(key_text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidData(f"the key {key_text!r} is not UTF-8 when decoded") from None


def shown(key_text: str) -> str:
    """Give the key of a manifest's or a report's text for a person; what is no UTF-8 shows as U+FFFD."""
    return unquote_plus(key_text)


@dataclass
class Summary:
    """What was selected: how many objects, their bytes where all sizes are known, and the first ten keys."""

    objects: int = 0
    bytes: int | None = 0
    versions: bool = False
    samples: list[str] = field(default_factory=list)

    def add(self, part: "Row | Columns") -> None:
        """Count one object, or some."""
        self.bytes = None if part.size is None or self.bytes is None else self.bytes + part.size
        if (room := _SAMPLES - len(self.samples)) > 0:
            self.samples += [shown(part.key_text)] if isinstance(part, Row) else part.keys[:room].to_pylist()
        self.objects += 1 if isinstance(part, Row) else len(part)


def rows_of(columns: Columns, most: int) -> list[Row]:
    """Give the first ``most`` of some objects as rows."""
    buckets, keys = columns.buckets[:most].to_pylist(), columns.keys[:most].to_pylist()
    versions = columns.versions[:most].to_pylist() if columns.versions is not None else [None] * len(keys)
    sizes = columns.sizes[:most].to_pylist() if columns.sizes is not None else [None] * len(keys)
    texts = [encoded(key) for key in keys]
    return [Row(*fields) for fields in zip(buckets, texts, versions, sizes, strict=True)]


Selected = Iterable[Row | Columns]
"""What a selection gives: objects one by one, or in columns, which is much faster."""


def write(selected: Selected, bucket: str, out: Callable[[bytes], object]) -> Summary:
    """Write the manifest of ``selected`` to ``out`` in blocks of about 1 MiB, and say what it holds.

    Either every row has a version or none, as S3 wants it. Fails with UsageError when there is no row, or a row is of
    another bucket than ``bucket``, the only one that the operations may read.
    """
    summary, text = Summary(), io.BytesIO()
    for part in selected:
        versions = (part.version_id if isinstance(part, Row) else part.versions) is not None
        if not summary.objects:
            summary.versions = versions
        elif summary.versions != versions:
            raise UsageError(f"object {summary.objects + 1}: a manifest has a version for every object or for none")
        if stranger := _stranger(part, bucket):
            at, other = stranger
            raise UsageError(
                f"object {summary.objects + at + 1} is in bucket {other!r}; operations of this stage read {bucket!r}"
            )
        summary.add(part)
        text.write(_line(part) if isinstance(part, Row) else part.lines(bucket))
        if text.tell() >= _FLUSH:
            out(text.getvalue())
            text.seek(0)
            text.truncate()
    if not summary.objects:
        raise UsageError("nothing is selected, so there is no job to make")
    out(text.getvalue())
    return summary


def _stranger(part: Row | Columns, bucket: str) -> tuple[int, str] | None:
    if isinstance(part, Columns):
        return part.stranger(bucket)
    return None if part.bucket == bucket else (0, part.bucket)


def _line(row: Row) -> bytes:
    check_length(row.key_text)
    return (cells(field for field in row[:3] if field is not None) + "\n").encode()


def read(pieces: Iterable[bytes], name: str) -> Iterator[Row]:
    """Read a manifest of columns bucket, key and perhaps version, its key text untouched; an empty version is ``null``.

    Fails with UsageError naming the line for what S3 would refuse or, worse, would take for an object: a byte order
    mark, a header, a blank line, another number of columns, a key that is not UTF-8 or too long.
    """
    columns = 0
    for number, record in records(pieces, name):
        place = f"{name}, line {number}"
        if number == 1 and record and record[0].startswith("\ufeff"):
            raise UsageError(f"{place}: a byte order mark; save it as UTF-8 without one")
        if number == 1 and record and record[0].strip().lower() == "bucket":
            raise UsageError(f"{place}: a header; S3 takes the first line for an object, so remove it")
        if not any(field.strip() for field in record):
            raise UsageError(f"{place}: a blank line; remove it")
        columns = columns or len(record)
        if len(record) != columns or columns not in (2, 3):
            raise UsageError(
                f"{place}: {len(record)} columns; a manifest has bucket,key or bucket,key,version in all lines"
            )
        _check_key(record[1], place)
        yield Row(record[0], record[1], (record[2] or NULL_VERSION) if columns == 3 else None)


def _check_key(key_text: str, place: str) -> None:
    if not 1 <= len(key_text) <= KEY_CHARACTERS:
        raise UsageError(f"{place}: a key of {len(key_text)} characters; S3 takes 1 to {KEY_CHARACTERS} in a manifest")
    if key_text != key_text.strip():
        raise UsageError(f"{place}: a space before or after the key; one that belongs to it is written %20")
    try:
        decoded(key_text)
    except InvalidData as error:
        raise UsageError(f"{place}: {error}") from None
