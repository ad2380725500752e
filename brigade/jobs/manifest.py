"""The manifest of a job: a CSV row for each object, its key encoded like a form.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html (specifying a manifest)
"""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from brigade.errors import InvalidData, NothingSelected, UsageError
from brigade.jobs.csv_records import format_record, read_records
from brigade.jobs.row import (
    KEY_CHARACTERS,
    NULL_VERSION,
    ManifestRow,
    SelectionSummary,
    check_length,
    decode_key,
    encode_key,
    outside_error,
)
from brigade.operations.rights import matches_any, pattern_regex

_SAFE = bytes(range(ord("0"), ord("9") + 1)) + b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-~/"
_BETWEEN = b"\xff"  # no byte of UTF-8
_PERCENT, _SPACE = b"% "


@dataclass(frozen=True)
class ObjectColumns:
    """Objects of a selection as columns: decoded `buckets` and `keys`; `versions` and `sizes` if known."""

    buckets: pa.StringArray
    keys: pa.StringArray
    versions: pa.StringArray | None
    sizes: pa.Int64Array | None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def size(self) -> int | None:
        """The total size of the objects in bytes; None if any size is unknown."""
        if self.sizes is None or self.sizes.null_count:
            return None
        return int(pc.sum(self.sizes).as_py() or 0)

    def stranger(self, bucket: str) -> tuple[int, str] | None:
        """Return the index and the bucket of the first object that is not in `bucket`; None if all are."""
        others = pc.not_equal(self.buckets, bucket)
        at: int = pc.index(others, value=True).as_py()
        return None if at < 0 else (at, self.buckets[at].as_py())

    def outside(self, reads: tuple[str, ...]) -> str | None:
        """Return the first key that none of IAM's patterns `reads` matches; None if each is matched."""
        inside = pc.match_substring_regex(self.keys, rf"\A(?:{pattern_regex(reads)})\z")
        at: int = pc.index(inside, value=False).as_py()
        return None if at < 0 else str(self.keys[at].as_py())

    def lines(self, bucket: str) -> bytes:
        """Return the manifest lines of these objects, all of them in `bucket`, with keys encoded as by `encode_key`.

        A version is written unchanged: S3's version ids need no quotes.
        """
        text = percent_encode(_joined(self.keys))
        if 3 * pc.max(pc.binary_length(self.keys)).as_py() > KEY_CHARACTERS:  # a byte is three characters at most
            for key_text in text.split(_BETWEEN):
                check_length(key_text.decode())
        start = f"{bucket},".encode()
        if self.versions is None:
            return start + text.replace(_BETWEEN, b"\n" + start) + b"\n"
        rows = pc.binary_join_element_wise(
            pa.array(text.split(_BETWEEN), pa.binary()), self.versions.cast(pa.binary()), b","
        )
        return start + _joined(rows).replace(_BETWEEN, b"\n" + start) + b"\n"


def percent_encode(text: bytes) -> bytes:
    """Return UTF-8 text form-encoded, with `/` unchanged. The separator 0xFF, which is no byte of UTF-8, stays.

    Each character is replaced everywhere at once: the percent sign first and the space last, so that no replacement is
    replaced again.
    """
    odd = set(text.translate(None, _SAFE + _BETWEEN))
    if _PERCENT in odd:
        text = text.replace(b"%", b"%25")
    for byte in odd - {_PERCENT, _SPACE}:
        text = text.replace(bytes((byte,)), b"%%%02X" % byte)
    return text.replace(b" ", b"+") if _SPACE in odd else text


def _joined(column: Any) -> bytes:
    one = pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column.cast(pa.binary()))
    joined: bytes = pc.binary_join(one, _BETWEEN)[0].as_py()
    return joined


_FLUSH = 1024 * 1024


def row_at(columns: ObjectColumns, at: int) -> ManifestRow:
    """Return object number `at`, from 0, of `columns` as a row."""
    version = None if columns.versions is None else columns.versions[at].as_py()
    size = None if columns.sizes is None else columns.sizes[at].as_py()
    return ManifestRow(columns.buckets[at].as_py(), encode_key(columns.keys[at].as_py()), version, size)


Selected = Iterable[ManifestRow | ObjectColumns]
"""The objects of a selection: one by one, or in columns, which is much faster."""


