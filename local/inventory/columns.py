"""The columns of an inventory report: names, order, and the schema in each format.

Order and names: S3 User Guide, "Amazon S3 Inventory" and "Inventory manifest". The Parquet spelling is that of real
manifests (``STRING``, ``TIMESTAMP(MILLIS,true)``, two spaces between columns), not the older one of the guide.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Format = Literal["CSV", "ORC", "Parquet"]
Kind = Literal["string", "boolean", "integer", "instant"]

_ORC = {"string": "string", "boolean": "boolean", "integer": "bigint", "instant": "timestamp"}
_PARQUET = {"string": "binary {} (STRING)", "boolean": "boolean {}", "integer": "int64 {}"}
_PARQUET_INSTANT = "int64 {} (TIMESTAMP(MILLIS,true))"


@dataclass(frozen=True)
class Column:
    """A column: its name in CSV (and as an optional field), its name in ORC and Parquet, its type."""

    field: str
    name: str
    kind: Kind = "string"
    always: bool = False
    versions: bool = False


ALL = (
    Column("Bucket", "bucket", always=True),
    Column("Key", "key", always=True),
    Column("VersionId", "version_id", versions=True),
    Column("IsLatest", "is_latest", "boolean", versions=True),
    Column("IsDeleteMarker", "is_delete_marker", "boolean", versions=True),
    Column("Size", "size", "integer"),
    Column("LastModifiedDate", "last_modified_date", "instant"),
    Column("ETag", "e_tag"),
    Column("StorageClass", "storage_class"),
    Column("IsMultipartUploaded", "is_multipart_uploaded", "boolean"),
    Column("ReplicationStatus", "replication_status"),
    Column("EncryptionStatus", "encryption_status"),
    Column("ObjectLockRetainUntilDate", "object_lock_retain_until_date", "instant"),
    Column("ObjectLockMode", "object_lock_mode"),
    Column("ObjectLockLegalHoldStatus", "object_lock_legal_hold_status"),
    Column("IntelligentTieringAccessTier", "intelligent_tiering_access_tier"),
    Column("BucketKeyStatus", "bucket_key_status"),
    Column("ChecksumAlgorithm", "checksum_algorithm"),
    Column("ObjectAccessControlList", "object_access_control_list"),
    Column("ObjectOwner", "object_owner"),
    Column("LifecycleExpirationDate", "lifecycle_expiration_date", "instant"),
    # The three fields of 2026: their place in a file is not documented, so readers must go by name.
    Column("ObjectLockEventHoldStatus", "object_lock_event_hold_status"),
    Column("ObjectLockEventHoldDuration", "object_lock_event_hold_duration"),
    Column("IntelligentTieringReferenceDate", "intelligent_tiering_reference_date", "instant"),
)


def chosen(optional_fields: Collection[str], *, versions: bool) -> tuple[Column, ...]:
    """Return the columns of a report in the order of S3: Bucket, Key, version columns, optional fields."""
    return tuple(
        column for column in ALL if column.always or (versions and column.versions) or column.field in optional_fields
    )


def schema(columns: Collection[Column], file_format: Format) -> str:
    """Return the `fileSchema` of manifest.json for these columns."""
    if file_format == "CSV":
        return ", ".join(column.field for column in columns)
    if file_format == "ORC":
        return f"struct<{','.join(f'{column.name}:{_ORC[column.kind]}' for column in columns)}>"
    lines = (
        f"  {'required' if column.always else 'optional'} "
        f"{_PARQUET.get(column.kind, _PARQUET_INSTANT).format(column.name)};"
        for column in columns
    )
    return f"message s3.inventory {{{''.join(lines)}}}"
