"""Manifests of S3 Batch Operations, and the messages with which S3 refuses others.

Rules: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html (Specifying a manifest).
"""

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

LONGEST_KEY = 1024  # characters of the manifest's text, percent escapes included
_LONGEST_LINE = 1 << 20
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MALFORMED = "Manifest file is not properly formatted"


class Refusal(Exception):
    """The job fails with this code and reason: the documented words of S3, and the place."""

    def __init__(self, reason: str, code: str = "InvalidManifestContent") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Row(NamedTuple):
    """One object to work on. `key` is the text of the manifest, still encoded. A missing version is None."""

    bucket: str
    key: str
    version: str | None


class Readable(Protocol):
    """A body of an S3 response."""

    def read(self, amount: int = ..., /) -> bytes:
        """Return up to this many bytes; none at the end."""


Open = Callable[[str, str], Readable]


def csv_rows(body: Readable, fields: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a CSV manifest in bounded memory.

    Args:
        body: the manifest's bytes.
        fields: the request's ``Spec.Fields``: Bucket, Key, VersionId, Ignore in the order of the columns.

    Raises:
        Refusal: at the first row that S3 would refuse, naming its line.
    """
    missing = [name for name in ("Bucket", "Key") if name not in fields]
    if missing:
        raise Refusal(f"Required fields are missing in the schema: {', '.join(missing)}")
    first = True
    for line, columns in _lines(io.BufferedReader(_Raw(body))):
        if len(columns) != len(fields):
            what = "is blank" if not columns else f"has {len(columns)} columns, not {len(fields)}"
            raise Refusal(f"{_MALFORMED}: line {line} {what}")
        if columns[-1] != columns[-1].rstrip(" \t"):
            raise Refusal(f"{_MALFORMED}: line {line} ends in spaces")
        row = _row(dict(zip(fields, columns, strict=True)))
        if first and (row.bucket.lower(), row.key.lower()) == ("bucket", "key"):
            raise Refusal(f"{_MALFORMED}: line 1 is a header row")
        first = False
        yield _sound(row, line)
    if first:
        raise Refusal(f"{_MALFORMED}: it holds no rows")


def inventory_rows(manifest: bytes, open_data: Open) -> Iterator[Row]:
    """Yield the rows of an S3 Inventory delivery in CSV, file by file.

    Args:
        manifest: the delivery's ``manifest.json``.
        open_data: returns the body of a data file by bucket and key.

    Raises:
        Refusal: not an inventory manifest, not CSV, a data file that does not match its MD5, or a bad row.
    """
    try:
        document = json.loads(manifest)
        bucket = document["destinationBucket"].removeprefix("arn:aws:s3:::")
        fields = [name.strip() for name in document["fileSchema"].split(",")]
        files = [(entry["key"], entry["MD5checksum"]) for entry in document["files"]]
        file_format = document["fileFormat"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refusal(f"Invalid Manifest Content: manifest.json is not an S3 Inventory manifest ({error!r})") from error
    if file_format != "CSV":
        raise Refusal(f"Invalid Manifest Content: an inventory in {file_format} cannot be a manifest, only CSV can")
    if {"Bucket", "Key"} - set(fields):
        raise Refusal("Required fields are missing in the schema: Bucket, Key")
    for key, md5 in files:
        yield from _inventory_file(open_data(bucket, key), key, md5, fields)


def _inventory_file(body: Readable, key: str, md5: str, fields: Sequence[str]) -> Iterator[Row]:
    raw = _Raw(body)
    try:
        with gzip.GzipFile(fileobj=io.BufferedReader(raw)) as plain:
            for line, columns in _lines(plain):
                if len(columns) != len(fields):
                    raise Refusal(f"{_MALFORMED}: line {line} of {key} has {len(columns)} columns, not {len(fields)}")
                yield _sound(_row(dict(zip(fields, columns, strict=True))), line)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(f"Invalid Manifest Content: {key} is not a gzip file ({error})") from error
    if raw.md5.hexdigest() != md5:
        raise Refusal(f"Invalid Manifest Content: the MD5 of {key} is not the one in manifest.json")


def _row(columns: dict[str, str]) -> Row:
    # An absent column is None: the current version. An empty one fails its task later.
    return Row(columns["Bucket"], columns["Key"], columns.get("VersionId"))


def _sound(row: Row, line: int) -> Row:
    if not _BUCKET.fullmatch(row.bucket):
        raise Refusal(f"{_MALFORMED}: line {line} names no bucket: {row.bucket[:64]!r}")
    if not row.key or len(row.key) > LONGEST_KEY or _BAD_ESCAPE.search(row.key):
        raise Refusal(f"Invalid object key format: line {line} {_fault(row.key)}")
    try:
        unquote_to_bytes(row.key).decode()
    except UnicodeDecodeError as error:
        raise Refusal(f"Invalid object key format: line {line} is not UTF-8 when decoded") from error
    if row.version is not None and len(row.version) > LONGEST_KEY:
        raise Refusal(f"Invalid version ID format: line {line} has {len(row.version)} characters")
    return row


def _fault(key: str) -> str:
    if not key:
        return "has an empty key"
    if len(key) > LONGEST_KEY:
        return f"has a key of {len(key)} characters, more than {LONGEST_KEY}"
    return "holds a % that starts no escape"


def _lines(stream: io.BufferedIOBase | io.BufferedReader) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_decoded(stream), strict=True)
    while True:
        try:
            columns = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Refusal(f"{_MALFORMED}: line {reader.line_num}: {error}") from error
        yield reader.line_num, columns


def _decoded(stream: Any) -> Iterator[str]:
    number = 0
    while line := stream.readline(_LONGEST_LINE):
        number += 1
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            raise Refusal(f"{_MALFORMED}: it starts with a byte order mark")
        if len(line) == _LONGEST_LINE:
            raise Refusal(f"{_MALFORMED}: line {number} is longer than {_LONGEST_LINE} bytes")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise Refusal(f"Invalid Manifest Content: line {number} is not UTF-8") from error


class _Raw(io.RawIOBase):
    """A body as a raw stream that computes the MD5 of its bytes."""

    def __init__(self, body: Readable) -> None:
        super().__init__()
        self._body = body
        self.md5 = hashlib.md5(usedforsecurity=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        self.md5.update(data)
        return len(data)
