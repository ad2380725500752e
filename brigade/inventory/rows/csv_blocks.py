"""Record batches from blocks of CSV text as S3 writes it: every field quoted, keys encoded, no header."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from brigade.inventory.delivery.data_files import BLOCK
from brigade.inventory.rows.columns import BadRow, copy_alternate_pieces, decode_keys, empty_to_null

_ROW = re.compile(r"Row #(\d+): ")
_QUOTE, _COMMA, _NEWLINE = b'",\n'
_FIELDS = 8
"""Blocks of text in a batch of one column; of two columns half as many, and so on. Keys are decoded by the batch, for
each of its many small steps hands the interpreter from thread to thread."""


def make_parser(
    columns: Mapping[str, pa.DataType], wanted: pa.Schema
) -> Callable[[pa.Buffer | list[pa.Array]], list[pa.Array]]:
    """Return a function that parses a block of whole lines into the `wanted` columns, with keys still encoded.

    The function returns an already parsed block unchanged, so either thread may parse it.

    Args:
        columns: All columns of a line, in order.

    Raises:
        BadRow: By the returned function, counted from the first row of the block: a row is longer than a block, has
            another number of fields, or a field of another type.
    """
    # Keys come as bytes: only decoded keys have to be UTF-8.
    types = {column: pa.binary() if column == "key" else kind for column, kind in columns.items()}

    def parse(block: pa.Buffer | list[pa.Array]) -> list[pa.Array]:
        if isinstance(block, list):
            return block
        if block.size > BLOCK and block[block.size - 1] != _NEWLINE:
            raise BadRow(0, f"the row is longer than {BLOCK} bytes, which no row of S3's is")
        arrays = _quoted(block, types, wanted.names)
        return _any(block, types, wanted.names) if arrays is None else arrays

    return parse


def make_batches(blocks: Iterable[list[pa.Array]], wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield record batches of parsed blocks, with decoded keys.

    A batch has the rows of a few blocks. The first has one block, so a caller of one batch does not wait for more.
    After an error the rows of the whole blocks before it are yielded first.

    Raises:
        BadRow: Counted from the first row that was not yielded: as `blocks` raises it, or a key is not encoded as by
            S3.
    """
    held: list[list[pa.Array]] = []
    together = 1
    try:
        for block in blocks:
            held.append(block)
            if len(held) >= together:
                parsed, held, together = held, [], max(_FIELDS // len(wanted), 1)
                yield _batch(parsed, wanted)
    except Exception:
        if held:
            yield _batch(held, wanted)
        raise
    if held:
        yield _batch(held, wanted)


def _batch(parsed: list[list[pa.Array]], wanted: pa.Schema) -> pa.RecordBatch:
    """Return one batch of several parsed blocks, with decoded keys."""
    arrays = [pa.concat_arrays(pieces) for pieces in zip(*parsed, strict=True)] if len(parsed) > 1 else parsed[0]
    if "key" in wanted.names:
        index = wanted.get_field_index("key")
        arrays[index] = decode_keys(arrays[index])
    return pa.record_batch(arrays, schema=wanted)


def _quoted(block: pa.Buffer, types: Mapping[str, pa.DataType], wanted: list[str]) -> list[pa.Array] | None:
    """Parse the CSV that S3 writes: each field in quotes, no quote in a field. Return None for any other text.

    The quotes mark where fields begin and end, so only the wanted fields are copied. So it is cheap to read two of
    twenty columns.
    """
    text, width = np.frombuffer(block, np.uint8), len(types)
    quotes = np.flatnonzero(text == _QUOTE)
    if not len(quotes) or len(quotes) % (2 * width) or quotes[0] != 0 or quotes[-1] != len(text) - 2:
        return None
    # One byte between a field and the next: a comma, or behind the last field of a row its newline.
    between = text[1:][quotes[1::2]]
    commas = np.count_nonzero(between == _COMMA)
    if commas * width != len(between) * (width - 1) or (between[width - 1 :: width] != _NEWLINE).any():
        return None
    # None of these is a quote, so that the next one is two bytes on or further: the sum proves that all are two on.
    if quotes[2::2].sum() - quotes[1:-1:2].sum() != len(quotes) - 2:
        return None
    places = list(types)
    try:
        return [
            _column(block, quotes[2 * at :: 2 * width] + 1, quotes[2 * at + 1 :: 2 * width], types[column])
            for column in wanted
            for at in (places.index(column),)
        ]
    except pa.ArrowInvalid:
        return None


def _column(held: pa.Buffer, begins: Any, ends: Any, kind: pa.DataType) -> pa.Array:
    """Return the fields of a column, copied out of the text with their type. An empty field is null."""
    cuts = np.empty(2 * len(begins), np.int32)
    cuts[0::2], cuts[1::2] = begins, ends
    fields = empty_to_null(copy_alternate_pieces(held, cuts))
    if pa.types.is_binary(kind):
        return fields
    texts = fields.cast(pa.string())
    return texts if pa.types.is_string(kind) else texts.cast(kind)


def _any(block: pa.Buffer, types: Mapping[str, pa.DataType], wanted: list[str]) -> list[pa.Array]:
    """Parse any CSV. Raises BadRow with the row's number."""
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            # One thread: otherwise an error does not know its row. S3 encodes newlines, so that a line is a row.
            read_options=csv.ReadOptions(column_names=list(types), block_size=block.size + 1, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=types,
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                true_values=["true", "TRUE", "True"],
                false_values=["false", "FALSE", "False"],
            ),
        )
    except pa.ArrowInvalid as error:
        said = _ROW.search(str(error))
        raise BadRow(int(said[1]) - 1 if said else 0, _ROW.sub("", str(error))[:300]) from error
    return [table[column].combine_chunks() for column in wanted]
