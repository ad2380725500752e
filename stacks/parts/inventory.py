"""S3 Inventory of a bucket: its configuration, the policy of the destination, and the columns of its files."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from brigade.settings import Inventory


class InventoryColumn(NamedTuple):
    """A column of the files of a delivery.

    Attributes:
        field: The optional field of S3 Inventory, or None for a column that every delivery has.
        name: The name in the Glue table.
        orc_type: The Glue type in ORC and Parquet.
        csv_type: The Glue type in CSV: always string. The CSV SerDe fails for an empty number, does not parse ISO 8601
            and reads an empty boolean as a value.
    """

    field: str | None
    name: str
    orc_type: str
    csv_type: str = "string"

    def type_in(self, format_: str) -> str:
        """Return the Glue type of the column in files of a format: `CSV`, `ORC` or `Parquet`."""
        return self.csv_type if format_ == "CSV" else self.orc_type


_VERSION_COLUMNS = (
    InventoryColumn(None, "version_id", "string"),
    InventoryColumn(None, "is_latest", "boolean"),
    InventoryColumn(None, "is_delete_marker", "boolean"),
)
# The order in which S3 writes them. A CSV file has no header, so the order of the table names its fields.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
_OPTIONAL_COLUMNS = (
    InventoryColumn("Size", "size", "bigint"),
    InventoryColumn("LastModifiedDate", "last_modified_date", "timestamp"),
    InventoryColumn("ETag", "e_tag", "string"),
    InventoryColumn("StorageClass", "storage_class", "string"),
    InventoryColumn("IsMultipartUploaded", "is_multipart_uploaded", "boolean"),
    InventoryColumn("ReplicationStatus", "replication_status", "string"),
    InventoryColumn("EncryptionStatus", "encryption_status", "string"),
    InventoryColumn("ObjectLockRetainUntilDate", "object_lock_retain_until_date", "bigint"),
    InventoryColumn("ObjectLockMode", "object_lock_mode", "string"),
    InventoryColumn("ObjectLockLegalHoldStatus", "object_lock_legal_hold_status", "string"),
    InventoryColumn("IntelligentTieringAccessTier", "intelligent_tiering_access_tier", "string"),
    InventoryColumn("BucketKeyStatus", "bucket_key_status", "string"),
    InventoryColumn("ChecksumAlgorithm", "checksum_algorithm", "string"),
    InventoryColumn("ObjectAccessControlList", "object_access_control_list", "string"),
    InventoryColumn("ObjectOwner", "object_owner", "string"),
    InventoryColumn("LifecycleExpirationDate", "lifecycle_expiration_date", "timestamp"),
)


def columns(versions: str) -> tuple[InventoryColumn, ...]:
    """Return the columns of a delivery with `All` or `Current` versions, in the order of its files."""
    required = (InventoryColumn(None, "bucket", "string"), InventoryColumn(None, "key", "string"))
    return (*required, *(_VERSION_COLUMNS if versions == "All" else ()), *_OPTIONAL_COLUMNS)


def configure_inventory(
    *, source: s3.Bucket, destination: s3.Bucket, inventory: Inventory, existing: Sequence[str] = ()
) -> None:
    """Configure an inventory of `source` in `destination`, with every optional field.

    The source names the destination, and the policy of the destination names the source. The policy is a resource of
    its own, so CloudFormation sees no cycle. CDK's `Bucket.inventories` is not used, because its policy lacks the
    account and the ACL that AWS requires.

    Args:
        source: The bucket to list.
        destination: The bucket that receives the deliveries.
        inventory: The settings of the inventory.
        existing: Names of buckets that no stack created, whose inventories the destination accepts too.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html#example-bucket-policies-s3-inventory
    """
    stack = Stack.of(source)
    bucket = cast(s3.CfnBucket, source.node.default_child)
    bucket.inventory_configurations = [
        s3.CfnBucket.InventoryConfigurationProperty(
            id=inventory.id,
            enabled=True,
            included_object_versions=inventory.versions,
            schedule_frequency=inventory.frequency,
            optional_fields=optional_fields(),
            destination=s3.CfnBucket.DestinationProperty(
                bucket_arn=destination.bucket_arn,
                bucket_account_id=stack.account,
                format=inventory.format,
                prefix=inventory.prefix,
            ),
        )
    ]
    others = [f"arn:{stack.partition}:s3:::{name}" for name in existing]
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


def optional_fields() -> list[str]:
    """Return the optional fields of an inventory configuration: all that the table has a column for."""
    return [column.field for column in _OPTIONAL_COLUMNS if column.field]
