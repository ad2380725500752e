"""Functions that add permissions to a role or managed policy, which has none at first.

Each one names exact actions and resources. CDK's `grant_…` methods are not used where they allow more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from stacks.parts import nag

Grantee = iam.Role | iam.ManagedPolicy


def allow(
    grantee: Grantee,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    because: str = "",
    conditions: Mapping[str, Any] | None = None,
) -> None:
    """Allow exactly `actions` on `resources`.

    Args:
        grantee: The role or managed policy.
        actions: IAM actions, such as `s3:GetObject`.
        resources: ARNs, or patterns of ARNs.
        because: Why a resource may be a pattern. Without it, the security rules fail the synth for a `*`.
        conditions: IAM conditions of the statement.
    """
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
    )
    if because:
        nag.accept_wildcards(grantee, resources, because)


def allow_objects(grantee: Grantee, bucket: s3.IBucket, patterns: Sequence[str], *actions: str) -> None:
    """Allow `actions` on the objects of another stack's `bucket` whose keys match one of `patterns`."""
    if patterns:
        allow(
            grantee,
            actions,
            [f"{bucket_arn(bucket)}/{pattern}" for pattern in patterns],
            because="Programs create these keys at run time, so a policy can only name their pattern.",
        )


def allow_existing_bucket(grantee: Grantee, name: str, patterns: Sequence[str], *actions: str) -> None:
    """Allow `actions` on the objects that match `patterns` in a bucket that no stack created, and list the bucket."""
    bucket = f"arn:{Stack.of(grantee).partition}:s3:::{name}"
    allow(
        grantee,
        actions,
        [f"{bucket}/{pattern}" for pattern in patterns],
        because="The settings name the keys by pattern, because no stack knows the objects of an existing bucket.",
    )
    allow(grantee, ["s3:ListBucket"], [bucket])


def allow_list(grantee: Grantee, *buckets: s3.IBucket) -> None:
    """Allow to list another stack's `buckets`.

    Without it, S3 answers a read of a missing key with 403 instead of 404. A condition on `s3:prefix` would prevent
    that: the read of an object has no prefix.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    allow(grantee, ["s3:ListBucket"], [bucket_arn(bucket) for bucket in buckets])


def allow_key(grantee: Grantee, key: kms.IKey | str | None, *actions: str) -> None:
    """Allow to use a KMS key, if there is one.

    Args:
        grantee: The role or managed policy.
        key: The key of the stage, the ARN of a key that no stack created, or None.
        *actions: Actions without `kms:`. A read needs `Decrypt`, a write `GenerateDataKey`, a multipart upload both.
    """
    if key and actions:
        allow(grantee, [f"kms:{action}" for action in actions], [key if isinstance(key, str) else key.key_arn])


def allow_network_interfaces(grantee: Grantee) -> None:
    """Allow a function with this role to run in a VPC. Lambda uses these permissions before the code starts.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    allow(
        grantee,
        [
            f"ec2:{action}"
            for action in (
                "AssignPrivateIpAddresses",
                "CreateNetworkInterface",
                "DeleteNetworkInterface",
                "DescribeNetworkInterfaces",
                "DescribeSubnets",
                "UnassignPrivateIpAddresses",
            )
        ],
        ["*"],
        because="Lambda creates the interfaces without a known name, and half of these actions support no resource.",
    )


def bucket_arn(bucket: s3.IBucket) -> str:
    """Return the ARN of another stack's bucket as a reference to an export, the name in reports of cdk-nag."""
    exported: str = Stack.of(bucket).export_value(bucket.bucket_arn)
    return exported
