"""Inventory configurations of a bucket, read with the list call of S3."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import cast

from ministack.services import s3

from local.inventory.columns import Column, Format, chosen
from local.inventory.manifest import Place


@dataclass(frozen=True)
class Configuration:
    """One inventory configuration."""

    source: str
    id: str
    enabled: bool
    destination: str
    prefix: str
    file_format: Format
    all_versions: bool
    filter_prefix: str
    optional_fields: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its reports."""
        return chosen(self.optional_fields, versions=self.all_versions)

    @property
    def place(self) -> Place:
        """The destination of its deliveries."""
        return Place(self.prefix, self.source, self.id)


def of(bucket: str) -> list[Configuration]:
    """Return the configurations of a bucket, by their id.

    Raises:
        LookupError: The bucket does not exist.
    """
    found: list[Configuration] = []
    query = {"inventory": [""]}
    while True:
        status, _, body = s3._dispatch("GET", bucket, "", {}, b"", query)
        if status == 404:
            raise LookupError(f"there is no bucket {bucket}")
        answer = _without_namespace(body)
        found += [_parsed(bucket, element) for element in answer.iter("InventoryConfiguration")]
        token = answer.findtext("NextContinuationToken")
        if not token:
            return sorted(found, key=lambda configuration: configuration.id)
        query = {"inventory": [""], "continuation-token": [token]}


def _without_namespace(body: bytes) -> ET.Element:
    root = ET.fromstring(body)  # noqa: S314 - the emulator's own answer
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _parsed(bucket: str, element: ET.Element) -> Configuration:
    def text(path: str) -> str:
        return element.findtext(path) or ""

    where = "Destination/S3BucketDestination"
    return Configuration(
        source=bucket,
        id=text("Id"),
        enabled=text("IsEnabled") == "true",
        destination=text(f"{where}/Bucket").rpartition(":")[2],
        prefix=text(f"{where}/Prefix"),
        file_format=cast(Format, text(f"{where}/Format")),
        all_versions=text("IncludedObjectVersions") == "All",
        filter_prefix=text("Filter/Prefix"),
        optional_fields=tuple(field.text or "" for field in element.findall("OptionalFields/Field")),
    )
