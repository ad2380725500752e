"""Reading a delivery, with or without a condition."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.rows import scanner
from brigade.inventory.sql import dialect, duckdb_query, predicate_pushdown


def read(
    delivery: Delivery,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    ended: scanner.Watch | None = None,
) -> scanner.Batches:
    """Stream the rows of a delivery as Arrow record batches: keys exact, sizes integers, times UTC, empty null.

    Arguments: ``columns``, which and in what order (``key``, ``size``, ``version_id`` …), all by default; ``where``, a
    condition in Athena's SQL over any of the delivery's columns: what of it is a comparison with a constant is decided
    in the reader, the rest by DuckDB; ``ended``, called with each file when all its rows were given.

    Memory is bounded as in ``rows.scan``, with a condition that is not all comparisons as in ``sql.query``. Close it if
    you stop early. Fails with NotFound at once when the delivery lacks a column, with UsageError at once when the
    condition is none, and later as ``rows.scan`` does.
    """
    wanted = scanner.schema(delivery.manifest, columns)
    if where is None:
        return scanner.scan(delivery, wanted, ended=ended)
    query = dialect.filtered(wanted.names, where)
    first, rest = predicate_pushdown.split(query.args["where"].this, delivery.manifest.columns)
    if rest is None:
        return scanner.scan(delivery, wanted, first, ended)
    return _decided(duckdb_query.run(delivery, query.where(rest, append=False), first, ended), wanted)


def keys(delivery: Delivery, where: str | None = None) -> Iterator[str]:
    """Give every key of a delivery, exact, those that match ``where`` as in ``read``; it fails as ``read`` does."""
    for batch in read(delivery, ["key"], where):
        yield from batch.column("key").to_pylist()


def _decided(found: duckdb_query.Result, wanted: pa.Schema) -> scanner.Batches:
    for batch in found.batches:
        yield pa.record_batch([batch.column(field.name).cast(field.type) for field in wanted], schema=wanted)
