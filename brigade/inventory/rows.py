"""The rows of a delivery as Arrow record batches, the same typed columns whichever format S3 wrote."""

import io
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, orc, parquet

from brigade.errors import InvalidData, NotFound
from brigade.inventory.datafile import Inflated, seekable, stored
from brigade.inventory.delivery import Delivery, Store
from brigade.inventory.keys import decoded
from brigade.inventory.manifest import DataFile, Kind, Manifest

TYPES: Mapping[Kind, pa.DataType] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
}
_BLOCK = 1 << 20  # bytes of CSV text parsed at once: what a batch weighs, and the longest row there can be
_BATCH = 1 << 16  # rows of a batch of the columnar formats


def schema(manifest: Manifest, columns: Sequence[str] | None = None) -> pa.Schema:
    """Give the Arrow schema of ``columns``, in that order, or of all of them.

    Fails with NotFound when the delivery lacks a column, naming those that it has.
    """
    names = list(manifest.columns) if columns is None else list(columns)
    lacking = [name for name in names if name not in manifest.columns]
    if lacking or not names:
        raise NotFound(
            f"the delivery has no column {', '.join(lacking) or 'asked for'}; it has {', '.join(manifest.columns)}"
        )
    return pa.schema([(name, TYPES[manifest.columns[name]]) for name in names])


def scan(s3: Store, delivery: Delivery, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Stream all rows of a delivery, in the files' order; ``wanted`` is a ``schema`` of it.

    Text that is empty is null, but for bucket and key; times are UTC. One file is read at a time, and no more of it
    than is taken (of ORC and Parquet, a whole file). Memory: about 50 MiB for CSV, a stripe or row group else.

    Fails with NotFound when a data file is not there, and with InvalidData, naming file and row, when a file is not
    what the manifest says or not in its format. Rows given before were right, but their file was not proved whole.
    """
    form = delivery.manifest.format
    for file in delivery.manifest.files:
        if form == "CSV":
            yield from _csv(s3, delivery, file, wanted)
        else:
            yield from _columnar(s3, delivery, file, wanted)


def _csv(s3: Store, delivery: Delivery, file: DataFile, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    columns = delivery.manifest.columns
    text = io.BufferedReader(Inflated(stored(s3, delivery, file), file.key), _BLOCK)
    if not text.peek(1):
        return
    try:
        reader = csv.open_csv(
            text,
            # One thread, for only so does an error know its row.
            read_options=csv.ReadOptions(column_names=list(columns), block_size=_BLOCK, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: TYPES[kind] for name, kind in columns.items()},
                include_columns=wanted.names,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                true_values=["true", "TRUE", "True"],
                false_values=["false", "FALSE", "False"],
            ),
        )
        row = 1
        for batch in reader:
            if "key" in wanted.names:
                index = wanted.get_field_index("key")
                batch = batch.set_column(index, wanted.field(index), decoded(batch["key"], file.key, row))  # noqa: PLW2901
            row += batch.num_rows
            yield batch
    except pa.ArrowInvalid as error:
        raise InvalidData(f"{file.key}: {str(error)[:300]}") from error


def _columnar(s3: Store, delivery: Delivery, file: DataFile, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    batches = _orc if delivery.manifest.format == "ORC" else _parquet
    row = 1
    with seekable(s3, delivery, file) as copy:
        try:
            for batch in batches(pa.PythonFile(copy, "r"), wanted.names):
                for start in range(0, batch.num_rows, _BATCH):
                    yield _typed(batch.slice(start, _BATCH), wanted)
                row += batch.num_rows
        except (pa.ArrowException, OSError, KeyError) as error:
            # Arrow says a damaged file as an OSError, a column that is not in it as a KeyError.
            raise InvalidData(f"{file.key}, rows from {row}: {str(error)[:300]}") from error


def _parquet(file: pa.NativeFile, names: list[str]) -> Iterator[pa.RecordBatch]:
    yield from parquet.ParquetFile(file).iter_batches(_BATCH, columns=names)


def _orc(file: pa.NativeFile, names: list[str]) -> Iterator[pa.RecordBatch]:
    reader = orc.ORCFile(file)
    for stripe in range(reader.nstripes):
        yield reader.read_stripe(stripe, columns=names)


def _typed(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """Bring the columns of a file into the types and the order that were asked for."""
    return pa.record_batch([_column(batch.column(field.name), field) for field in wanted], schema=wanted)


def _column(column: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_timestamp(field.type):
        # ORC gives nanoseconds without a zone, some writers plain milliseconds; all of them mean UTC.
        return column.cast(pa.timestamp("ms")).cast(field.type) if not column.type.equals(field.type) else column
    column = column.cast(field.type)
    if pa.types.is_string(field.type) and field.name not in ("bucket", "key"):
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    return column
