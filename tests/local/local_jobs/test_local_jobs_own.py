"""S3's own operations as the command asks for them: done with just the rights that the stacks give, else refused."""

from collections.abc import Mapping
from typing import Any

import pytest

from brigade.jobs.s3_operations import NATIVE_OPERATIONS, PREFIX
from stacks.parts.native_operations import REQUIRED_ACTIONS
from tests.local.local_jobs.batch import Batch

LAKE = "own-bucket"
ARN = f"arn:aws:s3:::{LAKE}"
GIVEN: dict[str, dict[str, str]] = {
    "s3:copy": {"prefix": "copies/"},
    "s3:tag": {"team": "red"},
    "s3:untag": {},
    "s3:acl": {"canned": "private"},
    "s3:restore": {"days": "3"},
    "s3:hold": {"status": "OFF"},
    "s3:retain": {"mode": "GOVERNANCE", "until": "2099-01-01T00:00:00Z"},
    "s3:checksum": {"algorithm": "SHA256"},
}


@pytest.fixture(scope="module")
def lake(batch: Batch) -> Batch:
    batch.s3.create_bucket(Bucket=LAKE, ObjectLockEnabledForBucket=True)
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}  # else a bucket takes no ACLs
    batch.s3.put_bucket_ownership_controls(Bucket=LAKE, OwnershipControls=owner)
    batch.s3.put_object(Bucket=LAKE, Key="a b+c", Body=b"abc", Tagging="old=1")
    batch.s3.put_object(Bucket=LAKE, Key="cold", Body=b"abc", StorageClass="GLACIER")
    return batch


def run(batch: Batch, operation: Mapping[str, Any], key: str, *statements: dict[str, Any]) -> list[str]:
    role = batch.make_role([batch.reads(), batch.writes(), *statements])
    request = batch.request([], Operation=operation, RoleArn=role)
    request["Manifest"]["Location"] = batch.put(f"{LAKE},{key}\n".encode())
    job = batch.await_status(batch.control.create_job(**request)["JobId"])
    assert job["Status"] == "Complete"
    ((*_, status, _, code, message),) = batch.rows(job["JobId"])
    return [status, code, message]


@pytest.mark.parametrize("name", NATIVE_OPERATIONS)
def test_with_the_rights_of_the_stacks_it_is_done_and_without_it_is_not(lake: Batch, name: str) -> None:
    operation, needs = NATIVE_OPERATIONS[name].request(GIVEN[name], ARN), REQUIRED_ACTIONS[name.removeprefix(PREFIX)]  # type: ignore[index]  # a name
    key = "cold" if name == "s3:restore" else "a+b%2Bc"
    objects = {"Effect": "Allow", "Action": list(needs.objects), "Resource": f"{ARN}/*"}
    bucket = {"Effect": "Allow", "Action": [*needs.bucket, "s3:ListBucket"], "Resource": ARN}
    assert run(lake, operation, key, bucket)[:2] == ["failed", "AccessDenied"]
    status, code, message = run(lake, operation, key, objects, bucket)
    assert (status, code) == ("succeeded", ""), message


def test_what_was_asked_for_was_done(lake: Batch) -> None:
    objects = {"Effect": "Allow", "Action": "s3:*", "Resource": [ARN, f"{ARN}/*"]}
    for name in ("s3:tag", "s3:copy"):
        run(lake, NATIVE_OPERATIONS[name].request(GIVEN[name], ARN), "a+b%2Bc", objects)
    for key in ("a b+c", "copies/a b+c"):
        assert lake.s3.get_object_tagging(Bucket=LAKE, Key=key)["TagSet"] == [{"Key": "team", "Value": "red"}]
    _, _, message = run(lake, NATIVE_OPERATIONS["s3:checksum"].request({"algorithm": "CRC32"}, ARN), "a+b%2Bc", objects)
    assert "352441C2" in message
