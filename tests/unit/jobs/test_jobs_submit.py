"""Requests that a submission sends to S3, and the leftovers of a failed submission."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from brigade.errors import BrigadeError, NotFound, RetryLater, UsageError
from brigade.jobs.client import JobsClient, follow_job
from brigade.jobs.request import JobPlan, build_request
from brigade.jobs.retry import check_not_retried, plan_retry
from brigade.jobs.row import ManifestRow, SelectionSummary
from brigade.jobs.selection import ObjectFilter
from brigade.jobs.submit import submit_filter, submit_rows
from tests.fake_client import FakeClient

ROLE = "arn:aws:iam::000000000000:role/jobs"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:brigade-dev-operation-verify"


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "AnyOperation")


class Jobs(FakeClient):
    """S3 Control that remembers what it was sent."""

    def __init__(self, *, fails: ClientError | None = None, statuses: tuple[str, ...] = ()) -> None:
        self.created: list[dict[str, Any]] = []
        self.fails, self.statuses = fails, list(statuses)

    def create_job(self, **request: Any) -> Any:
        if self.fails:
            raise self.fails
        self.created.append(request)
        return {"JobId": "job-id"}

    def describe_job(self, **request: Any) -> Any:
        if self.fails:
            raise self.fails
        return {"Job": {"JobId": request["JobId"], "Status": self.statuses.pop(0), "CreationTime": None}}

    update_job_status = describe_job


class Bucket:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, **request: Any) -> Any:
        assert request["IfNoneMatch"] == "*"
        self.objects[request["Key"]] = io.BytesIO(request["Body"]).read()
        return {"ETag": '"abc"'}


def plan(**changes: Any) -> JobPlan:
    given = {
        "stage": "dev",
        "operation": "verify",
        "function_arn": FUNCTION,
        "arguments": {},
        "what": "all\nof it",
        "bucket": "lake",
        "reports": "reports",
        "role_arn": ROLE,
    }
    return JobPlan(**given | changes)


def test_the_request_is_explicit_and_pinned() -> None:
    jobs, bucket = Jobs(), Bucket()
    done = submit_rows(JobsClient(jobs, "0" * 12), bucket, plan(), [ManifestRow("lake", "a+b")], lambda _: None)  # type: ignore[arg-type]  # the writer needs just PutObject for a small manifest
    (request,) = jobs.created
    assert request["ConfirmationRequired"] is False
    assert request["Operation"] == {"LambdaInvoke": {"FunctionArn": FUNCTION, "InvocationSchemaVersion": "2.0"}}
    assert request["Manifest"]["Location"] == {
        "ObjectArn": f"arn:aws:s3:::reports/manifests/{done.run}.csv",
        "ETag": "abc",
    }
    assert request["Manifest"]["Spec"]["Fields"] == ["Bucket", "Key"]
    assert request["Report"]["Prefix"] == "jobs"
    assert request["Report"]["ReportScope"] == "AllTasks"
    assert len(request["ClientRequestToken"]) <= 64
    assert request["Description"] == f"verify over all of it [dev {done.run}]"
    assert {"Key": "brigade:run", "Value": done.run} in request["Tags"]
    assert bucket.objects == {f"manifests/{done.run}.csv": b"lake,a+b\n"}


def test_arguments_versions_and_a_long_description() -> None:
    jobs = Jobs()
    long = plan(arguments={"size": "3"}, what="w" * 1000, parent="parent-job")
    submit_rows(JobsClient(jobs, "0" * 12), Bucket(), long, [ManifestRow("lake", "a", "null")], lambda _: None)  # type: ignore[arg-type]  # as above
    (request,) = jobs.created
    assert request["Operation"]["LambdaInvoke"]["UserArguments"] == {"size": "3"}
    assert request["Manifest"]["Spec"]["Fields"] == ["Bucket", "Key", "VersionId"]
    assert len(request["Description"]) == 256
    assert {"Key": "brigade:parent", "Value": "parent-job"} in request["Tags"]


def test_declining_publishes_nothing() -> None:
    def decline(summary: SelectionSummary) -> None:
        assert summary.objects == 1
        raise UsageError("no")

    jobs, bucket = Jobs(), Bucket()
    with pytest.raises(UsageError):
        submit_rows(JobsClient(jobs, "0" * 12), bucket, plan(), [ManifestRow("lake", "a")], decline)  # type: ignore[arg-type]  # as above
    assert (jobs.created, bucket.objects) == ([], {})


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("NotFoundException", NotFound, "no job job-id; S3 forgets"),
        ("NoSuchJob", NotFound, "no job job-id"),
        ("NoSuchJobException", NotFound, "no job job-id"),
        ("JobStatusException", BrigadeError, "cannot look at job-id: its status"),
        ("TooManyRequestsException", RetryLater, "cannot look at job-id now"),
        ("AccessDeniedException", BrigadeError, "not allowed to look at job-id"),
        ("Odd", BrigadeError, "S3 refused to look at job-id: Odd: no"),
    ],
)
def test_a_refusal_is_one_line_in_words(code: str, error: type[BrigadeError], said: str) -> None:
    with pytest.raises(error, match=said):
        JobsClient(Jobs(fails=refusal(code)), "0" * 12).describe("job-id")


def test_what_is_no_job_id_is_not_sent() -> None:
    with pytest.raises(UsageError, match="is not a job id"):
        JobsClient(Jobs(), "0" * 12).describe("../../x")


@pytest.mark.parametrize("last", ["Complete", "Failed", "Cancelled", "Suspended"])
def test_following_ends_when_the_job_does_and_asks_ever_less_often(last: str) -> None:
    waits: list[float] = []
    statuses = ("New", "Preparing", *["Active"] * 30, "Completing", last)
    seen = list(follow_job(JobsClient(Jobs(statuses=statuses), "0" * 12), "job-id", pause=waits.append))
    assert [job.status for job in seen] == list(statuses)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, 10.0)


def again(described: dict[str, Any]) -> JobPlan:
    return plan_retry(
        {"JobId": "parent", "CreationTime": None, **described},
        stage="dev",
        functions={"verify": FUNCTION},
        bucket="lake",
        reports="reports",
        role_arn=ROLE,
        priority=3,
    )


def test_a_retry_repeats_operation_and_arguments() -> None:
    made = again(
        {"Status": "Complete", "Operation": {"LambdaInvoke": {"FunctionArn": FUNCTION, "UserArguments": {"size": "3"}}}}
    )
    assert (made.operation, made.arguments, made.parent, made.priority) == ("verify", {"size": "3"}, "parent", 3)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"Status": "Active"}, "job parent is Active"),
        (
            {"Status": "Complete", "Operation": {"S3ReplicateObject": {}}},
            "ran S3ReplicateObject, which is no operation",
        ),
        ({"Status": "Complete", "Operation": {"LambdaInvoke": {"FunctionArn": "arn:x:function:f"}}}, "ran f, which"),
    ],
)
def test_what_cannot_be_retried_is_said(described: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        again(described)


def test_a_lost_answer_to_the_creation_says_that_the_job_may_exist_and_how_to_find_it() -> None:
    class Lost(Jobs):
        def create_job(self, **request: Any) -> Any:
            self.created.append(request)
            raise ReadTimeoutError(endpoint_url="https://s3-control")

    jobs = Lost()
    with pytest.raises(RetryLater, match=r"it may exist: look for verify-\S+ in `brigade jobs list`") as lost:
        submit_rows(JobsClient(jobs, "0" * 12), Bucket(), plan(), [ManifestRow("lake", "a")], lambda _: None)  # type: ignore[arg-type]  # as above
    assert jobs.created[0]["ClientRequestToken"] in str(lost.value)


class Listed(Jobs):
    """S3 Control that lists jobs by status, one a page."""

    def __init__(self, *jobs: tuple[str, str, str]) -> None:
        super().__init__()
        self.jobs = jobs

    def list_jobs(self, JobStatuses: list[str], NextToken: str = "0", **_: Any) -> Any:  # noqa: N803 - boto3's names
        found = [job for job in self.jobs if job[1] in JobStatuses]
        at = int(NextToken)
        page = [{"JobId": name, "Status": status, "Description": about} for name, status, about in found[at : at + 1]]
        for each in page:
            each["CreationTime"] = None  # type: ignore[assignment]  # it is not looked at
        return {"Jobs": page, **({"NextToken": str(at + 1)} if at + 1 < len(found) else {})}


@pytest.mark.parametrize("status", ["New", "Preparing", "Suspended", "Ready", "Active", "Paused", "Completing"])
def test_a_job_whose_retry_goes_on_is_not_retried_again(status: str) -> None:
    going = build_request(plan(what="what failed in parent"), "run", {})["Description"]
    jobs = Listed(("a", status, "verify over all"), ("b", status, str(going)))
    with pytest.raises(UsageError, match=f"job b retries parent already and is {status}"):
        check_not_retried(JobsClient(jobs, "0" * 12), "parent")
    check_not_retried(JobsClient(jobs, "0" * 12), "paren")


@pytest.mark.parametrize("status", ["Complete", "Failed", "Cancelled"])
def test_a_job_whose_retry_is_over_may_be_retried_again(status: str) -> None:
    jobs = Listed(("b", status, "verify over what failed in parent [dev run]"))
    check_not_retried(JobsClient(jobs, "0" * 12), "parent")


@pytest.mark.parametrize(
    ("chosen", "fits"),
    [
        (ObjectFilter(prefix="photographs/"), True),
        (ObjectFilter(prefix="photographs/2024", suffix=".png"), True),
        (ObjectFilter(prefix="photo"), False),
        (ObjectFilter(suffix=".png"), False),
        (ObjectFilter(larger_than=0), False),
    ],
)
def test_s3_lists_only_what_the_operation_may_read(chosen: ObjectFilter, fits: bool) -> None:
    jobs = Jobs()
    made = plan(operation="thumbnail", reads=("photographs/*",))
    if fits:
        assert submit_filter(JobsClient(jobs, "0" * 12), made, chosen).id == "job-id"
        assert jobs.created[0]["ConfirmationRequired"] is True
        return
    with pytest.raises(UsageError, match=r"thumbnail reads only photographs/\*"):
        submit_filter(JobsClient(jobs, "0" * 12), made, chosen)
    assert jobs.created == []
