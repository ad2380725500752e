"""S3 Batch Operations without functions: S3's own manifests and operations, priorities, events, limits."""

import json
import time
import uuid
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.local.local_jobs.batch import BUCKET, Batch

SOURCE = "native-bucket"
KEYS = ["in/a b+c.txt", "in/größe.txt", "in/big.bin", "out/x.txt"]


@pytest.fixture(scope="module")
def source(batch: Batch) -> str:
    """A bucket of a few objects, and a role of the job that may do what its operations need."""
    batch.s3.create_bucket(Bucket=SOURCE)
    batch.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    for key in KEYS:
        batch.s3.put_object(Bucket=SOURCE, Key=key, Body=b"x" * (100 if "big" in key else 3), Tagging="old=1")
    own = {"Effect": "Allow", "Action": ["s3:*"], "Resource": [f"arn:aws:s3:::{SOURCE}", f"arn:aws:s3:::{SOURCE}/*"]}
    return batch.make_role([batch.reads(), batch.writes(), batch.invokes(), own])


def generated(**changes: Any) -> dict[str, Any]:
    output = {
        "Bucket": f"arn:aws:s3:::{BUCKET}",
        "ManifestFormat": "S3InventoryReport_CSV_20211130",
        "ManifestPrefix": "jobs",
    }
    generator = {
        "SourceBucket": f"arn:aws:s3:::{SOURCE}",
        "EnableManifestOutput": True,
        "ManifestOutputLocation": output,
        "Filter": changes,
    }
    return {"S3JobManifestGenerator": generator}


def over(batch: Batch, role: str, operation: dict[str, Any], **filters: Any) -> dict[str, Any]:
    request = batch.request(b"", Operation=operation, RoleArn=role)
    del request["Manifest"]
    job = batch.control.create_job(**request, ManifestGenerator=generated(**filters))["JobId"]
    return batch.await_status(job)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"KeyNameConstraint": {"MatchAnyPrefix": ["in/"]}}, {KEYS[0], KEYS[1], KEYS[2]}),
        ({"KeyNameConstraint": {"MatchAnySuffix": [".txt"], "MatchAnyPrefix": ["in/"]}}, {KEYS[0], KEYS[1]}),
        ({"ObjectSizeGreaterThanBytes": 3}, {KEYS[2]}),
        ({"ObjectSizeLessThanBytes": 4, "MatchAnyStorageClass": ["STANDARD"]}, {KEYS[0], KEYS[1], KEYS[3]}),
        ({"CreatedAfter": "2020-01-01T00:00:00Z", "KeyNameConstraint": {"MatchAnySubstring": ["big"]}}, {KEYS[2]}),
    ],
)
def test_a_manifest_is_generated(batch: Batch, source: str, filters: dict[str, Any], wanted: set[str]) -> None:
    tag = {"S3PutObjectTagging": {"TagSet": [{"Key": "new", "Value": "2"}]}}
    job = over(batch, source, tag, **filters)
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksSucceeded"]) == ("Complete", len(wanted))
    rows = batch.rows(job["JobId"])
    assert {unquote_plus(row[1]) for row in rows} == wanted
    assert {row[6] for row in rows} == {"Successful"}
    assert all(row[2] for row in rows), "the version is pinned"
    made = job["GeneratedManifestDescriptor"]["Location"]["ObjectArn"].partition(":::")[2].partition("/")
    body = batch.s3.get_object(Bucket=made[0], Key=made[2])["Body"].read().decode()
    assert len(body.splitlines()) == len(wanted)


def test_nothing_that_matches_fails_the_job_in_s3s_words(batch: Batch, source: str) -> None:
    job = over(batch, source, {"S3DeleteObjectTagging": {}}, ObjectSizeGreaterThanBytes=10**9)
    assert job["Status"] == "Failed"
    assert job["FailureReasons"][0]["FailureReason"] == "Manifest generation found no keys matching the filter criteria"


