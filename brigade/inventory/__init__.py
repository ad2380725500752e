"""S3 Inventory: what is in a bucket, from the lists that S3 itself delivers, exact, streamed, in any of its formats.

for batch in read(latest(s3, "reports", "inventory", "lake", "lake"), columns=["key", "size"]):
    …
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brigade.inventory.delivery.deliveries import Delivery, deliveries, latest, open_delivery
    from brigade.inventory.delivery.manifest import DataFile, Manifest
    from brigade.inventory.export.walk import Checkpoint, each
    from brigade.inventory.reader import keys, read
    from brigade.inventory.sql.duckdb_query import Result, query

__all__ = [
    "Checkpoint",
    "DataFile",
    "Delivery",
    "Manifest",
    "Result",
    "deliveries",
    "each",
    "keys",
    "latest",
    "open_delivery",
    "query",
    "read",
]

_HOMES = {
    "delivery.deliveries": ("Delivery", "deliveries", "latest", "open_delivery"),
    "delivery.manifest": ("DataFile", "Manifest"),
    "reader": ("keys", "read"),
    "sql.duckdb_query": ("Result", "query"),
    "export.walk": ("Checkpoint", "each"),
}


def __getattr__(name: str) -> Any:
    """Load a name when it is used: who only looks for deliveries needs neither Arrow nor DuckDB."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"brigade.inventory.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
