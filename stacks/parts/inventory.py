"""S3 Inventory of a bucket: the configuration, the destination's consent, and the columns that its files have."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from brigade.settings import Inventory


class Column(NamedTuple):
    """A column of a delivery: S3's name for it (none: always there), the table's, and its type by format."""

    field: str | None
    name: str
    typed: str
    """In ORC and Parquet."""
    text: str
    """In CSV, whose SerDe fails on an empty number, takes no ISO date, and reads an empty boolean as one: strings."""


_VERSION_COLUMNS = (
    Column(None, "version_id", "string", "string"),
    Column(None, "is_latest", "boolean", "string"),
    Column(None, "is_delete_marker", "boolean", "string"),
)
# In the order in which S3 writes them: a CSV file has no header, so the table's order is what names its fields.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
_OPTIONAL_COLUMNS = (
    Column("Size", "size", "bigint", "string"),
    Column("LastModifiedDate", "last_modified_date", "timestamp", "string"),
    Column("ETag", "e_tag", "string", "string"),
    Column("StorageClass", "storage_class", "string", "string"),
    Column("IsMultipartUploaded", "is_multipart_uploaded", "boolean", "string"),
    Column("ReplicationStatus", "replication_status", "string", "string"),
    Column("EncryptionStatus", "encryption_status", "string", "string"),
    Column("ObjectLockRetainUntilDate", "object_lock_retain_until_date", "bigint", "string"),
    Column("ObjectLockMode", "object_lock_mode", "string", "string"),
    Column("ObjectLockLegalHoldStatus", "object_lock_legal_hold_status", "string", "string"),
    Column("IntelligentTieringAccessTier", "intelligent_tiering_access_tier", "string", "string"),
    Column("BucketKeyStatus", "bucket_key_status", "string", "string"),
    Column("ChecksumAlgorithm", "checksum_algorithm", "string", "string"),
    Column("ObjectAccessControlList", "object_access_control_list", "string", "string"),
    Column("ObjectOwner", "object_owner", "string", "string"),
    Column("LifecycleExpirationDate", "lifecycle_expiration_date", "timestamp", "string"),
)


def columns(versions: str) -> tuple[Column, ...]:
    """The columns of a delivery with ``All`` or ``Current`` versions, in the order of its files."""
    always = (Column(None, "bucket", "string", "string"), Column(None, "key", "string", "string"))
    return (*always, *(_VERSION_COLUMNS if versions == "All" else ()), *_OPTIONAL_COLUMNS)


def deliver(*, source: s3.Bucket, destination: s3.Bucket, inventory: Inventory, existing: Sequence[str] = ()) -> None:
    """Have S3 write an inventory of ``source`` into ``destination``, with every optional field.

    Arguments: ``existing``, names of buckets that are not made here; the destination takes their inventories too.

    The source names the destination; the destination's policy names both. So the policy comes last and nothing is
    circular. CDK's own ``Bucket.inventories`` is not used: its policy lacks the account and the ACL that AWS asks for.
    """
    stack = Stack.of(source)
    bucket = cast(s3.CfnBucket, source.node.default_child)
    bucket.inventory_configurations = [
        s3.CfnBucket.InventoryConfigurationProperty(
            id=inventory.id,
            enabled=True,
            included_object_versions=inventory.versions,
            schedule_frequency=inventory.frequency,
            optional_fields=fields(),
            destination=s3.CfnBucket.DestinationProperty(
                bucket_arn=destination.bucket_arn,
                bucket_account_id=stack.account,
                format=inventory.format,
                prefix=inventory.prefix,
            ),
        )
    ]
    others = [f"arn:{stack.partition}:s3:::{name}" for name in existing]
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html#example-bucket-policies-s3-inventory
    destination.add_to_resource_policy(
        iam.PolicyStatement(
            sid="InventoryPolicy",
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[destination.arn_for_objects(f"{inventory.prefix}/*")],
            conditions={
                "ArnLike": {"aws:SourceArn": [source.bucket_arn, *others] if others else source.bucket_arn},
                "StringEquals": {"aws:SourceAccount": stack.account, "s3:x-amz-acl": "bucket-owner-full-control"},
            },
        )
    )


def fields() -> list[str]:
    """The optional fields of an inventory configuration: all that there is a column for."""
    return [column.field for column in _OPTIONAL_COLUMNS if column.field]