def test_generating_needs_the_right_to_configure_an_inventory(batch: Batch, source: str) -> None:
    job = over(batch, batch.role, {"S3DeleteObjectTagging": {}})
    assert (job["Status"], job["ProgressSummary"]["TotalNumberOfTasks"]) == ("Failed", 0)
    assert "s3:PutInventoryConfiguration" in job["FailureReasons"][0]["FailureReason"]


def test_s3s_own_operations_do_what_they_say(batch: Batch, source: str) -> None:
    first = {"KeyNameConstraint": {"MatchAnyPrefix": ["in/a"]}}
    over(batch, source, {"S3PutObjectTagging": {"TagSet": [{"Key": "k", "Value": "v"}]}}, **first)
    assert batch.s3.get_object_tagging(Bucket=SOURCE, Key=KEYS[0])["TagSet"] == [{"Key": "k", "Value": "v"}]
    copy = {"S3PutObjectCopy": {"TargetResource": f"arn:aws:s3:::{SOURCE}", "TargetKeyPrefix": "copied/"}}
    assert over(batch, source, copy, **first)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1
    assert batch.s3.get_object(Bucket=SOURCE, Key="copied/" + KEYS[0])["Body"].read() == b"xxx"
    over(batch, source, {"S3DeleteObjectTagging": {}}, **first)
    assert batch.s3.get_object_tagging(Bucket=SOURCE, Key=KEYS[0])["TagSet"] == []
    acl = {"S3PutObjectAcl": {"AccessControlPolicy": {"CannedAccessControlList": "private"}}}
    assert over(batch, source, acl, **first)["Status"] == "Complete"
    job = over(batch, source, {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "CRC32"}}, **first)
    ((*_, said),) = batch.rows(job["JobId"])
    assert json.loads(said)["checksum_hex"] == f"{zlib.crc32(b'xxx'):08X}"


def test_an_archived_object_is_restored(batch: Batch, source: str) -> None:
    batch.s3.put_object(Bucket=SOURCE, Key="cold/a", Body=b"x", StorageClass="GLACIER")
    batch.s3.put_object(Bucket=SOURCE, Key="cold/b", Body=b"x")
    restore = {"S3InitiateRestoreObject": {"ExpirationInDays": 2, "GlacierJobTier": "BULK"}}
    job = over(batch, source, restore, KeyNameConstraint={"MatchAnyPrefix": ["cold/"]})
    rows = {row[1]: row[3:6] for row in batch.rows(job["JobId"])}
    assert rows == {"cold/a": ["succeeded", "200", ""], "cold/b": ["failed", "403", "ObjectAlreadyInActiveTierError"]}
    assert "ongoing-request" in batch.s3.head_object(Bucket=SOURCE, Key="cold/a")["Restore"]


