"""The one way in which a role, which starts with nothing, is given something."""

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
    """Let ``grantee`` do exactly ``actions`` on ``resources``.

    Arguments: ``because``, why a resource may be a pattern; without it the security rules fail the synth at a ``*``.
    """
    grantee.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
    )
    if because:
        nag.accept_wildcards(grantee, resources, because)


def allow_objects(grantee: Grantee, bucket: s3.IBucket, patterns: Sequence[str], *actions: str) -> None:
    """Let ``grantee`` do ``actions`` on the objects of another stack's ``bucket`` whose keys match ``patterns``."""
    if patterns:
        allow(
            grantee,
            actions,
            [f"{arn(bucket)}/{pattern}" for pattern in patterns],
            because="Keys under the prefix are made as the work goes on; no list of them could be written here.",
        )


def allow_existing(grantee: Grantee, name: str, patterns: Sequence[str], *actions: str) -> None:
    """Let ``grantee`` do ``actions`` on the objects of ``patterns`` in a bucket that no stack made, and list it."""
    bucket = f"arn:{Stack.of(grantee).partition}:s3:::{name}"
    allow(
        grantee,
        actions,
        [f"{bucket}/{pattern}" for pattern in patterns],
        because="The settings name the keys by pattern: the bucket's objects are not the stack's to know.",
    )
    allow(grantee, ["s3:ListBucket"], [bucket])


def allow_list(grantee: Grantee, *buckets: s3.IBucket) -> None:
    """Let ``grantee`` list another stack's ``buckets``, and with it learn that a key is missing: S3 else denies access.

    It is not narrowed to a prefix: the read of an object carries none for a condition on ``s3:prefix`` to look at.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    allow(grantee, ["s3:ListBucket"], [arn(bucket) for bucket in buckets])


def allow_key(grantee: Grantee, key: kms.IKey | str | None, *actions: str) -> None:
    """Let ``grantee`` use a key, if there is one: Decrypt reads, GenerateDataKey writes, parts need both.

    Arguments: ``key``, the stage's, or the ARN of one that no stack made.
    """
    if key and actions:
        allow(grantee, [f"kms:{action}" for action in actions], [key if isinstance(key, str) else key.key_arn])


def allow_interfaces(grantee: Grantee) -> None:
    """Let a function with ``grantee`` as its role run in a VPC: it is Lambda that does this, before the code starts.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
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
        because="Lambda makes the interfaces; half of these actions know no resource, and no interface has a name.",
    )


def arn(bucket: s3.IBucket) -> str:
    """The ARN of another stack's bucket, as that stack's export: the name by which the security rules report it."""
    exported: str = Stack.of(bucket).export_value(bucket.bucket_arn)
    return exported
