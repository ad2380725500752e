"""What lets S3 write an inventory: a statement in the policy of the bucket that takes it, and in that of its key."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Consent:
    """A statement for one inventory, and the whole policy that is to be put: with it, or without."""

    of: str
    """Whose policy: a bucket's name, or a key's ARN."""
    statement: dict[str, Any]
    policy: dict[str, Any]


def needed(client: Callable[[str], Any], destination: str, prefix: str, bucket: str, account: str) -> list[Consent]:
    """Give what S3 needs to write the inventory of ``bucket`` below ``prefix`` of ``destination``; nothing is changed.

    That is the bucket's consent and, where it encrypts with a key of the account, the key's as well: without it S3
    delivers nothing and tells nobody.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html

    Arguments: ``client``, which gives AWS's client of a service by its name; ``destination``, the ARN of the bucket.
    Fails with botocore's ClientError.
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
        consents.append(Consent(of, statement, {**policy, "Statement": [*others, statement]}))
    return consents


def withdrawn(client: Callable[[str], Any], destination: str, bucket: str) -> list[Consent]:
    """Give the statements that are there of those which ``needed`` gives, each with the policy without it.

    Nothing is changed. Arguments and failures are those of ``needed``.
    """
    consents = []
    for of, policy in _policies(client, destination):
        there = {each.get("Sid"): each for each in policy["Statement"]}
        if statement := there.get(_name(bucket)):
            others = [each for each in policy["Statement"] if each is not statement]
            consents.append(Consent(of, statement, {**policy, "Statement": others}))
    return consents


def put(client: Callable[[str], Any], consent: Consent) -> None:
    """Put the policy. Fails with botocore's ClientError."""
    policy = json.dumps(consent.policy)
    if consent.of.startswith("arn:"):
        client("kms").put_key_policy(KeyId=consent.of, PolicyName="default", Policy=policy)
    else:
        client("s3").put_bucket_policy(Bucket=consent.of, Policy=policy)


def _policies(client: Callable[[str], Any], destination: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the policy of the bucket and, where it encrypts with a key of the account, that of the key."""
    s3, reports = client("s3"), destination.rpartition(":")[2]
    yield reports, json.loads(s3.get_bucket_policy(Bucket=reports)["Policy"])
    (rule,) = s3.get_bucket_encryption(Bucket=reports)["ServerSideEncryptionConfiguration"]["Rules"]
    if key := rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"):
        yield key, json.loads(client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])


def _name(bucket: str) -> str:
    # Letters and digits are all that it may have, and a bucket's name has more: data-1 is not data1.
    return f"InventoryOf{hashlib.sha256(bucket.encode()).hexdigest()[:16]}"
