"""To Parquet: JSON Lines, packed or not, as columns."""

import io
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from pyarrow import json, parquet

from brigade.codec import gunzip
from brigade.errors import InvalidData
from brigade.operations import Object, Operation

_BLOCK = 8 * 1024 * 1024
_TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("ms", tz="UTC"),
}


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments: the columns."""

    columns: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    """``name:type`` with commas between, of text, integer, number, boolean, time; empty: all, with types as found."""

    def __post_init__(self) -> None:
        _given(self.columns)


def to_parquet(source: Object, arguments: Arguments) -> str:
    """Write `a.jsonl` or `a.jsonl.gz` as `a.parquet`, one row per line, unless it is its result already.

    Without `columns` the content is read twice: first for the columns and their types over all lines (integers and
    numbers make numbers), then to write. With `columns`, other fields are dropped and absent ones are null. Memory:
    about 150 MiB at any size: 8 MiB of lines at a time, one row group each.

    Raises:
        InvalidData: The key has another ending, a line is no JSON object or longer than 8 MiB, or the types of a field
            do not go together.
        ConditionLost: `a.parquet` is the result of another key, such as `a.jsonl` beside `a.jsonl.gz`. It is not
            changed.
    """
    stem = source.key.removesuffix(".gz")
    if not stem.endswith(".jsonl"):
        raise InvalidData("the key ends neither in .jsonl nor in .jsonl.gz")
    target = stem.removesuffix(".jsonl") + ".parquet"
    given = _given(arguments.columns)
    if source.has_made(target, arguments.columns):
        return f"made already: {target}"
    condition = source.replaces(target)
    wanted = given or _found(source)
    rows = 0
    with (
        source.writer(
            target, content_type="application/vnd.apache.parquet", condition=condition, recipe=arguments.columns
        ) as out,
        parquet.ParquetWriter(pa.PythonFile(_Sink(out), mode="w"), wanted, compression="zstd") as table,
    ):
        for block in _tables(source, wanted):
            table.write_table(block)
            rows += block.num_rows
    return f"rows={rows} columns={len(wanted)} bytes={out.bytes}: {target}"


def _given(text: str) -> pa.Schema | None:
    fields = []
    for column in filter(None, text.split(",")):
        name, _, kind = column.rpartition(":")
        if not name or kind not in _TYPES:
            raise ValueError(f"`columns`: {column!r} is no name:type; types are {', '.join(_TYPES)}")
        fields.append(pa.field(name, _TYPES[kind]))
    return pa.schema(fields) if fields else None


def _found(source: Object) -> pa.Schema:
    schema = pa.schema([])
    for block in _tables(source, None):
        try:
            schema = pa.unify_schemas([schema, block.schema], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InvalidData(f"a field has types that do not go together; name the columns: {error}") from None
    if not len(schema):
        raise InvalidData("there is no line, so there are no columns; name them by the argument columns")
    return schema


def _tables(source: Object, schema: pa.Schema | None) -> Iterator[pa.Table]:
    line = 1
    for block in _blocks(source):
        options = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore" if schema else "infer")
        try:
            table = json.read_json(
                io.BytesIO(block), json.ReadOptions(use_threads=False, block_size=len(block) + 1), options
            )
        except pa.ArrowInvalid as error:
            raise InvalidData(f"in the lines from {line}: {error}") from None
        line += block.count(b"\n")
        yield table if schema is None else table.select(schema.names).cast(schema)


def _blocks(source: Object) -> Iterator[bytes]:
    pieces: Iterable[bytes] = source.stream()
    rest = b""
    for piece in gunzip(pieces) if source.key.endswith(".gz") else pieces:
        rest += piece
        if len(rest) >= _BLOCK:
            end = rest.rfind(b"\n") + 1
            if not end:
                raise InvalidData(f"a line is longer than {_BLOCK:,} bytes")
            yield rest[:end]
            rest = rest[end:]
    if rest.strip():
        yield rest


class _Sink:
    """The file that Arrow writes to, over a writer."""

    closed = False

    def __init__(self, out: Any) -> None:
        self._out = out

    def write(self, block: Any) -> int:
        """Write a block."""
        return int(self._out.write(block))

    def tell(self) -> int:
        """Return the number of bytes written."""
        return int(self._out.bytes)

    def flush(self) -> None:
        """Do nothing: no byte waits."""

    def close(self) -> None:
        """Do nothing: the writer's own block closes it."""


OPERATION = Operation(
    run=to_parquet,
    arguments=Arguments,
    summary="Write JSON Lines (.jsonl, .jsonl.gz) as Parquet beside it.",
    memory_mib=1024,
    timeout_s=900,
    price="rewrite",
    reads=("*.jsonl", "*.jsonl.gz"),
    writes=("*.parquet",),
    checks=("*.parquet",),
)
