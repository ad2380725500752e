"""Rows as text on a pipe: CSV, TSV or JSON Lines, a batch at a time."""

import io
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

Form = Literal["csv", "tsv", "jsonl"]

# A value of TSV is one line without a tab, as PostgreSQL's COPY writes it; the backslash goes first.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def lines(schema: pa.Schema, batches: Iterable[pa.RecordBatch], form: Form) -> Iterator[bytes]:
    r"""Write rows as UTF-8 text: the header first (not in JSON Lines), then each batch whole, never part of a row.

    ``csv`` quotes every text, doubles quotes in it, and leaves a key's newline in it; a null is nothing. ``tsv`` writes
    a tab, newline, carriage return and backslash in a value as ``\t``, ``\n``, ``\r`` and ``\\``; a null is nothing.
    ``jsonl`` gives an object a row. Times are ISO 8601 in UTC: ``2026-11-22T01:00:06.000Z``.
    """
    if form != "jsonl":
        yield ("," if form == "csv" else "\t").join(schema.names).encode() + b"\n"
    write = {"csv": _csv, "tsv": _tsv, "jsonl": _jsonl}[form]
    for batch in batches:
        if batch.num_rows:
            yield write(pa.record_batch([_readable(column) for column in batch.columns], names=schema.names))


def _readable(column: pa.Array) -> pa.Array:
    return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ") if pa.types.is_timestamp(column.type) else column


def _csv(batch: pa.RecordBatch) -> bytes:
    out = io.BytesIO()
    csv.write_csv(batch, out, csv.WriteOptions(include_header=False))
    return out.getvalue()


def _tsv(batch: pa.RecordBatch) -> bytes:
    columns = [_escaped(column.cast(pa.string())) for column in batch.columns]
    joined = pc.binary_join_element_wise(*columns, "\t", null_handling="replace", null_replacement="")
    return "\n".join([*joined.to_pylist(), ""]).encode()


def _escaped(column: pa.Array) -> pa.Array:
    for raw, written in _ESCAPES:
        column = pc.replace_substring(column, raw, written)
    return column


def _jsonl(batch: pa.RecordBatch) -> bytes:
    return msgspec.json.Encoder().encode_lines(batch.to_pylist())
