"""Rows as bytes on a pipe: CSV, TSV, JSON Lines, Parquet, or keys ended by NUL, a batch at a time."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from brigade.errors import UsageError

Form = Literal["csv", "tsv", "jsonl", "parquet", "keys0"]

# A value of TSV is one line without a tab, as PostgreSQL's COPY writes it; the backslash goes first.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_PLAIN = len("2026-11-22 01:00:06.000")
_GROUP = 16 << 20  # bytes of a row group of Parquet, which is in memory until it is whole


def serialize_rows(schema: pa.Schema, batches: Iterable[pa.RecordBatch], form: Form) -> Iterator[bytes]:
    r"""Yield rows as UTF-8 text: the header first (CSV and TSV), then each batch, always whole rows.

    `csv` quotes each text, doubles quotes and keeps newlines; null is empty. `tsv` writes tab, newline, carriage return
    and backslash as `\t`, `\n`, `\r` and `\\`; null is empty. `jsonl` writes one object per row. Times are ISO 8601 in
    UTC:
    `2026-11-22T01:00:06.000Z`. `keys0` writes each key and a NUL, for `xargs -0`. `parquet` writes a file with the
    types of `scanner.schema`, complete after the last byte; its memory is a row group of 16 MiB.

    Raises:
        UsageError: `keys0` with any other column than `key`.
    """
    if form == "keys0" and schema.names != ["key"]:
        raise UsageError("keys0 writes only keys: leave --columns out, or set it to key")
    if form == "parquet":
        return _parquet(schema, batches)
    return _text(schema, batches, form)


def _text(schema: pa.Schema, batches: Iterable[pa.RecordBatch], form: Form) -> Iterator[bytes]:
    if form in ("csv", "tsv"):
        yield ("," if form == "csv" else "\t").join(schema.names).encode() + b"\n"
    write = _WRITERS[form]
    for batch in batches:
        if batch.num_rows:
            yield write(pa.record_batch([_readable(column) for column in batch.columns], names=schema.names))


def _readable(column: pa.Array) -> pa.Array:
    """Convert times to text. Arrow's own text has a space and no zone; with a zone it is twenty times as slow."""
    if not pa.types.is_timestamp(column.type):
        return column
    texts = column.cast(pa.timestamp("ms")).cast(pa.string())
    validity, offsets, _ = texts.buffers()
    starts = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4)
    plain = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[starts[0] : starts[-1]].reshape(-1, _PLAIN)
    written = np.empty((len(plain), _PLAIN + 1), np.uint8)
    written[:, :_PLAIN] = plain
    written[:, len("2026-11-22")], written[:, _PLAIN] = b"TZ"
    moved = ((starts - starts[0]) // _PLAIN * (_PLAIN + 1)).astype(np.int32)
    if texts.offset:
        validity = texts.is_valid().buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(texts), [validity, pa.py_buffer(moved), pa.py_buffer(written)])


def _csv(batch: pa.RecordBatch) -> bytes:
    out = pa.BufferOutputStream()
    csv.write_csv(batch, out, csv.WriteOptions(include_header=False, batch_size=batch.num_rows))
    return bytes(out.getvalue().to_pybytes())


def _tsv(batch: pa.RecordBatch) -> bytes:
    columns = [_escaped(column.cast(pa.string())) for column in batch.columns]
    return _joined([*columns[:-1], _ended(columns[-1], "\n")], "\t")


def _keys(batch: pa.RecordBatch) -> bytes:
    return _joined([_ended(batch.column(0), "\0")], "")


def _ended(column: pa.Array, end: str) -> pa.Array:
    return pc.binary_join_element_wise(column, "", end, null_handling="replace", null_replacement="")


def _joined(columns: list[pa.Array], between: str) -> bytes:
    whole = pc.binary_join_element_wise(*columns, between, null_handling="replace", null_replacement="")
    return b"".join(whole.cast(pa.binary()).to_pylist())


def _escaped(column: pa.Array) -> pa.Array:
    for raw, written in _ESCAPES:
        column = pc.replace_substring(column, raw, written)
    return column


def _jsonl(batch: pa.RecordBatch) -> bytes:
    return msgspec.json.Encoder().encode_lines(batch.to_pylist())


_WRITERS: Mapping[str, Callable[[pa.RecordBatch], bytes]] = {"csv": _csv, "tsv": _tsv, "jsonl": _jsonl, "keys0": _keys}


class _Sink(io.RawIOBase):
    """The output file of the Parquet writer. `taken` returns and removes the pieces written so far."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, piece: Any) -> int:
        """Append a piece."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        """Return the bytes written since the last call."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole


def _parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    sink, held, size = _Sink(), [], 0
    with parquet.ParquetWriter(pa.PythonFile(sink, "w"), schema, compression="zstd") as writer:
        for batch in batches:
            held.append(batch)
            size += batch.nbytes
            if size >= _GROUP:
                writer.write_table(pa.Table.from_batches(held))
                held, size = [], 0
                yield sink.taken()
        if held:
            writer.write_table(pa.Table.from_batches(held))
    yield sink.taken()
