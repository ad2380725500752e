"""Reader of a delivery's ``manifest.json``, in every spelling that S3 has written."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from brigade.catalog import KINDS, Kind
from brigade.errors import InvalidData

Format = Literal["CSV", "ORC", "Parquet"]
_DECLARED: Mapping[str, Kind] = {
    "bigint": "bigint",
    "int": "bigint",
    "int32": "bigint",
    "int64": "bigint",
    "boolean": "boolean",
    "timestamp": "timestamp",
}

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ORC = re.compile(r"\s*struct<(.*)>\s*", re.DOTALL)
_PARQUET = re.compile(r"\s*message\s+[\w.]+\s*\{(.*)\}\s*", re.DOTALL)
_PARQUET_FIELD = re.compile(r"(?:required|optional)\s+(\w+)\s+(\w+)\s*(\(.*\))?")


@dataclass(frozen=True)
class DataFile:
    """One file of rows: its key in the destination bucket, its size in bytes as stored, and its MD5 in hex."""

    key: str
    size: int
    md5: str


@dataclass(frozen=True)
class Manifest:
    """The manifest of one delivery. `columns` are in file order, by the names that ORC and Parquet use."""

    source_bucket: str
    destination_bucket: str
    created: datetime
    """When S3 began to list the bucket: the rows are of that moment or somewhat later."""
    format: Format
    columns: Mapping[str, Kind]
    files: tuple[DataFile, ...]

    @property
    def size(self) -> int:
        """The bytes of all data files, as stored."""
        return sum(file.size for file in self.files)


def parse_manifest(body: bytes, name: str) -> Manifest:
    """Parse a `manifest.json`.

    Args:
        name: Name of the manifest for errors.

    Raises:
        InvalidData: The text is not JSON, a field is missing or has another type, or S3 does not document the format or
            schema.
    """
    try:
        document = json.loads(body)
        form = document["fileFormat"]
        if form not in ("CSV", "ORC", "Parquet"):
            raise InvalidData(f"{name}: the format is {form!r}, not CSV, ORC or Parquet")
        return Manifest(
            source_bucket=str(document["sourceBucket"]),
            destination_bucket=str(document["destinationBucket"]).removeprefix("arn:").split(":")[-1],
            created=datetime.fromtimestamp(int(document["creationTimestamp"]) / 1000, UTC),
            format=form,
            columns=_columns(form, document["fileSchema"], name),
            files=tuple(_file(entry) for entry in document["files"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        said = f"has no {error}" if isinstance(error, KeyError) else f"is not what S3 writes: {error}"
        raise InvalidData(f"{name} {said}; use another delivery") from error


def _file(entry: Any) -> DataFile:
    return DataFile(key=str(entry["key"]), size=int(entry["size"]), md5=str(entry["MD5checksum"]).lower())


def _columns(form: Format, schema: str, name: str) -> dict[str, Kind]:
    read = {"CSV": _csv_fields, "ORC": _orc_fields, "Parquet": _parquet_fields}[form]
    fields = read(schema)
    columns = {column: KINDS.get(column, kind) for column, kind in fields}
    if len(columns) != len(fields) or not {"bucket", "key"} <= columns.keys():
        raise InvalidData(f"{name}: the fileSchema names no bucket and key, or a column twice: {schema!r}")
    return columns


def _csv_fields(schema: str) -> list[tuple[str, Kind]]:
    return [(snake_case(field.strip()), "string") for field in schema.split(",")]


def _orc_fields(schema: str) -> list[tuple[str, Kind]]:
    inside = _ORC.fullmatch(schema)
    pairs = [field.partition(":") for field in inside[1].split(",")] if inside else []
    return [(name.strip().lower(), _DECLARED.get(declared.strip(), "string")) for name, _, declared in pairs]


def _parquet_fields(schema: str) -> list[tuple[str, Kind]]:
    inside = _PARQUET.fullmatch(schema)
    fields: list[tuple[str, Kind]] = []
    for text in inside[1].split(";") if inside else []:
        field = _PARQUET_FIELD.fullmatch(text.strip())
        if field:
            # Old deliveries have TIMESTAMP_MILLIS, current ones TIMESTAMP(MILLIS,true).
            kind = "timestamp" if "TIMESTAMP" in (field[3] or "") else field[1]
            fields.append((field[2].lower(), _DECLARED.get(kind, "string")))
        elif text.strip():
            raise ValueError(f"the Parquet field {text.strip()!r}")
    return fields


def snake_case(name: str) -> str:
    """Return the ORC and Parquet name of a CSV column: `LastModifiedDate` is `last_modified_date`."""
    return "e_tag" if name == "ETag" else _CAMEL.sub("_", name).lower()
