"""Read a delivery, with or without a condition."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.rows import scanner
from brigade.inventory.sql import dialect, duckdb_query, predicate_pushdown


def read(
    delivery: Delivery,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    ended: scanner.OnFileRead | None = None,
) -> scanner.Batches:
    """Stream the rows of a delivery as Arrow record batches: keys exact, sizes integers, times UTC, empty text null.

    Memory is bounded as in `scanner.scan`, or as in `duckdb_query.query` if the condition needs DuckDB.
    Close the iterator to stop early.

    Args:
        columns: Columns in this order (`key`, `size`, `version_id` …); None: all.
        where: A condition in Athena's SQL over any column of the delivery. The reader evaluates comparisons with
            constants, DuckDB the rest.
        ended: Called with each data file after all of its rows.

    Raises:
        NotFound: At once: the delivery lacks a column.
        UsageError: At once: the condition is invalid.
        InvalidData: Later: a data file is damaged.
    """
    wanted = scanner.schema(delivery.manifest, columns)
    if where is None:
        return scanner.scan(delivery, wanted, ended=ended)
    query = dialect.filter_query(wanted.names, where)
    first, rest = predicate_pushdown.push_down(query.args["where"].this, delivery.manifest.columns)
    if rest is None:
        return scanner.scan(delivery, wanted, first, ended)
    return _decided(duckdb_query.run_query(delivery, query.where(rest, append=False), first, ended), wanted)


def read_keys(delivery: Delivery, where: str | None = None) -> Iterator[str]:
    """Yield the exact key of each object of a delivery that matches `where`. Raises as `read`."""
    for batch in read(delivery, ["key"], where):
        yield from batch.column("key").to_pylist()


def _decided(found: duckdb_query.QueryResult, wanted: pa.Schema) -> scanner.Batches:
    for batch in found.batches:
        yield pa.record_batch([batch.column(field.name).cast(field.type) for field in wanted], schema=wanted)
