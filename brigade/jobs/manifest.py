"""The manifest of a job: a CSV row for each object, its key encoded like a form.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html (specifying a manifest)
"""

import io
from collections.abc import Callable, Iterable, Iterator

from brigade.errors import InvalidData, NothingSelected, UsageError
from brigade.jobs.columns import Columns
from brigade.jobs.row import KEY_CHARACTERS, NULL_VERSION, Row, check_length, decoded, encoded, outside_error
from brigade.jobs.summary import Summary
from brigade.jobs.table import cells, records
from brigade.operations.rights import matches

_FLUSH = 1024 * 1024


def row_of(columns: Columns, at: int) -> Row:
    """Return object number `at`, from 0, of `columns` as a row."""
    version = None if columns.versions is None else columns.versions[at].as_py()
    size = None if columns.sizes is None else columns.sizes[at].as_py()
    return Row(columns.buckets[at].as_py(), encoded(columns.keys[at].as_py()), version, size)


Selected = Iterable[Row | Columns]
"""What a selection gives: objects one by one, or in columns, which is much faster."""


def write(selected: Selected, bucket: str, out: Callable[[bytes], object], reads: tuple[str, ...] = ("*",)) -> Summary:
    """Write the manifest of `selected` to `out` in blocks of about 1 MiB and return a summary of it.

    Either every row has a version or none, as S3 requires.

    Args:
        bucket: The only bucket that a row may name: one job is over one bucket, which its operation is granted.
        reads: The patterns of keys that the operation may read.

    Raises:
        NothingSelected: There is no row.
        UsageError: A row names another bucket, a key that the operation may not read, or a key that is too long.
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
                f"object {summary.objects + at + 1} is in bucket {other!r} and the job is over {bucket!r}; see --bucket"
            )
        if (outside := _outside(part, reads)) is not None:
            raise outside_error(outside, reads)
        summary.add(part)
        text.write(_line(part) if isinstance(part, Row) else part.lines(bucket))
        if text.tell() >= _FLUSH:
            out(text.getvalue())
            text.seek(0)
            text.truncate()
    if not summary.objects:
        raise NothingSelected("nothing is selected, so there is no job to make")
    out(text.getvalue())
    return summary


def _stranger(part: Row | Columns, bucket: str) -> tuple[int, str] | None:
    if isinstance(part, Columns):
        return part.stranger(bucket)
    return None if part.bucket == bucket else (0, part.bucket)


def _outside(part: Row | Columns, reads: tuple[str, ...]) -> str | None:
    """Return the first key that no pattern of `reads` matches; None if there is none."""
    if "*" in reads:
        return None
    if isinstance(part, Columns):
        return part.outside(reads)
    key = decoded(part.key_text)
    return None if matches(reads, key) else key


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
