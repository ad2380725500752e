"""What a job of S3's own operations needs the jobs' role to do.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from brigade.settings import OwnOperation
from stacks.parts.permissions import allow, allow_objects, arn


class Needs(NamedTuple):
    """Actions of S3 on the objects, and on the bucket itself."""

    objects: tuple[str, ...]
    bucket: tuple[str, ...] = ()


_LOCK = ("s3:GetBucketObjectLockConfiguration",)
_READ = ("s3:GetObject", "s3:GetObjectVersion")

NEEDS: Mapping[OwnOperation, Needs] = {
    "copy": Needs(
        (
            *_READ,
            *("s3:GetObjectAcl", "s3:GetObjectVersionAcl", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
            *("s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"),
        ),
        ("s3:ListBucket",),
    ),
    "tag": Needs(("s3:PutObjectTagging", "s3:PutObjectVersionTagging")),
    "untag": Needs(("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging")),
    "acl": Needs(("s3:PutObjectAcl", "s3:PutObjectVersionAcl")),
    "restore": Needs(("s3:RestoreObject",)),
    "hold": Needs(("s3:PutObjectLegalHold",), _LOCK),
    "retain": Needs(("s3:PutObjectRetention", "s3:BypassGovernanceRetention"), _LOCK),
    "checksum": Needs((*_READ, "s3:RestoreObject")),
}
"""By operation, what AWS's page says."""


def allow_own(role: iam.Role, lake: s3.IBucket, operations: Sequence[OwnOperation]) -> None:
    """Let the jobs' role do what ``operations`` need on all objects of the lake, and nothing for the others."""
    needed = [NEEDS[operation] for operation in operations]
    objects = sorted({action for needs in needed for action in needs.objects})
    bucket = sorted({action for needs in needed for action in needs.bucket})
    if objects:
        allow_objects(role, lake, ["*"], *objects)
    if bucket:
        allow(role, bucket, [arn(lake)])