def test_objects_are_held_and_retained(batch: Batch) -> None:
    locked = "locked-bucket"
    batch.s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    named = {"Bucket": locked, "Key": "kept"}
    version = batch.s3.put_object(**named, Body=b"x")["VersionId"]
    own = {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{locked}", f"arn:aws:s3:::{locked}/*"]}
    role = batch.make_role([batch.reads(), batch.writes(), own])

    def job(**operation: Any) -> dict[str, Any]:
        request = batch.request([], Operation=operation, RoleArn=role)
        request["Manifest"]["Location"] = batch.put(f"{locked},kept\n".encode())
        progress: dict[str, Any] = batch.await_status(batch.control.create_job(**request)["JobId"])["ProgressSummary"]
        return progress

    def deleted() -> bool:
        with suppress(batch.s3.exceptions.ClientError):
            batch.s3.delete_object(**named, VersionId=version)
            return True
        return False

    assert job(S3PutObjectLegalHold={"LegalHold": {"Status": "ON"}})["NumberOfTasksSucceeded"] == 1
    assert batch.s3.get_object_legal_hold(**named)["LegalHold"] == {"Status": "ON"}
    assert not deleted()
    assert job(S3PutObjectLegalHold={"LegalHold": {"Status": "OFF"}})["NumberOfTasksSucceeded"] == 1
    until = datetime(2099, 1, 1, tzinfo=UTC)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    assert job(S3PutObjectRetention={"Retention": retention})["NumberOfTasksSucceeded"] == 1
    assert batch.s3.get_object_retention(**named)["Retention"] == retention
    assert not deleted()
    shorter = retention | {"RetainUntilDate": datetime(2098, 1, 1, tzinfo=UTC)}
    assert job(S3PutObjectRetention={"Retention": shorter})["NumberOfTasksFailed"] == 1
    bypassed = job(S3PutObjectRetention={"Retention": shorter, "BypassGovernanceRetention": True})
    assert bypassed["NumberOfTasksSucceeded"] == 1


def test_a_role_that_may_not_fails_its_tasks_not_the_job(batch: Batch, source: str) -> None:
    request = batch.request([], Operation={"S3DeleteObjectTagging": {}})
    request["Manifest"]["Location"] = batch.put(f"{SOURCE},out/x.txt\n{SOURCE},none\n".encode())
    job = batch.await_status(batch.control.create_job(**request)["JobId"])
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksFailed"]) == ("Complete", 2)
    assert {row[5] for row in batch.rows(job["JobId"])} == {"AccessDenied"}


def test_a_job_of_higher_priority_pauses_a_lower_one(batch: Batch) -> None:
    slow = [batch.create([f"ok/{job}-{n}" for n in range(500)], Priority=1) for job in range(3)]
    for job in slow:
        batch.await_status(job, "Active")
    urgent = batch.create(["ok/now"], Priority=99)
    seen: set[str] = set()
    while batch.describe(urgent)["Status"] != "Complete":
        seen |= {batch.describe(job)["Status"] for job in slow}
        time.sleep(0.02)
    assert seen & {"Pausing", "Paused"}
    for job in slow[1:]:
        batch.control.update_job_status(AccountId=batch.account, JobId=job, RequestedJobStatus="Cancelled")
    first = batch.await_status(slow[0], seconds=90)["ProgressSummary"]
    assert (first["NumberOfTasksSucceeded"], first["NumberOfTasksFailed"]) == (500, 0)
    assert len(batch.rows(slow[0])) == 500, "a task ran twice or never"


def test_each_change_of_state_is_an_event(batch: Batch) -> None:
    events, queues, name = batch.emulator.root("events"), batch.emulator.root("sqs"), f"jobs-{uuid.uuid4().hex[:8]}"
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    detail = {"eventSource": ["s3.amazonaws.com"], "eventName": ["JobCreated", "JobStatusChanged"]}
    pattern = {"source": ["aws.s3"], "detail-type": ["AWS Service Event via CloudTrail"], "detail": detail}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    try:
        good, bad = batch.run(["ok/1"])["JobId"], batch.run(b"\n")["JobId"]
        told: dict[str, dict[str, Any]] = {good: {}, bad: {}}
        while not ("Complete" in told[good] and "Failed" in told[bad]):
            for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]:
                found = json.loads(message["Body"])["detail"]
                said = found["serviceEventDetails"]
                told.get(said["jobId"], {})[said["status"]] = {**said, "name": found["eventName"]}
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    finally:
        events.remove_targets(Rule=name, Ids=["q"])
        events.delete_rule(Name=name)
    assert set(told[good]) == {"New", "Preparing", "Ready", "Active", "Completing", "Complete"}
    assert set(told[bad]) == {"New", "Preparing", "Failing", "Failed"}
    assert {status for status, said in told[good].items() if said["name"] == "JobCreated"} == {"New"}
    assert (told[good]["Complete"]["failureCodes"], told[good]["Complete"]["jobArn"][-36:]) == ([], good)
    assert told[bad]["Failed"]["failureCodes"] == ["InvalidManifestContent"]
    assert "is blank" in told[bad]["Failed"]["statusChangeReason"][0]