def write_manifest(
    selected: Selected, bucket: str, out: Callable[[bytes], object], reads: tuple[str, ...] = ("*",)
) -> SelectionSummary:
    """Write the manifest of `selected` to `out` in blocks of about 1 MiB and return a summary of it.

    Either every row has a version or none, as S3 requires.

    Args:
        bucket: The only bucket that a row may name: one job is over one bucket, which its operation is granted.
        reads: The patterns of keys that the operation may read.

    Raises:
        NothingSelected: There is no row.
        UsageError: A row names another bucket, a key that the operation may not read, or a key that is too long.
    """
    summary, text = SelectionSummary(), io.BytesIO()
    for part in selected:
        versions = (part.version_id if isinstance(part, ManifestRow) else part.versions) is not None
        if not summary.objects:
            summary.versions = versions
        elif summary.versions != versions:
            raise UsageError(f"object {summary.objects + 1}: a manifest has a version for every object or for none")
        if stranger := _stranger(part, bucket):
            at, other = stranger
            raise UsageError(
                f"object {summary.objects + at + 1} is in bucket {other!r}, but the job is for {bucket!r}: set --bucket"
            )
        if (outside := _outside(part, reads)) is not None:
            raise outside_error(outside, reads)
        summary.add(part)
        text.write(_line(part) if isinstance(part, ManifestRow) else part.lines(bucket))
        if text.tell() >= _FLUSH:
            out(text.getvalue())
            text.seek(0)
            text.truncate()
    if not summary.objects:
        raise NothingSelected("nothing is selected, so no job is created")
    out(text.getvalue())
    return summary


def _stranger(part: ManifestRow | ObjectColumns, bucket: str) -> tuple[int, str] | None:
    if isinstance(part, ObjectColumns):
        return part.stranger(bucket)
    return None if part.bucket == bucket else (0, part.bucket)


def _outside(part: ManifestRow | ObjectColumns, reads: tuple[str, ...]) -> str | None:
    """Return the first key that no pattern of `reads` matches; None if there is none."""
    if "*" in reads:
        return None
    if isinstance(part, ObjectColumns):
        return part.outside(reads)
    key = decode_key(part.key_text)
    return None if matches_any(reads, key) else key


def _line(row: ManifestRow) -> bytes:
    check_length(row.key_text)
    return (format_record(field for field in row[:3] if field is not None) + "\n").encode()


def read_manifest(pieces: Iterable[bytes], name: str) -> Iterator[ManifestRow]:
    """Yield the rows of a manifest with the columns bucket, key and optionally version. An empty version is `null`.

    The key text is unchanged.

    Raises:
        UsageError: The manifest has a byte order mark, a header, a blank line, a wrong number of columns, or a key that
            is not UTF-8 or too long. S3 would reject these or read them as objects. The message names the line.
    """
    columns = 0
    for number, record in read_records(pieces, name):
        place = f"{name}, line {number}"
        if number == 1 and record and record[0].startswith("\ufeff"):
            raise UsageError(f"{place}: the file starts with a byte order mark; save it as UTF-8 without one")
        if number == 1 and record and record[0].strip().lower() == "bucket":
            raise UsageError(f"{place}: a header line; S3 reads the first line as an object, so remove the header")
        if not any(field.strip() for field in record):
            raise UsageError(f"{place}: the line is blank; remove it")
        columns = columns or len(record)
        if len(record) != columns or columns not in (2, 3):
            raise UsageError(
                f"{place}: {len(record)} columns; a manifest has bucket,key or bucket,key,version in all lines"
            )
        _check_key(record[1], place)
        yield ManifestRow(record[0], record[1], (record[2] or NULL_VERSION) if columns == 3 else None)


def _check_key(key_text: str, place: str) -> None:
    if not 1 <= len(key_text) <= KEY_CHARACTERS:
        raise UsageError(f"{place}: a key of {len(key_text)} characters; S3 accepts 1 to {KEY_CHARACTERS}")
    if key_text != key_text.strip():
        raise UsageError(f"{place}: a space before or after the key; remove it, or write %20 if it is part of the key")
    try:
        decode_key(key_text)
    except InvalidData as error:
        raise UsageError(f"{place}: {error}") from None
