"""The API's wire: what any SDK sends and gets, and what is refused at once."""

import re
import uuid
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.serialize import create_serializer

from tests.local.local_jobs.batch import BUCKET, Batch

SPACE = "{http://awss3control.amazonaws.com/doc/2018-08-20/}"


def send(
    batch: Batch, method: str, path: str, body: bytes = b"", *, account: str | None = "000000000000", host: str = ""
) -> tuple[int, ET.Element | None]:
    """Send a request signed as root; gives the status and the answer's root element."""
    at = urlsplit(batch.emulator.endpoint)
    headers = {"host": host or at.netloc} | ({"x-amz-account-id": account} if account else {})
    request = AWSRequest(method=method, url=batch.emulator.endpoint + path, data=body, headers=headers)
    S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
    with urllib3.PoolManager() as pool:
        answer = pool.request(method, request.url, body=body, headers=dict(request.headers))
    return answer.status, ET.fromstring(answer.data) if answer.data else None


def create_body(batch: Batch, extra: str = "", operation: str = "", manifest: str = "") -> bytes:
    location = batch.put(b"lake,ok\n")
    operation = operation or (
        f"<LambdaInvoke><InvocationSchemaVersion>2.0</InvocationSchemaVersion>"
        f"<FunctionArn>{batch.function}</FunctionArn></LambdaInvoke>"
    )
    manifest = manifest or (
        f"<Manifest><Location><ETag>{location['ETag'].strip(chr(34))}</ETag>"
        f"<ObjectArn>{location['ObjectArn']}</ObjectArn></Location><Spec><Fields><member>Bucket</member>"
        f"<member>Key</member></Fields><Format>S3BatchOperations_CSV_20180820</Format></Spec></Manifest>"
    )
    return (
        f'<CreateJobRequest xmlns="{SPACE[1:-1]}"><RoleArn>{batch.role}</RoleArn>{extra}{manifest}'
        f"<Priority>1</Priority><ClientRequestToken>{uuid.uuid4()}</ClientRequestToken>"
        f"<Report><Enabled>false</Enabled></Report><Operation>{operation}</Operation></CreateJobRequest>"
    ).encode()


@pytest.mark.parametrize("host", ["", "000000000000.s3-control.us-east-1.amazonaws.com", "000000000000.localhost:4700"])
def test_any_host_and_any_order_of_elements(batch: Batch, host: str) -> None:
    status, answer = send(batch, "POST", "/v20180820/jobs", create_body(batch), host=host)
    assert status == 200
    assert answer is not None
    assert answer.tag == f"{SPACE}CreateJobResult"
    job_id = answer.findtext(f"{SPACE}JobId")
    assert job_id
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", job_id)
    # ConfirmationRequired was left out: the job waits.
    assert batch.await_status(job_id, "Suspended")["ConfirmationRequired"] is True


def test_errors_are_wrapped(batch: Batch) -> None:
    status, answer = send(batch, "GET", f"/v20180820/jobs/{uuid.uuid4()}")
    assert status == 404
    assert answer is not None
    assert answer.tag == "ErrorResponse"
    assert answer.findtext("Error/Code") == "NoSuchJobException"
    assert answer.findtext("Error/Message") == "The specified job does not exist"
    assert answer.findtext("Error/Type") == "Sender"
    assert answer.findtext("RequestId")


@pytest.mark.parametrize(
    ("account", "code"), [(None, "InvalidRequest"), ("111111111111", "AccessDenied"), ("me", "AccessDenied")]
)
def test_the_account_header_is_required_and_must_be_ones_own(batch: Batch, account: str | None, code: str) -> None:
    _, answer = send(batch, "GET", "/v20180820/jobs", account=account)
    assert answer is not None
    assert answer.findtext("Error/Code") == code


def test_a_request_over_a_mebibyte_is_refused(batch: Batch) -> None:
    body = create_body(batch, extra=f"<!-- {' ' * (1 << 20)} -->")
    _, answer = send(batch, "POST", "/v20180820/jobs", body)
    assert answer is not None
    assert answer.findtext("Error/Code") == "EntityTooLarge"


def test_an_unsigned_request_is_refused(batch: Batch) -> None:
    with urllib3.PoolManager() as pool:
        answer = pool.request(
            "GET", f"{batch.emulator.endpoint}/v20180820/jobs", headers={"x-amz-account-id": batch.account}
        )
    assert answer.status == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in answer.data


GENERATOR = (
    "<ManifestGenerator><S3JobManifestGenerator><SourceBucket>arn:aws:s3:::b</SourceBucket>"
    "<EnableManifestOutput>false</EnableManifestOutput></S3JobManifestGenerator></ManifestGenerator>"
)


