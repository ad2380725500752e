"""The permissions that the job role needs for the operations that S3 provides, such as tagging and restoring.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from brigade.settings import OwnOperation
from stacks.parts.permissions import allow, allow_objects, bucket_arn


class RequiredActions(NamedTuple):
    """The actions of IAM that one operation needs on the objects and on their bucket."""

    objects: tuple[str, ...]
    bucket: tuple[str, ...] = ()


_LOCK = ("s3:GetBucketObjectLockConfiguration",)
_READ = ("s3:GetObject", "s3:GetObjectVersion")

REQUIRED_ACTIONS: Mapping[OwnOperation, RequiredActions] = {
    "copy": RequiredActions(
        (
            *_READ,
            *("s3:GetObjectAcl", "s3:GetObjectVersionAcl", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
            *("s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"),
        ),
        ("s3:ListBucket",),
    ),
    "tag": RequiredActions(("s3:PutObjectTagging", "s3:PutObjectVersionTagging")),
    "untag": RequiredActions(("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging")),
    "acl": RequiredActions(("s3:PutObjectAcl", "s3:PutObjectVersionAcl")),
    "restore": RequiredActions(("s3:RestoreObject",)),
    "hold": RequiredActions(("s3:PutObjectLegalHold",), _LOCK),
    "retain": RequiredActions(("s3:PutObjectRetention", "s3:BypassGovernanceRetention"), _LOCK),
    "checksum": RequiredActions((*_READ, "s3:RestoreObject")),
}
"""The required actions by operation, as AWS documents them."""


def allow_native_operations(role: iam.Role, lake: s3.IBucket, operations: Sequence[OwnOperation]) -> None:
    """Allow the job role what `operations` need on all objects of the lake, and nothing for other operations."""
    required = [REQUIRED_ACTIONS[operation] for operation in operations]
    on_objects = sorted({action for actions in required for action in actions.objects})
    on_bucket = sorted({action for actions in required for action in actions.bucket})
    if on_objects:
        allow_objects(role, lake, ["*"], *on_objects)
    if on_bucket:
        allow(role, on_bucket, [bucket_arn(lake)])
