"""The statements that let S3 write an inventory, in the policies of the destination bucket and of its KMS key."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PolicyChange:
    """A statement for one inventory, and the whole policy to put, with the statement added or removed."""

    of: str
    """The owner of the policy: a bucket's name, or a key's ARN."""
    statement: dict[str, Any]
    policy: dict[str, Any]


def plan_grants(
    client: Callable[[str], Any], destination: str, prefix: str, bucket: str, account: str
) -> list[PolicyChange]:
    """Return the policy changes that let S3 write the inventory of `bucket` under `prefix`. Nothing is changed.

    The bucket's policy changes, and the key's policy if the bucket is encrypted with a key of the account. Without the
    latter S3 delivers nothing and reports no error.

    Args:
        client: Returns the AWS client of a service by its name.
        destination: The ARN of the destination bucket.

    Raises:
        ClientError: AWS refused a call.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html
    """
    source = {"ArnLike": {"aws:SourceArn": f"{destination.rpartition(':')[0]}:{bucket}"}}
    owned = {"aws:SourceAccount": account}
    taking = {
        "Action": "s3:PutObject",
        "Resource": f"{destination}/{prefix}/*",
        "Condition": {**source, "StringEquals": {**owned, "s3:x-amz-acl": "bucket-owner-full-control"}},
    }
    encrypting = {
        "Action": "kms:GenerateDataKey",
        "Resource": "*",
        "Condition": {**source, "StringEquals": owned},
    }
    consents = []
    for (of, policy), allowed in zip(_policies(client, destination), (taking, encrypting), strict=False):
        statement = {"Sid": _name(bucket), "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, **allowed}
        others = [each for each in policy["Statement"] if each.get("Sid") != _name(bucket)]
        consents.append(PolicyChange(of, statement, {**policy, "Statement": [*others, statement]}))
    return consents


def plan_revocations(client: Callable[[str], Any], destination: str, bucket: str) -> list[PolicyChange]:
    """Return the policy changes that remove the statements of `plan_grants` that exist. Nothing is changed.

    The arguments and errors are those of `plan_grants`.
    """
    consents = []
    for of, policy in _policies(client, destination):
        there = {each.get("Sid"): each for each in policy["Statement"]}
        if statement := there.get(_name(bucket)):
            others = [each for each in policy["Statement"] if each is not statement]
            consents.append(PolicyChange(of, statement, {**policy, "Statement": others}))
    return consents


def put_policy(client: Callable[[str], Any], consent: PolicyChange) -> None:
    """Write the changed policy. Raises botocore's ClientError."""
    policy = json.dumps(consent.policy)
    if consent.of.startswith("arn:"):
        client("kms").put_key_policy(KeyId=consent.of, PolicyName="default", Policy=policy)
    else:
        client("s3").put_bucket_policy(Bucket=consent.of, Policy=policy)


def _policies(client: Callable[[str], Any], destination: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the policy of the bucket and, if it is encrypted with a key of the account, the policy of the key."""
    s3, reports = client("s3"), destination.rpartition(":")[2]
    yield reports, json.loads(s3.get_bucket_policy(Bucket=reports)["Policy"])
    (rule,) = s3.get_bucket_encryption(Bucket=reports)["ServerSideEncryptionConfiguration"]["Rules"]
    if key := rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"):
        yield key, json.loads(client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])


def _name(bucket: str) -> str:
    # Letters and digits are all that it may have, and a bucket's name has more: data-1 is not data1.
    return f"InventoryOf{hashlib.sha256(bucket.encode()).hexdigest()[:16]}"
