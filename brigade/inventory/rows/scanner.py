"""The rows of a delivery as Arrow record batches, the same typed columns whichever format S3 wrote."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import dataset, fs, parquet

from brigade.catalog import Kind
from brigade.errors import InvalidData, NotFound, did_you_mean
from brigade.inventory.delivery.data_files import decompress_blocks, open_data_file, stream_data_file
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.delivery.manifest import DataFile, Manifest
from brigade.inventory.rows import csv_blocks
from brigade.inventory.rows.columns import BadRow, empty_to_null
from brigade.streams import count_cores, prefetch, round_robin

TYPES: Mapping[Kind, pa.DataType] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
}
FILES_AT_ONCE = 2
"""Data files read at the same time. More of them share the caches of the cores and take longer."""

ORDER = 5
"""The version of the order of rows in ``scan``. A change of the order, here or in ``data_files``, raises it."""

_BLOCKS = 3
"""Blocks of text that wait to be parsed; then the thread that inflates parses as well."""

_CELLS = 1 << 16  # of a batch of the columnar formats: 2 MiB about
_ROWS = {"ORC": 1 << 12, "Parquet": 1 << 13}  # of a batch at least; ORC's reader needs more memory for each

Batches = Generator[pa.RecordBatch, None, None]
OnFileRead = Callable[[DataFile], None]


@dataclass(frozen=True)
class RowFilter:
    """A condition for the reader: its columns, and the part that Parquet's row group statistics can evaluate."""

    columns: frozenset[str]
    keep: pc.Expression
    groups: pc.Expression | None


def schema(manifest: Manifest, columns: Sequence[str] | None = None) -> pa.Schema:
    """Return the Arrow schema of `columns`, in this order; of all columns if None.

    Raises:
        NotFound: The delivery lacks a column. The message lists its columns.
    """
    names = list(manifest.columns) if columns is None else list(columns)
    lacking = [name for name in names if name not in manifest.columns]
    if lacking or not names:
        hint = did_you_mean(lacking[0] if lacking else "", manifest.columns)
        raise NotFound(f"the delivery has no column {', '.join(lacking) or 'asked for'}; {hint}")
    return pa.schema([(name, TYPES[manifest.columns[name]]) for name in names])


def scan(
    delivery: Delivery, wanted: pa.Schema, pushed: RowFilter | None = None, ended: OnFileRead | None = None
) -> Batches:
    """Stream the rows of a delivery. Empty text is null, except in bucket and key; times are UTC.

    `FILES_AT_ONCE` files are read at the same time, one batch of each in turn, always in the same order. No file starts
    before its turn. Stopping early costs the bytes read until then: of ORC and Parquet on S3, whole files.
    Memory: 200 MiB, measured by `benchmarks/inventory.py`.

    Args:
        wanted: A `schema` of the delivery.
        pushed: The condition for rows.
        ended: Called with each file after all of its rows.

    Raises:
        NotFound: A data file is missing.
        InvalidData: A file differs from the manifest or is damaged. The message names file and row. Earlier rows were
            right, but their file was not verified whole.
    """
    read = schema(
        delivery.manifest, [*wanted.names, *sorted((pushed.columns if pushed else set()) - set(wanted.names))]
    )
    return _scanned(delivery, wanted, read, pushed, ended)