@pytest.mark.parametrize(
    ("parts", "status", "code", "said"),
    [
        ({"operation": "<S3ReplicateObject/>"}, 501, "NotImplemented", "does not run S3ReplicateObject"),
        ({"operation": "<S3DeleteObject/>"}, 400, "BadRequestException", "takes no S3DeleteObject"),
        ({"operation": "<LambdaInvoke/>"}, 400, "BadRequestException", "FunctionArn is required"),
        (
            {
                "manifest": GENERATOR.replace(
                    "</EnableManifestOutput>",
                    "</EnableManifestOutput><Filter><EligibleForReplication>true</EligibleForReplication></Filter>",
                )
            },
            501,
            "NotImplemented",
            "does not filter by EligibleForReplication",
        ),
        ({"extra": GENERATOR}, 400, "BadRequestException", "exactly one of Manifest and ManifestGenerator"),
        ({"extra": "<Description></Description>"}, 400, "BadRequestException", "Description must have a length"),
        ({"extra": "<ConfirmationRequired>no</ConfirmationRequired>"}, 400, "BadRequestException", "true or false"),
        ({"extra": "<Speed>9</Speed>"}, 400, "BadRequestException", "takes no Speed"),
        ({"extra": "<Open>"}, 400, "MalformedXML", "not well-formed"),
        (
            {
                "manifest": GENERATOR.replace(
                    "</EnableManifestOutput>",
                    "</EnableManifestOutput><Filter><KeyNameConstraint><MatchAnyPrefix><member>a</member>"
                    "<member>b</member></MatchAnyPrefix></KeyNameConstraint></Filter>",
                )
            },
            400,
            "BadRequestException",
            "MatchAnyPrefix takes one string, not 2",
        ),
        (
            {"manifest": GENERATOR.replace("false", "true")},
            400,
            "BadRequestException",
            "ManifestOutputLocation is required",
        ),
        (
            {
                "operation": "<S3ComputeObjectChecksum><ChecksumAlgorithm>XXHASH3</ChecksumAlgorithm>"
                "</S3ComputeObjectChecksum>"
            },
            501,
            "NotImplemented",
            "does not compute XXHASH3",
        ),
    ],
)
def test_a_request_that_cannot_be_run_is_refused_at_once(
    batch: Batch, parts: dict[str, str], status: int, code: str, said: str
) -> None:
    got, answer = send(batch, "POST", "/v20180820/jobs", create_body(batch, **parts))
    assert answer is not None
    assert (got, answer.findtext("Error/Code")) == (status, code)
    assert said in (answer.findtext("Error/Message") or "")


def manifest(arn: str = "arn:aws:s3:::b/k", **spec: Any) -> dict[str, Any]:
    return {"Spec": spec, "Location": {"ObjectArn": arn, "ETag": "e"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Priority": -1}, "Priority must be from 0"),
        ({"RoleArn": "arn:aws:iam::1:role/x"}, "RoleArn must match"),
        ({"invoke": {"InvocationSchemaVersion": "3.0"}}, "must be 1.0 or 2.0"),
        ({"invoke": {"InvocationSchemaVersion": "1.0", "UserArguments": {"a": "b"}}}, "needs InvocationSchema"),
        ({"invoke": {"UserArguments": {}}}, "UserArguments must have a length from 1"),
        ({"fields": ["Bucket", "Key", "Key"]}, "names a column twice"),
        ({"Report": {"Enabled": True}}, "needs Bucket, Format and ReportScope"),
        ({"Tags": [{"Key": "a", "Value": "b"}] * 2}, "a key twice"),
        ({"Tags": [{"Key": "a?", "Value": "b"}]}, "a character that tags do not take"),
        ({"Tags": [{"Key": "a", "Value": "b" * 257}]}, "must have a length from 0 to 256"),
        ({"Priority": 2147483648}, "Priority must be from 0 to 2147483647"),
        ({"ClientRequestToken": "t" * 65}, "ClientRequestToken must have a length from 1 to 64"),
        ({"Description": "d" * 257}, "Description must have a length from 1 to 256"),
        ({"invoke": {"UserArguments": {str(n): "" for n in range(11)}}}, "must have a length from 1 to 10"),
        ({"invoke": {"UserArguments": {"k": "v" * 1025}}}, "must have a length from 0 to 1024"),
        ({"Operation": {"LambdaInvoke": {}, "S3DeleteObjectTagging": {}}}, "exactly one member"),
        ({"Operation": {"S3PutObjectCopy": {}}}, "TargetResource is required"),
        ({"Operation": {"S3PutObjectLegalHold": {"LegalHold": {"Status": "MAYBE"}}}}, "must be one of OFF, ON"),
        ({"Manifest": manifest(Format="S3BatchOperations_CSV_20180820")}, "Fields is required"),
        ({"Manifest": manifest(Format="S3InventoryReport_CSV_20161130", Fields=["Key"])}, "Fields is not taken"),
        ({"Manifest": manifest(arn="arn:aws:s3:::bucket", Format="S3InventoryReport_CSV_20161130")}, "BUCKET/KEY"),
    ],
)
def test_values_are_checked_at_once(batch: Batch, changes: dict[str, Any], said: str) -> None:
    client = batch.emulator.root("s3control")
    # boto3 would refuse some of these itself, other SDKs do not.
    client._serializer = create_serializer("rest-xml", include_validation=False)
    with pytest.raises(ClientError, match=re.escape(said)) as caught:
        client.create_job(**batch.request(["ok"], **changes))
    assert caught.value.response["Error"]["Code"] == "BadRequestException"


