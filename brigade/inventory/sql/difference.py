"""Changes in a bucket between two deliveries."""

# ruff: noqa: S608 - the pieces of the query are names that this module knows
from sqlglot import exp, parse_one

from brigade.errors import UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.sql import dialect
from brigade.inventory.sql.duckdb_query import DeliveryTable, QueryResult, query_tables

_TOLD = ("size", "e_tag", "last_modified_date")


def compare_deliveries(before: Delivery, after: Delivery) -> QueryResult:
    """Return the keys that were `added`, `removed` or `changed` from `before` to `after`, in no order.

    A row has the `change`, the `key`, and of the columns `size`, `e_tag` and `last_modified_date` that both deliveries
    have, the values before and after (`size_before`, `size_after` …; null without an object). An object is changed if
    its size or ETag differs or, without both columns, its time. In deliveries of all versions the current versions are
    compared; a delete marker is no object. Memory: as `duckdb_query.query`. The rest goes to a folder under `TMPDIR`,
    at most about the keys, sizes and ETags of both.

    Raises:
        UsageError: The deliveries are of different buckets.
        BrigadeError: As `duckdb_query.query`.
    """
    if before.manifest.source_bucket != after.manifest.source_bucket:
        raise UsageError(
            f"{before.uri} is of bucket {before.manifest.source_bucket}, {after.uri} of bucket "
            f"{after.manifest.source_bucket}: choose two deliveries of one bucket"
        )
    told = [name for name in _TOLD if name in before.manifest.columns and name in after.manifest.columns]
    compared = [name for name in told if name != "last_modified_date"] or told
    columns = ["COALESCE(b.key, a.key) AS key"]
    columns += [f"{side}.{name} AS {name}_{when}" for name in told for side, when in (("b", "before"), ("a", "after"))]
    changed = " OR ".join(["FALSE", *(f"a.{name} IS DISTINCT FROM b.{name}" for name in compared)])
    statement = parse_one(
        "SELECT CASE WHEN b.key IS NULL THEN 'added' WHEN a.key IS NULL THEN 'removed' ELSE 'changed' END AS change, "
        f"{', '.join(columns)} FROM ({_current(before, 'before', told)}) AS b "
        f"FULL JOIN ({_current(after, 'after', told)}) AS a ON a.key = b.key "
        f"WHERE a.key IS NULL OR b.key IS NULL OR {changed}",
        read="athena",
    )
    if not isinstance(statement, exp.Query):
        raise TypeError(f"sqlglot reads the difference as {type(statement).__name__}")
    return query_tables(
        statement,
        {
            name: DeliveryTable(delivery, dialect.find_columns(statement, delivery.manifest.columns))
            for name, delivery in (("before", before), ("after", after))
        },
    )


def _current(delivery: Delivery, table: str, told: list[str]) -> str:
    current = dialect.current_condition(delivery.manifest.columns)
    return f"SELECT {', '.join(['key', *told])} FROM {table}" + (f" WHERE {current}" if current else "")
