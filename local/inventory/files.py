"""The data files of a delivery, in CSV, ORC or Parquet."""

import gzip
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from local.inventory.columns import Column, Format

Value = str | bool | int | datetime | None
Row = Mapping[str, Value]  # column name -> value; a column that is not there is empty

EXTENSIONS: Mapping[Format, str] = {"CSV": "csv.gz", "ORC": "orc", "Parquet": "parquet"}
ROWS = 100_000
"""Most rows of one data file. S3 does not document its limit; real files of large buckets hold millions."""


def encode(
    rows: Iterable[Row], columns: Sequence[Column], file_format: Format, rows_per_file: int = ROWS
) -> Iterator[bytes]:
    """Yield the bytes of one data file after another, none for no rows; one file's rows are in memory at a time.

    Args:
        rows: values by column name, instants in UTC; strings as they are, keys not encoded.
        columns: the columns to write, in this order.
        file_format: CSV is gzip, UTF-8, without header, every field quoted, the key form-encoded but for ``/``;
            ORC (zlib) and Parquet (Snappy) hold the key as it is.
        rows_per_file: where a new file begins, at least 1.
    """
    write = {"CSV": _csv, "ORC": _orc, "Parquet": _parquet}[file_format]
    rows = iter(rows)
    while block := list(itertools.islice(rows, rows_per_file)):
        yield write(block, columns)


def _csv(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    # No value but the key can hold a quote, and the key's are encoded: nothing is left to escape.
    lines = (",".join(f'"{_text(column.name, row.get(column.name))}"' for column in columns) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode(), mtime=0)


def _text(name: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
    return quote_plus(value, safe="/") if name == "key" and isinstance(value, str) else str(value)


def _orc(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    from pyarrow import orc

    # The manifest has timestamp, which in ORC is without a zone; readers assume UTC.
    stream = io.BytesIO()
    orc.write_table(_table(rows, columns, zone=None), stream, compression="zlib")
    return stream.getvalue()


def _parquet(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    from pyarrow import parquet

    stream = io.BytesIO()
    # Without Arrow's own schema in the footer: S3 writes none, and readers must do with Parquet's.
    parquet.write_table(_table(rows, columns, zone="UTC"), stream, compression="snappy", store_schema=False)
    return stream.getvalue()


def _table(rows: Sequence[Row], columns: Sequence[Column], zone: str | None) -> Any:
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "boolean": pa.bool_(),
        "integer": pa.int64(),
        "instant": pa.timestamp("ms", tz=zone),
    }
    fields = [pa.field(column.name, types[column.kind], nullable=not column.always) for column in columns]
    arrays = [_array([row.get(field.name) for row in rows], field.type, zone) for field in fields]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(values: list[Value], kind: Any, zone: str | None) -> Any:
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and zone is None:
        values = [
            value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else None for value in values
        ]
    return pa.array(values, kind)
