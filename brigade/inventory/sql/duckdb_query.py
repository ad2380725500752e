"""SQL over one delivery on this machine: DuckDB reads the delivery's rows as a stream."""

import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from brigade.errors import BrigadeError, UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.rows import scanner
from brigade.inventory.rows.scanner import RowFilter
from brigade.inventory.sql import dialect, duckdb_translation
from brigade.inventory.sql.scope import Columns

MEMORY = "256MiB"
"""The memory of DuckDB; what needs more goes to a folder under ``TMPDIR`` that ends with the query."""

_BATCH = 1 << 13
_THREADS = 2  # each holds blocks of its own: with more, less of the memory is left for the query
_number = itertools.count()


@dataclass(frozen=True)
class QueryResult:
    """The result of a query. Its batches can be iterated once and are computed as they are read."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.schema.names)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows as Python values: integers, text, datetimes without a zone (UTC), None."""
        for batch in self.batches:
            columns = [[_plain(value) for value in column.to_pylist()] for column in batch.columns]
            yield from zip(*columns, strict=True)


def query(delivery: Delivery, sql: str) -> QueryResult:
    """Run one SELECT in Athena's SQL over the table `inventory`: the delivery's rows, and `dt` as Athena has it.

    Columns are those of `scanner.scan`; times have no zone, in UTC, as in Athena's table. Only the columns that the
    query names are read, and no more rows than it needs. The query can read or write nothing else on this machine.
    Memory: `MEMORY` and that of `scanner.scan`.

    Raises:
        UsageError: At once: the query is no SELECT over `inventory` or has a mistake.
        BrigadeError: The query failed while it ran.
        InvalidData: As `scanner.scan`.
    """
    return run_query(delivery, dialect.parse_query(sql))


def run_query(
    delivery: Delivery,
    statement: exp.Query,
    pushed: RowFilter | None = None,
    ended: scanner.OnFileRead | None = None,
) -> QueryResult:
    """Run a query that `dialect` has accepted, over the rows that match `pushed`. Guarantees and errors as `query`."""
    read = dialect.find_columns(statement, [*delivery.manifest.columns, "dt"])
    return query_tables(statement, {"inventory": DeliveryTable(delivery, read, pushed, ended)})


def query_tables(statement: exp.Query, tables: Mapping[str, "DeliveryTable"]) -> QueryResult:
    """Run a query over `tables`: deliveries by the names that the query has for them."""
    text = duckdb_translation.translate(statement, {name: table.typed() for name, table in tables.items()})
    folder = Path(tempfile.gettempdir()) / f"brigade-query-{os.getpid()}-{next(_number)}"
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(folder),
            "threads": _THREADS,
        },
    )
    for name, table in tables.items():
        connection.register(name, table)
    # As in Athena, an integer over an integer is an integer, and a day begins at midnight in UTC.
    connection.execute("SET TimeZone = 'UTC'; SET integer_division = true; SET enable_progress_bar = false")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    try:
        relation = connection.sql(text)
        reader = relation.to_arrow_reader(_BATCH)
    except duckdb.Error as error:
        connection.close()
        kind = BrigadeError if isinstance(error, duckdb.OperationalError) else UsageError  # no memory, no disk
        raise _failure(tables) or kind(f"the query cannot run: {_line(error)}") from error
    return QueryResult(reader.schema, _batches(connection, reader, tables))


@dataclass
class DeliveryTable:
    """A delivery as a table of DuckDB. Each scan of a query opens a new stream of it."""

    delivery: Delivery
    columns: list[str]
    """The columns that the query may read; no file has `dt`."""
    pushed: RowFilter | None = None
    ended: scanner.OnFileRead | None = None
    failure: BrigadeError | None = field(default=None, init=False)

    def typed(self) -> Columns:
        """Return all columns of the delivery and ``dt``, with their types in Trino."""
        columns = {**self.delivery.manifest.columns, "dt": "string"}
        return [(name, "varchar" if kind == "string" else kind) for name, kind in columns.items()]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        named = [name for name in self.columns if name != "dt"]
        wanted = scanner.schema(self.delivery.manifest, named or ["bucket"])
        given = pa.schema([field.with_type(_zoneless(field.type)) for field in wanted])
        if "dt" in self.columns:
            given = given.append(pa.field("dt", pa.string()))
        return pa.RecordBatchReader.from_batches(given, self._batches(wanted, given)).__arrow_c_stream__()

    def _batches(self, wanted: pa.Schema, given: pa.Schema) -> Iterator[pa.RecordBatch]:
        partition = pa.scalar(self.delivery.partition)
        try:
            with closing(scanner.scan(self.delivery, wanted, self.pushed, self.ended)) as found:
                for batch in found:
                    columns = [column.cast(_zoneless(column.type)) for column in batch.columns]
                    if "dt" in self.columns:
                        columns.append(pa.repeat(partition, batch.num_rows))
                    yield pa.record_batch(columns, schema=given)
        except BrigadeError as error:
            # DuckDB would turn it into text; answer and _batches raise this instead.
            self.failure = error
            raise


def _batches(
    connection: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader, tables: Mapping[str, DeliveryTable]
) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise _failure(tables) or BrigadeError(f"the query failed: {_line(error)}") from error
    finally:
        reader.close()
        connection.close()


def _failure(tables: Mapping[str, DeliveryTable]) -> BrigadeError | None:
    return next((table.failure for table in tables.values() if table.failure), None)


def _zoneless(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("ms") if pa.types.is_timestamp(kind) else kind


def _plain(value: Any) -> Any:
    # DuckDB's sum of integers is wider than any integer of Arrow: it is a decimal without a fraction.
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def _line(error: Exception) -> str:
    return " ".join(str(error).split("LINE 1:")[0].split())
