"""Permissions of the job's role and of the caller: each missing grant fails the job or the call."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.local_jobs.batch import TRUST, Batch

CREATE = {"Effect": "Allow", "Action": "s3:CreateJob", "Resource": "*"}
ON_JOBS = "arn:aws:s3:us-east-1:000000000000:job/*"


def trust(**changes: Any) -> dict[str, Any]:
    return TRUST | changes


def test_a_role_that_trusts_another_service_cannot_be_used(batch: Batch) -> None:
    role = batch.make_role(
        [batch.reads(), batch.writes(), batch.invokes()], trust(Principal={"Service": "lambda.amazonaws.com"})
    )
    job = batch.run(["ok"], RoleArn=role)
    assert job["Status"] == "Failed"
    assert "does not trust batchoperations.s3.amazonaws.com" in job["FailureReasons"][0]["FailureReason"]


@pytest.mark.parametrize(("account", "status"), [("000000000000", "Complete"), ("111111111111", "Failed")])
def test_a_trust_policy_may_ask_for_the_account(batch: Batch, account: str, status: str) -> None:
    condition = {"StringEquals": {"aws:SourceAccount": account}}
    role = batch.make_role([batch.reads(), batch.writes(), batch.invokes()], trust(Condition=condition))
    assert batch.run(["ok"], RoleArn=role)["Status"] == status


def test_a_role_that_is_not_there_fails_the_job(batch: Batch) -> None:
    job = batch.run(["ok"], RoleArn="arn:aws:iam::000000000000:role/none")
    assert job["Status"] == "Failed"
    assert "There is no role" in job["FailureReasons"][0]["FailureReason"]


def test_a_role_that_may_not_read_the_manifest(batch: Batch) -> None:
    job = batch.run(["ok"], RoleArn=batch.make_role([batch.writes(), batch.invokes()]))
    assert job["Status"] == "Failed"
    assert job["FailureReasons"][0]["FailureReason"] == "Reading the manifest is forbidden: AccessDenied"


def test_a_role_that_may_not_write_the_report(batch: Batch) -> None:
    job_id = batch.create(["ok"], RoleArn=batch.make_role([batch.reads(), batch.invokes()]))
    job = batch.await_status(job_id)
    assert job["Status"] == "Complete"
    assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == 1
    assert "could not be written to your report bucket" in job["FailureReasons"][0]["FailureReason"]


def test_a_role_that_may_not_invoke(batch: Batch) -> None:
    job_id = batch.create(["ok/1", "ok/2"], RoleArn=batch.make_role([batch.reads(), batch.writes()]))
    job = batch.await_status(job_id)
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksFailed"]) == ("Complete", 2)
    for row in batch.rows(job_id):
        assert row[3:5] == ["failed", "403"]
        assert "lambda:InvokeFunction" in row[6]


def test_a_disabled_report_needs_no_grant(batch: Batch) -> None:
    role = batch.make_role([batch.reads(), batch.invokes()])
    assert batch.run(["ok"], RoleArn=role, Report={"Enabled": False})["FailureReasons"] == []


def user(batch: Batch, *statements: dict[str, Any]) -> Any:
    name = f"user-{uuid.uuid4()}"
    batch.iam.create_user(UserName=name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    batch.iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy)
    key = batch.iam.create_access_key(UserName=name)["AccessKey"]
    return batch.emulator.client("s3control", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 403
    return str(error["Error"]["Message"])


def test_a_caller_needs_to_create_jobs_pass_the_role_and_tag(batch: Batch) -> None:
    passes = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": batch.role,
        "Condition": {"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}},
    }
    tags = {"Effect": "Allow", "Action": "s3:PutJobTagging", "Resource": ON_JOBS}
    request = batch.request(["ok"])
    assert "s3:CreateJob" in refused(user(batch, passes, tags).create_job, **request)
    assert "iam:PassRole" in refused(user(batch, CREATE, tags).create_job, **request)
    tagged = request | {"Tags": [{"Key": "team", "Value": "lake"}]}
    assert "s3:PutJobTagging" in refused(user(batch, CREATE, passes).create_job, **tagged)
    other = "arn:aws:iam::111111111111:role/other"
    whole = user(batch, CREATE, passes, tags)
    assert "Cross-account pass role" in refused(whole.create_job, **request | {"RoleArn": other})
    assert whole.create_job(**tagged)["JobId"]
    assert user(batch, CREATE, passes).create_job(**batch.request(["ok"]))["JobId"]


def test_create_job_takes_no_resource(batch: Batch) -> None:
    on_jobs = {"Effect": "Allow", "Action": ["s3:CreateJob", "s3:ListJobs"], "Resource": ON_JOBS}
    client = user(batch, on_jobs)
    assert "s3:CreateJob" in refused(client.create_job, **batch.request(["ok"]))
    assert "s3:ListJobs" in refused(client.list_jobs, AccountId=batch.account)


CALLS: dict[str, dict[str, Any]] = {
    "describe_job": {},
    "update_job_status": {"RequestedJobStatus": "Cancelled"},
    "update_job_priority": {"Priority": 3},
    "get_job_tagging": {},
    "put_job_tagging": {"Tags": [{"Key": "a", "Value": "b"}]},
    "delete_job_tagging": {},
}


@pytest.mark.parametrize("call", CALLS)
def test_each_call_on_a_job_has_its_grant(batch: Batch, call: str) -> None:
    job_id = batch.create(["ok"], ConfirmationRequired=True)
    action = "s3:" + "".join(word.title() for word in call.split("_"))
    others = ["s3:" + "".join(word.title() for word in name.split("_")) for name in CALLS if name != call]
    asked = {"AccountId": batch.account, "JobId": job_id} | CALLS[call]
    without = user(batch, {"Effect": "Allow", "Action": others, "Resource": ON_JOBS})
    assert action in refused(getattr(without, call), **asked)
    elsewhere = user(batch, {"Effect": "Allow", "Action": action, "Resource": ON_JOBS.replace("*", "another")})
    assert action in refused(getattr(elsewhere, call), **asked)
    granted = user(batch, {"Effect": "Allow", "Action": action, "Resource": ON_JOBS})
    getattr(granted, call)(**asked)


def test_conditions_on_priority_operation_and_tags(batch: Batch) -> None:
    low = CREATE | {"Condition": {"NumericLessThanEquals": {"s3:RequestJobPriority": "5"}}}
    passes = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": batch.role}
    tagging = {"Effect": "Allow", "Action": "s3:PutJobTagging", "Resource": "*"}
    own = {
        "Effect": "Allow",
        "Action": "s3:DescribeJob",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "lake"}},
    }
    client = user(batch, low, passes, tagging, own)
    assert "s3:CreateJob" in refused(client.create_job, **batch.request(["ok"], Priority=6))
    tagged = batch.request(["ok"], Priority=5, Tags=[{"Key": "team", "Value": "lake"}])
    job_id = client.create_job(**tagged)["JobId"]
    assert client.describe_job(AccountId=batch.account, JobId=job_id)["Job"]["Priority"] == 5
    assert "s3:DescribeJob" in refused(client.describe_job, AccountId=batch.account, JobId=batch.create(["ok"]))


def test_a_wrong_signature_and_an_unknown_key(batch: Batch) -> None:
    name = f"user-{uuid.uuid4()}"
    batch.iam.create_user(UserName=name)
    key = batch.iam.create_access_key(UserName=name)["AccessKey"]
    forged = batch.emulator.client("s3control", access_key=key["AccessKeyId"], secret_key="wrong")
    assert "signature" in refused(forged.list_jobs, AccountId=batch.account)
    unknown = batch.emulator.client("s3control", access_key="AKIAUNKNOWNUNKNOWN00", secret_key="wrong")
    assert "invalid" in refused(unknown.list_jobs, AccountId=batch.account)


def test_a_role_session_calls_with_its_own_rights(batch: Batch) -> None:
    lists = {"Effect": "Allow", "Action": "s3:ListJobs", "Resource": "*"}
    account = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{batch.account}:root"},
        "Action": "sts:AssumeRole",
    }
    role = batch.make_role([lists], account)
    keys = batch.emulator.root("sts").assume_role(RoleArn=role, RoleSessionName="lists")["Credentials"]
    session = {"access_key": keys["AccessKeyId"], "secret_key": keys["SecretAccessKey"]}
    client = batch.emulator.client("s3control", **session, token=keys["SessionToken"])
    assert "Jobs" in client.list_jobs(AccountId=batch.account)
    assert "assumed-role" in refused(client.describe_job, AccountId=batch.account, JobId=str(uuid.uuid4()))
    refused(batch.emulator.client("s3control", **session, token="wrong").list_jobs, AccountId=batch.account)


def test_a_bucket_policy_may_refuse_the_role(batch: Batch) -> None:
    bucket = f"refusing-{uuid.uuid4()}"
    batch.s3.create_bucket(Bucket=bucket)
    etag = batch.s3.put_object(Bucket=bucket, Key="m.csv", Body=b"lake,ok\n")["ETag"]
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    role = batch.make_role([everything, batch.invokes()])
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": role},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
    manifest = {"Spec": spec, "Location": {"ObjectArn": f"arn:aws:s3:::{bucket}/m.csv", "ETag": etag}}
    assert batch.run(b"", Manifest=manifest, RoleArn=role)["Status"] == "Complete"
    batch.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    job = batch.run(b"", Manifest=manifest, RoleArn=role)
    assert job["FailureReasons"][0]["FailureReason"] == "Reading the manifest is forbidden: AccessDenied"
