"""Reading a delivery, with or without a condition."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from brigade.inventory import dialect, rows, sql
from brigade.inventory.delivery import Delivery, Store


def read(
    s3: Store, delivery: Delivery, columns: Sequence[str] | None = None, where: str | None = None
) -> Iterator[pa.RecordBatch]:
    """Stream the rows of a delivery as Arrow record batches: keys exact, sizes integers, times UTC, empty null.

    Arguments: ``columns``, which and in what order (``key``, ``size``, ``version_id`` …), all by default; ``where``, a
    condition in Athena's SQL over any of the delivery's columns.

    Memory is bounded as in ``rows.scan``, with a condition as in ``sql.query``. Fails with NotFound at once when the
    delivery lacks a column, with UsageError at once when the condition is none, and later as ``rows.scan`` does.
    """
    wanted = rows.schema(delivery.manifest, columns)
    if where is None:
        return rows.scan(s3, delivery, wanted)
    found = sql.run(s3, delivery, dialect.filtered(wanted.names, where))
    typed = ([batch.column(field.name).cast(field.type) for field in wanted] for batch in found.batches)
    return (pa.record_batch(columns, schema=wanted) for columns in typed)