def _scanned(
    delivery: Delivery, wanted: pa.Schema, read: pa.Schema, pushed: RowFilter | None, ended: OnFileRead | None
) -> Batches:
    files, here = delivery.manifest.files, count_cores()

    def lane(index: int, file: DataFile) -> Batches:
        # A thread for each file that is read now; what one does beside the other only if there is a core for it.
        beside = here > min(FILES_AT_ONCE, len(files) - index // FILES_AT_ONCE * FILES_AT_ONCE)
        decode = partial(_parsed, beside=beside) if delivery.manifest.format == "CSV" else _decoded
        with closing(prefetch(lambda: decode(delivery, file, read, pushed))) as found:
            for batch in found:
                if batch.num_rows:
                    yield batch if len(read) == len(wanted) else batch.select(wanted.names)
        if ended is not None:
            ended(file)

    with closing(round_robin(map(lane, count(), files), FILES_AT_ONCE)) as batches:
        yield from batches


def _parsed(
    delivery: Delivery, file: DataFile, wanted: pa.Schema, pushed: RowFilter | None, *, beside: bool
) -> Batches:
    """Parse a file of CSV, with a second thread that decompresses and verifies it if `beside`.

    That thread also parses while it would otherwise wait, so that both are busy.
    """
    parse = csv_blocks.make_parser({name: TYPES[kind] for name, kind in delivery.manifest.columns.items()}, wanted)
    row = 1
    text = prefetch(lambda: _text(delivery, file), _BLOCKS, meanwhile=parse) if beside else _text(delivery, file)
    with closing(text):
        try:
            for batch in csv_blocks.make_batches(map(parse, text), wanted):
                yield _kept(batch, pushed)
                row += batch.num_rows
        except BadRow as bad:
            raise InvalidData(f"{file.key} row {row + bad.row}: {bad}") from bad


def _text(delivery: Delivery, file: DataFile) -> Generator[pa.Buffer, None, None]:
    with closing(stream_data_file(delivery, file)) as chunks:
        yield from decompress_blocks(chunks, file.key)


def _decoded(delivery: Delivery, file: DataFile, wanted: pa.Schema, pushed: RowFilter | None) -> Batches:
    row, size = 1, max(_CELLS // len(wanted), _ROWS[delivery.manifest.format])
    with open_data_file(delivery, file) as path:
        try:
            orc = delivery.manifest.format == "ORC"
            for batch in _orc(path, wanted.names, size) if orc else _parquet(path, wanted.names, size, pushed):
                yield _kept(_typed(batch, wanted), pushed)
                row += batch.num_rows
        except (pa.ArrowException, OSError, KeyError) as error:
            # Arrow raises OSError for a damaged file, KeyError for a missing column.
            raise InvalidData(f"{file.key}, rows from {row}: {str(error)[:300]}") from error


def _parquet(path: Path, names: list[str], size: int, pushed: RowFilter | None) -> Iterator[pa.RecordBatch]:
    # Pages come through a buffer: a column of a row group need not be in memory as a whole.
    with parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
        groups = list(range(file.num_row_groups))
        if pushed is not None and pushed.groups is not None:
            fragment = dataset.ParquetFileFormat().make_fragment(str(path), filesystem=fs.LocalFileSystem())
            groups = [group.id for group in fragment.subset(pushed.groups).row_groups]
        if groups:
            yield from file.iter_batches(size, row_groups=groups, columns=names, use_threads=False)


def _orc(path: Path, names: list[str], size: int) -> Iterator[pa.RecordBatch]:
    # This reads a stripe in batches; ``orc.ORCFile`` would return it whole.
    fragment = dataset.OrcFileFormat().make_fragment(str(path), filesystem=fs.LocalFileSystem())
    yield from fragment.to_batches(
        columns=names, batch_size=size, batch_readahead=0, fragment_readahead=0, use_threads=False
    )


def _kept(batch: pa.RecordBatch, pushed: RowFilter | None) -> pa.RecordBatch:
    return batch if pushed is None else batch.filter(pushed.keep)


def _typed(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """Convert the columns of a file to the requested types and order."""
    return pa.record_batch([_column(batch.column(field.name), field) for field in wanted], schema=wanted)


def _column(column: pa.Array, field: pa.Field) -> pa.Array:
    if field.name in ("bucket", "key") and column.type.equals(field.type):
        return column
    if pa.types.is_timestamp(field.type):
        # ORC has nanoseconds without a zone, some writers plain milliseconds; all of them mean UTC.
        return column.cast(pa.timestamp("ms")).cast(field.type) if not column.type.equals(field.type) else column
    column = column.cast(field.type)
    if pa.types.is_string(field.type) and field.name not in ("bucket", "key"):
        return empty_to_null(column)
    return column
