"""Jobs from creation to their end, seen by boto3."""

import hashlib
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from botocore.exceptions import ClientError

from tests.local.local_jobs.batch import BUCKET, Batch
from tests.local.local_jobs.conftest import FUNCTION


def test_a_job_runs_its_function_for_every_row_and_writes_a_report(batch: Batch) -> None:
    keys = [f"ok/{number}" for number in range(25)]
    job_id = batch.create(keys, Description="all of them")
    job = batch.await_status(job_id)
    assert job["Status"] == "Complete"
    assert job["ProgressSummary"]["TotalNumberOfTasks"] == 25
    assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == 25
    assert job["ProgressSummary"]["NumberOfTasksFailed"] == 0
    assert job["FailureReasons"] == []
    assert job["JobArn"] == f"arn:aws:s3:us-east-1:{batch.account}:job/{job_id}"
    assert job["Description"] == "all of them"
    assert job["Operation"]["LambdaInvoke"]["FunctionArn"] == batch.function
    assert job["TerminationDate"] >= job["CreationTime"]
    rows = batch.rows(job_id)
    assert sorted(row[1] for row in rows) == sorted(keys)
    assert all(row == ["lake", row[1], "", "succeeded", "200", "", row[1]] for row in rows)
    assert [row[1] for row in rows] != keys, "a function must not rely on the manifest's order"


def test_the_report_has_the_bytes_that_s3_writes(batch: Batch) -> None:
    job_id = batch.create(["permanent/a%20b", "ok"])
    batch.await_status(job_id)
    report = batch.report(job_id)
    raw = batch.s3.get_object(Bucket=BUCKET, Key=f"jobs/job-{job_id}/manifest.json")["Body"].read().decode()
    assert list(report) == ["Format", "ReportCreationDate", "Results", "ReportSchema"]
    assert raw.startswith('{"Format":"Report_CSV_20180820","ReportCreationDate":"')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", report["ReportCreationDate"])
    assert report["ReportSchema"] == "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
    for entry in report["Results"]:
        assert re.fullmatch(rf"jobs/job-{job_id}/results/[0-9a-f]{{40}}\.csv", entry["Key"])
    checksum = batch.s3.get_object(Bucket=BUCKET, Key=f"jobs/job-{job_id}/manifest.json.md5")["Body"].read().decode()
    assert checksum == hashlib.md5(raw.encode()).hexdigest() + "\n"
    assert batch.results(job_id) == {
        "succeeded": b"lake,ok,,succeeded,200,,ok\n",
        "failed": b'lake,permanent/a%20b,,failed,200,PermanentFailure,"it said ""no"", twice"\n',
    }


def test_a_report_of_failures_leaves_the_successes_out(batch: Batch) -> None:
    job_id = batch.create(["permanent/x", "ok/y"], scope="FailedTasksOnly")
    batch.await_status(job_id)
    assert set(batch.results(job_id)) == {"failed"}


ODD = [
    "a b",
    "a+b",
    "100%",
    "x=y&z",
    "q\"u'o",
    "com,ma",
    "new\nline",
    "emoji 🪣",
    "ключ/鍵",
    "/lead//double/../",
    "~*(",
]


@pytest.mark.parametrize("encode", [quote, quote_plus, lambda key: quote_plus(key, safe="/")])
def test_odd_keys_arrive_and_their_text_comes_back_as_it_was(batch: Batch, encode: Callable[[str], str]) -> None:
    encoded = [encode(key) for key in ODD]
    job_id = batch.create(encoded)
    assert batch.await_status(job_id)["ProgressSummary"]["NumberOfTasksSucceeded"] == len(ODD)
    rows = {row[1]: row[6] for row in batch.rows(job_id)}
    assert rows == dict(zip(encoded, ODD, strict=True))