def test_a_client_token_makes_one_job(batch: Batch) -> None:
    request = batch.request(["ok"])
    job_id = batch.control.create_job(**request)["JobId"]
    assert batch.control.create_job(**request)["JobId"] == job_id
    with pytest.raises(ClientError) as caught:
        batch.control.create_job(**request | {"Priority": 11})
    assert caught.value.response["Error"]["Code"] == "IdempotencyException"


def test_tags_come_and_go(batch: Batch) -> None:
    team = {"Key": "team", "Value": "lake / ü"}
    job_id = batch.create(["ok"], Tags=[team])
    named = {"AccountId": batch.account, "JobId": job_id}
    assert batch.control.get_job_tagging(**named)["Tags"] == [team]
    batch.control.put_job_tagging(**named, Tags=[{"Key": "a", "Value": ""}])
    assert batch.control.get_job_tagging(**named)["Tags"] == [{"Key": "a", "Value": ""}]
    with pytest.raises(batch.control.exceptions.TooManyTagsException):
        batch.control.put_job_tagging(**named, Tags=[{"Key": str(n), "Value": ""} for n in range(51)])
    batch.control.delete_job_tagging(**named)
    assert batch.control.get_job_tagging(**named)["Tags"] == []


def test_jobs_are_listed_by_page_and_by_state(batch: Batch) -> None:
    waiting = [batch.create(["ok"], ConfirmationRequired=True, Description="listed") for _ in range(3)]
    for job_id in waiting:
        batch.await_status(job_id, "Suspended")
    listed: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"AccountId": batch.account, "JobStatuses": ["Suspended"], "MaxResults": 2}
    while True:
        page = batch.control.list_jobs(**asked)
        assert len(page["Jobs"]) <= 2
        listed += page["Jobs"]
        if not page.get("NextToken"):
            break
        asked["NextToken"] = page["NextToken"]
    assert len({job["JobId"] for job in listed}) == len(listed)
    assert {job["Status"] for job in listed} == {"Suspended"}
    assert set(waiting) <= {job["JobId"] for job in listed}
    one = next(job for job in listed if job["JobId"] == waiting[0])
    assert (one["Operation"], one["Description"], one["Priority"]) == ("LambdaInvoke", "listed", 10)
    assert one["ProgressSummary"]["TotalNumberOfTasks"] == 1
    limit = {"AccountId": batch.account, "MaxResults": 0}
    assert len(batch.control.list_jobs(**limit)["Jobs"]) >= len(waiting)
    client = batch.emulator.root("s3control")
    client._serializer = create_serializer("rest-xml", include_validation=False)
    for wrong in ({"JobStatuses": ["Sleeping"]}, {"MaxResults": 1001}, {"MaxResults": -1}):
        with pytest.raises(client.exceptions.InvalidRequestException, match="Request invalid"):
            client.list_jobs(AccountId=batch.account, **wrong)
    with pytest.raises(batch.control.exceptions.InvalidNextTokenException, match="nextToken"):
        batch.control.list_jobs(AccountId=batch.account, NextToken="nonsense")


def test_the_priority_of_a_job_changes_until_it_ends(batch: Batch) -> None:
    job_id = batch.create(["ok"], ConfirmationRequired=True)
    batch.await_status(job_id, "Suspended")
    named = {"AccountId": batch.account, "JobId": job_id}
    assert batch.control.update_job_priority(**named, Priority=77)["Priority"] == 77
    assert batch.describe(job_id)["Priority"] == 77
    batch.control.update_job_status(**named, RequestedJobStatus="Cancelled")
    batch.await_status(job_id)
    with pytest.raises(ClientError, match="no priority any more"):
        batch.control.update_job_priority(**named, Priority=1)


def test_a_report_for_another_account_fails_the_job(batch: Batch) -> None:
    request = batch.request(["ok"])
    request["Report"]["ExpectedBucketOwner"] = "111111111111"
    job = batch.await_status(batch.control.create_job(**request)["JobId"])
    assert job["Status"] == "Failed"
    assert BUCKET not in job["FailureReasons"][0]["FailureReason"]
