"""Selections: from an inventory, a list of keys, or a filter of S3's own, to the objects of a job.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_S3JobManifestGenerator.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from brigade.errors import InvalidData, UsageError
from brigade.inventory import Delivery
from brigade.inventory import read as read_inventory
from brigade.inventory.sql.dialect import current_condition
from brigade.jobs.manifest import ObjectColumns
from brigade.jobs.row import NULL_VERSION, ManifestRow, encode_key


def select_delivery(delivery: Delivery, where: str | None = None) -> Iterator[ObjectColumns]:
    """Yield the objects of a delivery that match `where` (SQL over its columns), as columns.

    In an inventory of all versions, each row pins the version that was current then. Delete markers are left out.
    """
    columns = delivery.manifest.columns
    versions, sizes = "version_id" in columns, "size" in columns
    wanted = ["bucket", "key", *(["version_id"] if versions else []), *(["size"] if sizes else [])]
    for batch in read_inventory(delivery, wanted, current_condition(columns, where)):
        if batch.num_rows:
            yield ObjectColumns(
                batch.column("bucket"),
                batch.column("key"),
                pc.fill_null(batch.column("version_id"), NULL_VERSION) if versions else None,
                batch.column("size") if sizes else None,
            )


def select_keys(lines: Iterable[bytes], bucket: str, name: str) -> Iterator[ManifestRow]:
    """Yield the objects of a list: one key per line, unencoded, or `bucket<TAB>key`. Only a newline ends a key.

    Args:
        bucket: The bucket of a line without one.
        name: Name of the list for errors.

    Raises:
        UsageError: A line is blank. The message names it.
        InvalidData: A line is not UTF-8.
    """
    for number, line in enumerate(lines, 1):
        try:
            text = line.removesuffix(b"\n").decode()
        except UnicodeDecodeError:
            raise InvalidData(f"{name}, line {number}: not UTF-8") from None
        named, tab, key = text.partition("\t")
        if not tab:
            named, key = bucket, text
        if not key:
            raise UsageError(f"{name}, line {number}: no key; write one key, or bucket<TAB>key, on each line")
        yield ManifestRow(named, encode_key(key))


_FORMAT = "S3InventoryReport_CSV_20211130"


@dataclass(frozen=True)
class ObjectFilter:
    """A filter of objects. All conditions must hold. Sizes in bytes and dates with their zone are exclusive limits."""

    prefix: str | None = None
    suffix: str | None = None
    larger_than: int | None = None
    smaller_than: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    storage_classes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The filter as text for a person."""
        told = {
            "prefix": self.prefix,
            "suffix": self.suffix,
            "larger than": self.larger_than,
            "smaller than": self.smaller_than,
            "created after": self.created_after,
            "created before": self.created_before,
            "of class": ", ".join(self.storage_classes) or None,
        }
        return "objects " + ", ".join(f"{name} {value}" for name, value in told.items() if value is not None)

    def request(self, lake: str, reports: str, prefix: str) -> dict[str, Any]:
        """Return `ManifestGenerator` of CreateJob, with its manifest stored under `prefix` of `reports`.

        Args:
            lake: ARN of the objects' bucket.
            reports: ARN of the reports bucket.
        """
        names = {"MatchAnyPrefix": self.prefix, "MatchAnySuffix": self.suffix}
        chosen: dict[str, Any] = {
            "KeyNameConstraint": {name: [value] for name, value in names.items() if value is not None},
            "ObjectSizeGreaterThanBytes": self.larger_than,
            "ObjectSizeLessThanBytes": self.smaller_than,
            "CreatedAfter": self.created_after,
            "CreatedBefore": self.created_before,
            "MatchAnyStorageClass": list(self.storage_classes),
        }
        output = {"Bucket": reports, "ManifestPrefix": prefix, "ManifestFormat": _FORMAT}
        return {
            "S3JobManifestGenerator": {
                "SourceBucket": lake,
                "EnableManifestOutput": True,
                "ManifestOutputLocation": output,
                "Filter": {name: value for name, value in chosen.items() if value not in (None, [], {})},
            }
        }