def test_both_payload_schemas(batch: Batch) -> None:
    manifest = b'"lake","event/a%20b%2Bc","v1"\n'
    fields = ["Bucket", "Key", "VersionId"]
    events = {}
    for schema, more in {"1.0": {}, "2.0": {"UserArguments": {"size": "3", "a": "é"}}}.items():
        job_id = batch.create(manifest, fields=fields, invoke={"InvocationSchemaVersion": schema, **more})
        batch.await_status(job_id)
        [row] = batch.rows(job_id)
        assert row[:4] == ["lake", "event/a%20b%2Bc", "v1", "succeeded"]
        events[schema] = json.loads(row[6])
        assert events[schema]["job"]["id"] == job_id
        assert events[schema]["invocationSchemaVersion"] == schema
    [one], [two] = events["1.0"]["tasks"], events["2.0"]["tasks"]
    assert one["s3Key"] == two["s3Key"] == "event/a+b%2Bc"
    assert one["s3VersionId"] == "v1"
    assert one["s3BucketArn"] == "arn:aws:s3:::lake"
    assert two["s3Bucket"] == "lake"
    assert "s3Bucket" not in one
    assert "userArguments" not in events["1.0"]["job"]
    assert events["2.0"]["job"]["userArguments"] == {"size": "3", "a": "é"}


def test_without_versions_the_function_gets_none_and_an_empty_version_fails_its_task(batch: Batch) -> None:
    job_id = batch.create(["event/x"])
    batch.await_status(job_id)
    assert json.loads(batch.rows(job_id)[0][6])["tasks"][0]["s3VersionId"] is None
    job_id = batch.create(b"lake,ok/1,null\nlake,ok/2,\n", fields=["Bucket", "Key", "VersionId"])
    batch.await_status(job_id)
    assert sorted(batch.rows(job_id)) == [
        ["lake", "ok/1", "null", "succeeded", "200", "", "ok/1"],
        ["lake", "ok/2", "", "failed", "400", "InvalidRequest", "Task failed due to missing VersionId"],
    ]


def test_each_kind_of_answer_has_its_row(batch: Batch) -> None:
    words = ["raise", "slow/9", "temporary", "flaky", "permanent", "text", "foreign", "unknown", "missing", "unsaid"]
    job_id = batch.create(words)
    job = batch.await_status(job_id)
    assert job["Status"] == "Complete"
    assert job["ProgressSummary"]["NumberOfTasksFailed"] == 9
    rows = {row[1]: row[3:] for row in batch.rows(job_id)}
    assert rows["flaky"] == ["succeeded", "200", "", "second time"]
    assert rows["temporary"] == ["failed", "200", "TemporaryFailure", "come back"]
    assert rows["permanent"] == ["failed", "200", "PermanentFailure", 'it said "no", twice']
    assert rows["raise"][:3] == ["failed", "200", "PermanentFailure"]
    assert rows["raise"][3].startswith("Lambda returned function error: {")
    assert "no such luck" in rows["raise"][3]
    assert "timed out after 3.00 seconds" in rows["slow/9"][3]
    assert rows["text"] == ["failed", "200", "PermanentFailure", rows["text"][3]]
    for word in ("text", "foreign", "unknown"):
        assert rows[word][:3] == ["failed", "200", "PermanentFailure"]
        assert rows[word][3].startswith("Invalid JSON returned in Lambda payload")
    assert rows["missing"][:3] == ["failed", "200", "PermanentFailure"]
    assert rows["unsaid"][:3] == ["failed", "200", "TemporaryFailure"]


def test_functions_that_crash_leak_hang_or_say_too_much_end_as_their_task(batch: Batch) -> None:
    bad = {
        "exit": "Runtime.ExitError",
        "system-exit": "Runtime.ExitError",
        "leak": "MemoryError",
        "large/7": "Function.ResponseSizeTooLarge",
        "slow/9": "timed out after 3.00 seconds",
        "twice": "2 results for one task",
    }
    job_id = batch.create([*bad, "ok/after"])
    job = batch.await_status(job_id)
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksFailed"]) == ("Complete", len(bad))
    rows = {row[1]: row[3:] for row in batch.rows(job_id)}
    for key, said in bad.items():
        assert rows[key][:3] == ["failed", "200", "PermanentFailure"]
        assert said in rows[key][3]
    assert rows["ok/after"] == ["succeeded", "200", "", "ok/after"]


