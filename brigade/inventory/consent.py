"""What lets S3 write an inventory: a statement in the policy of the bucket that takes it, and in that of its key."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Consent:
    """A statement for one inventory, and the whole policy with it, in the place of an earlier one of the same name."""

    of: str
    """Whose policy: a bucket's name, or a key's ARN."""
    statement: dict[str, Any]
    policy: dict[str, Any]


def needed(
    client: Callable[[str], Any], destination: str, prefix: str, bucket: str, account: str
) -> tuple[Consent, ...]:
    """Give what S3 needs to write the inventory of ``bucket`` below ``prefix`` of ``destination``; nothing is changed.

    That is the bucket's consent and, where it encrypts with a key of the account, the key's as well: without it S3
    delivers nothing and tells nobody.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html

    Arguments: ``client``, which gives AWS's client of a service by its name; ``destination``, the ARN of the bucket.
    Fails with botocore's ClientError.
    """
    s3 = client("s3")
    arn, _, reports = destination.rpartition(":")
    source = {"ArnLike": {"aws:SourceArn": f"{arn}:{bucket}"}}
    owned = {"aws:SourceAccount": account}
    taking = {
        "Action": "s3:PutObject",
        "Resource": f"{destination}/{prefix}/*",
        "Condition": {**source, "StringEquals": {**owned, "s3:x-amz-acl": "bucket-owner-full-control"}},
    }
    given = [_consent(reports, bucket, taking, s3.get_bucket_policy(Bucket=reports)["Policy"])]
    (rule,) = s3.get_bucket_encryption(Bucket=reports)["ServerSideEncryptionConfiguration"]["Rules"]
    if key := rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"):
        encrypting = {
            "Action": "kms:GenerateDataKey",
            "Resource": "*",
            "Condition": {**source, "StringEquals": owned},
        }
        policy = client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        given.append(_consent(key, bucket, encrypting, policy))
    return tuple(given)


def put(client: Callable[[str], Any], consent: Consent) -> None:
    """Put the policy with the statement. Fails with botocore's ClientError."""
    policy = json.dumps(consent.policy)
    if consent.of.startswith("arn:"):
        client("kms").put_key_policy(KeyId=consent.of, PolicyName="default", Policy=policy)
    else:
        client("s3").put_bucket_policy(Bucket=consent.of, Policy=policy)


def _consent(of: str, bucket: str, allowed: dict[str, Any], policy: str) -> Consent:
    # Letters and digits are all that it may have, and a bucket's name has more: data-1 is not data1.
    name = f"InventoryOf{hashlib.sha256(bucket.encode()).hexdigest()[:16]}"
    statement = {"Sid": name, "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, **allowed}
    whole = json.loads(policy)
    others = [each for each in whole["Statement"] if each.get("Sid") != name]
    return Consent(of, statement, {**whole, "Statement": [*others, statement]})
