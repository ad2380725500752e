"""What is sent to S3, and what is left behind when it goes wrong."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brigade.errors import BrigadeError, NotFound, RetryLater, UsageError
from brigade.jobs.control import Control
from brigade.jobs.request import Plan
from brigade.jobs.retry import plan_again
from brigade.jobs.row import Row
from brigade.jobs.submit import submit
from brigade.jobs.summary import Summary
from brigade.jobs.watch import follow

ROLE = "arn:aws:iam::000000000000:role/jobs"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:brigade-dev-operation-verify"


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "AnyOperation")


class Jobs:
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


def plan(**changes: Any) -> Plan:
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
    return Plan(**given | changes)


def test_the_request_is_explicit_and_pinned() -> None:
    jobs, bucket = Jobs(), Bucket()
    done = submit(Control(jobs, "0" * 12), bucket, plan(), [Row("lake", "a+b")], lambda _: None)  # type: ignore[arg-type]  # the writer needs just PutObject for a small manifest
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
    submit(Control(jobs, "0" * 12), Bucket(), long, [Row("lake", "a", "null")], lambda _: None)  # type: ignore[arg-type]  # as above
    (request,) = jobs.created
    assert request["Operation"]["LambdaInvoke"]["UserArguments"] == {"size": "3"}
    assert request["Manifest"]["Spec"]["Fields"] == ["Bucket", "Key", "VersionId"]
    assert len(request["Description"]) == 256
    assert {"Key": "brigade:parent", "Value": "parent-job"} in request["Tags"]


def test_declining_publishes_nothing() -> None:
    def decline(summary: Summary) -> None:
        assert summary.objects == 1
        raise UsageError("no")

    jobs, bucket = Jobs(), Bucket()
    with pytest.raises(UsageError):
        submit(Control(jobs, "0" * 12), bucket, plan(), [Row("lake", "a")], decline)  # type: ignore[arg-type]  # as above
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
        Control(Jobs(fails=refusal(code)), "0" * 12).describe("job-id")


def test_what_is_no_job_id_is_not_sent() -> None:
    with pytest.raises(UsageError, match="is no job id"):
        Control(Jobs(), "0" * 12).describe("../../x")


@pytest.mark.parametrize("last", ["Complete", "Failed", "Cancelled", "Suspended"])
def test_following_ends_when_the_job_does_and_asks_ever_less_often(last: str) -> None:
    waits: list[float] = []
    statuses = ("New", "Preparing", *["Active"] * 30, "Completing", last)
    seen = list(follow(Control(Jobs(statuses=statuses), "0" * 12), "job-id", pause=waits.append))
    assert [job.status for job in seen] == list(statuses)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, 10.0)


def again(described: dict[str, Any]) -> Plan:
    return plan_again(
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
