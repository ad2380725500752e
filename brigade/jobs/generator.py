"""A selection that S3 makes itself, by prefix, suffix, size, date and class: nothing passes through this machine.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_S3JobManifestGenerator.html
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

_FORMAT = "S3InventoryReport_CSV_20211130"


@dataclass(frozen=True)
class Filter:
    """Which objects; all that is given must hold. Sizes in bytes, exclusive; dates with their zone, exclusive."""

    prefix: str | None = None
    suffix: str | None = None
    larger_than: int | None = None
    smaller_than: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    storage_classes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The filter for a person."""
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
        """Give CreateJob's ``ManifestGenerator``, its manifest kept under ``prefix`` of ``reports`` (both ARNs)."""
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
