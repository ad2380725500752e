"""S3's own operations by the real command, as deployed: selected, priced, submitted, followed, read, retried."""

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from brigade.jobs.s3_operations import NATIVE_OPERATIONS, PREFIX
from stacks.parts.native_operations import REQUIRED_ACTIONS
from tests.local.deployment import Deployment
from tests.local.jobs import finished, reported

KEY = "a b+c%20=d"
Check = Callable[[Any, str, str], object]
"""Of a client of S3, the bucket and the job's message."""


@pytest.fixture(scope="module")
def lake(deployed: Deployment) -> Iterator[Deployment]:
    """A lake that has all that S3 can do: locks, access control lists, archived objects; the jobs' role may do it."""
    s3, iam, bucket = deployed.emulator.root("s3"), deployed.emulator.root("iam"), f"own-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}  # else a bucket takes no ACLs
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=owner)
    s3.delete_public_access_block(Bucket=bucket)  # nor public ones
    role, arn = deployed.outputs["JobRoleArn"].rpartition("/")[2], f"arn:aws:s3:::{bucket}"
    objects = sorted({action for needs in REQUIRED_ACTIONS.values() for action in needs.objects})
    buckets = sorted({action for needs in REQUIRED_ACTIONS.values() for action in needs.bucket})
    statements = [
        {"Effect": "Allow", "Action": objects, "Resource": f"{arn}/*"},
        {"Effect": "Allow", "Action": buckets, "Resource": arn},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName=bucket, PolicyDocument=policy)
    environment = {**deployed.environment, "BRIGADE_LAKE_BUCKET": bucket}
    yield dataclasses.replace(deployed, environment=environment, outputs={**deployed.outputs, "LakeBucket": bucket})
    iam.delete_role_policy(RoleName=role, PolicyName=bucket)


def tags(s3: Any, bucket: str, key: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def copied(s3: Any, bucket: str, _: str) -> None:
    copy = s3.get_object(Bucket=bucket, Key=f"copies/{KEY}")
    assert (copy["Body"].read(), tags(s3, bucket, f"copies/{KEY}")) == (b"abc", {"old": "1"})


def tagged(s3: Any, bucket: str, _: str) -> None:
    assert tags(s3, bucket, KEY) == {"team": "red", "größe": "2"}


def untagged(s3: Any, bucket: str, _: str) -> None:
    assert tags(s3, bucket, KEY) == {}


def listed(s3: Any, bucket: str, _: str) -> None:
    grants = s3.get_object_acl(Bucket=bucket, Key=KEY)["Grants"]
    assert ("READ", "http://acs.amazonaws.com/groups/global/AllUsers") in {
        (grant["Permission"], grant["Grantee"].get("URI")) for grant in grants
    }


def restored(s3: Any, bucket: str, _: str) -> None:
    assert "ongoing-request" in s3.head_object(Bucket=bucket, Key=KEY)["Restore"]


def held(s3: Any, bucket: str, _: str) -> None:
    assert s3.get_object_legal_hold(Bucket=bucket, Key=KEY)["LegalHold"]["Status"] == "ON"


def retained(s3: Any, bucket: str, _: str) -> None:
    kept = s3.get_object_retention(Bucket=bucket, Key=KEY)["Retention"]
    assert (kept["Mode"], kept["RetainUntilDate"]) == ("GOVERNANCE", datetime(2099, 1, 1, tzinfo=UTC))


def computed(_: Any, __: str, message: str) -> None:
    assert json.loads(message)["checksum_hex"] == "352441C2"  # CRC32 of b"abc"


ASKED: dict[str, tuple[list[str], Check]] = {
    "s3:copy": (["prefix=copies/"], copied),
    "s3:tag": (["team=red", "größe=2"], tagged),
    "s3:untag": ([], untagged),
    "s3:acl": (["canned=public-read"], listed),
    "s3:restore": (["days=3"], restored),
    "s3:hold": (["status=ON"], held),
    "s3:retain": (["mode=GOVERNANCE", "until=2099-01-01T00:00:00Z"], retained),
    "s3:checksum": (["algorithm=CRC32"], computed),
}


@pytest.mark.parametrize("name", NATIVE_OPERATIONS)
def test_what_is_asked_for_is_done(lake: Deployment, name: str) -> None:
    s3, bucket = lake.emulator.root("s3"), lake.outputs["LakeBucket"]
    archived = {"StorageClass": "GLACIER"} if name == "s3:restore" else {}
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"abc", Tagging="old=1", **archived)
    given, check = ASKED[name]
    job = finished(lake, name, "--keys", "-", *(f"--argument={one}" for one in given), given=KEY + "\n")
    row = reported(lake, job)[KEY]
    assert (row["status"], row["http_status"]) == ("succeeded", "200")
    check(s3, bucket, row["message"])


def test_what_the_stage_does_not_name_fails_each_task_and_is_retried_when_it_does(deployed: Deployment) -> None:
    s3, iam, bucket = deployed.emulator.root("s3"), deployed.emulator.root("iam"), deployed.outputs["LakeBucket"]
    key, role = f"own-{uuid.uuid4().hex[:8]}/{KEY}", deployed.outputs["JobRoleArn"].rpartition("/")[2]
    s3.put_object(Bucket=bucket, Key=key, Body=b"abc", Tagging="old=1")
    job = finished(deployed, "s3:untag", "--keys", "-", given=key + "\n", exits=1)
    assert (reported(deployed, job)[key]["code"], tags(s3, bucket, key)) == ("AccessDenied", {"old": "1"})
    needs = {
        "Effect": "Allow",
        "Action": list(REQUIRED_ACTIONS["untag"].objects),
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [needs]})
    iam.put_role_policy(RoleName=role, PolicyName="untag", PolicyDocument=policy)
    try:
        again = deployed.ask("jobs", "retry", job, "--yes")
        assert deployed.run("jobs", "watch", again["id"]).returncode == 0
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="untag")
    assert (again["parent"], tags(s3, bucket, key)) == (job, {})


def test_every_one_is_asked_for() -> None:
    assert set(ASKED) == set(NATIVE_OPERATIONS) == {PREFIX + name for name in REQUIRED_ACTIONS}
