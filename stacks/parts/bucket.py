"""An S3 bucket with the defaults that all buckets of the stacks share."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


@dataclass(frozen=True)
class StageBuckets:
    """The buckets of a stage, and the KMS key that encrypts their objects.

    Attributes:
        lake: The bucket with ingested data.
        reports: The bucket with deliveries, manifests, completion reports and query results.
        state: The bucket with what programs store between runs.
        key: The KMS key, or None.
    """

    lake: s3.IBucket
    reports: s3.IBucket
    state: s3.IBucket
    key: kms.IKey | None


class PrivateBucket(s3.Bucket):
    """A private, encrypted bucket that requires TLS and aborts unfinished multipart uploads.

    With `destroy`, deleting the stack deletes the bucket and all objects in it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey | None,
        destroy: bool,
        versioned: bool,
        old_version_days: int,
        unfinished_upload_days: int,
        expire: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Create the bucket.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            key: The KMS key that encrypts the objects. None selects SSE-S3.
            destroy: Delete the bucket and its objects with the stack.
            versioned: Keep earlier versions of the objects.
            old_version_days: Days after which S3 deletes a noncurrent version.
            unfinished_upload_days: Days after which S3 aborts an incomplete multipart upload.
            expire: Pairs of a prefix and the days after which S3 deletes its objects.
        """
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            removal_policy=RemovalPolicy.DESTROY if destroy else RemovalPolicy.RETAIN,
            auto_delete_objects=destroy,
        )
        self.add_lifecycle_rule(
            id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(unfinished_upload_days)
        )
        if versioned:
            self.add_lifecycle_rule(
                id="old-versions",
                noncurrent_version_expiration=Duration.days(old_version_days),
                expired_object_delete_marker=True,
            )
        for prefix, days in expire:
            self.add_lifecycle_rule(id=f"expire-{prefix.strip('/')}", prefix=prefix, expiration=Duration.days(days))
