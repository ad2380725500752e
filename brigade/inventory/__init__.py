"""S3 Inventory: stream the exact objects of a bucket from the lists that S3 delivers, in any of S3's formats.

for batch in read(latest(s3, "reports", "inventory", "lake", "lake"), columns=["key", "size"]):
    …
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brigade.inventory.delivery.deliveries import Delivery, list_deliveries, open_delivery, open_latest_delivery
    from brigade.inventory.delivery.manifest import DataFile, Manifest
    from brigade.inventory.export.walk import WalkCheckpoint, for_each_key
    from brigade.inventory.reader import read, read_keys
    from brigade.inventory.sql.duckdb_query import QueryResult, query

__all__ = [
    "DataFile",
    "Delivery",
    "Manifest",
    "QueryResult",
    "WalkCheckpoint",
    "for_each_key",
    "list_deliveries",
    "open_delivery",
    "open_latest_delivery",
    "query",
    "read",
    "read_keys",
]

_HOMES = {
    "delivery.deliveries": ("Delivery", "list_deliveries", "open_latest_delivery", "open_delivery"),
    "delivery.manifest": ("DataFile", "Manifest"),
    "reader": ("read_keys", "read"),
    "sql.duckdb_query": ("QueryResult", "query"),
    "export.walk": ("WalkCheckpoint", "for_each_key"),
}


if not TYPE_CHECKING:  # a type checker knows the names above, and no other

    def __getattr__(name: str) -> Any:
        """Load a name on first use: a list of deliveries needs neither Arrow nor DuckDB."""
        for module, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"brigade.inventory.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