def test_a_job_waits_for_confirmation_unless_told_not_to(batch: Batch) -> None:
    request = batch.request(["ok/1"])
    del request["ConfirmationRequired"]
    job_id = batch.control.create_job(**request)["JobId"]
    job = batch.await_status(job_id, "Suspended")
    assert job["SuspendedCause"] == "AWAITING_CONFIRMATION"
    assert job["ConfirmationRequired"] is True
    assert job["ProgressSummary"]["TotalNumberOfTasks"] == 1
    with pytest.raises(ClientError, match="Request invalid"):
        batch.control.update_job_status(AccountId=batch.account, JobId=job_id, RequestedJobStatus="Active")
    answer = batch.control.update_job_status(
        AccountId=batch.account, JobId=job_id, RequestedJobStatus="Ready", StatusUpdateReason="go on"
    )
    assert answer["Status"] == "Ready"
    job = batch.await_status(job_id)
    assert (job["Status"], job["StatusUpdateReason"]) == ("Complete", "go on")
    with pytest.raises(ClientError) as refused:
        batch.control.update_job_status(AccountId=batch.account, JobId=job_id, RequestedJobStatus="Cancelled")
    assert refused.value.response["Error"]["Code"] == "JobStatusException"


def test_a_job_is_cancelled_before_and_during_its_work(batch: Batch) -> None:
    suspended = batch.create(["ok/1"], ConfirmationRequired=True)
    batch.await_status(suspended, "Suspended")
    batch.control.update_job_status(AccountId=batch.account, JobId=suspended, RequestedJobStatus="Cancelled")
    assert batch.await_status(suspended)["Status"] == "Cancelled"
    with pytest.raises(batch.s3.exceptions.NoSuchKey):
        batch.report(suspended)

    active = batch.create([f"slow/0.3/{number}" for number in range(500)])
    batch.await_status(active, "Active")
    answer = batch.control.update_job_status(AccountId=batch.account, JobId=active, RequestedJobStatus="Cancelled")
    assert answer["Status"] == "Cancelling"
    job = batch.await_status(active)
    assert job["Status"] == "Cancelled"
    done = job["ProgressSummary"]["NumberOfTasksSucceeded"]
    assert done < 500
    if done:
        assert len(batch.rows(active)) == done


def test_more_than_half_of_a_thousand_failures_fail_the_job(batch: Batch) -> None:
    few = batch.run([f"permanent/{number}" for number in range(40)])
    assert few["Status"] == "Complete"
    manifest = "".join(f"lake,ok/{number},\n" for number in range(1500)).encode()  # fails without an invocation
    job_id = batch.create(manifest, fields=["Bucket", "Key", "VersionId"])
    job = batch.await_status(job_id)
    assert job["Status"] == "Failed"
    assert job["ProgressSummary"]["NumberOfTasksFailed"] < 1500
    assert "more than half" in job["FailureReasons"][0]["FailureReason"]
    assert len(batch.rows(job_id)) == job["ProgressSummary"]["NumberOfTasksFailed"]


def test_task_data_as_a_key_reaches_the_function(batch: Batch) -> None:
    data = quote(json.dumps({"origKey": "a,b", "newKey": "ü"}))
    job_id = batch.create([data])
    batch.await_status(job_id)
    assert json.loads(batch.rows(job_id)[0][6]) == {"origKey": "a,b", "newKey": "ü"}
    assert unquote_plus(batch.rows(job_id)[0][1]) == json.dumps({"origKey": "a,b", "newKey": "ü"})


def test_a_report_of_failures_without_any_lists_no_file(batch: Batch) -> None:
    job_id = batch.create(["ok"], scope="FailedTasksOnly")
    batch.await_status(job_id)
    assert batch.report(job_id)["Results"] == []


def test_throttled_invocations_wait_and_are_not_failures(batch: Batch) -> None:
    role = batch.functions.get_function_configuration(FunctionName=batch.function)["Role"]
    function = batch.make_function("batch-narrow", FUNCTION, role)
    batch.functions.put_function_concurrency(FunctionName="batch-narrow", ReservedConcurrentExecutions=1)
    invokes = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}
    allowed = batch.make_role([batch.reads(), batch.writes(), invokes])
    keys = [f"slow/0.1/{number}" for number in range(12)]
    job = batch.run(keys, RoleArn=allowed, invoke={"FunctionArn": function})
    assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == len(keys)


def test_a_function_that_is_not_there_fails_each_task(batch: Batch) -> None:
    role = batch.make_role([batch.reads(), batch.writes(), batch.invokes() | {"Resource": "*"}])
    job_id = batch.create(["ok"], RoleArn=role, invoke={"FunctionArn": batch.function + "-gone"})
    assert batch.await_status(job_id)["Status"] == "Complete"
    assert batch.rows(job_id)[0][3:6] == ["failed", "404", "ResourceNotFoundException"]
