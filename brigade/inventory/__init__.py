"""S3 Inventory: what is in a bucket, from the lists that S3 itself delivers, exact, streamed, in any of its formats.

for batch in read(s3, latest(s3, "reports", "inventory", "lake", "lake"), columns=["key", "size"]):
    …
"""

from brigade.inventory.delivery import Delivery, deliveries, latest, open_delivery
from brigade.inventory.manifest import DataFile, Manifest
from brigade.inventory.reading import each_key, read
from brigade.inventory.sql import Result, query

__all__ = [
    "DataFile",
    "Delivery",
    "Manifest",
    "Result",
    "deliveries",
    "each_key",
    "latest",
    "open_delivery",
    "query",
    "read",
]
