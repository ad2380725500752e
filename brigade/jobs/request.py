"""What S3 is asked to run: a plan made the request of CreateJob, complete, the same each time that it is made.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_CreateJob.html
"""

import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brigade.jobs.row import Summary
from brigade.layout import JOB_REPORTS

AS_S3_READS_IT = {"ServerSideEncryption": "AES256"}
"""How a manifest of ours is encrypted, whatever the bucket's default is: S3 takes none under a key of KMS."""
_DESCRIPTION_CHARACTERS = 256


@dataclass(frozen=True)
class Plan:
    """What to run over the rows, where its manifest and report go, and as whom."""

    stage: str
    operation: str
    function_arn: str
    arguments: Mapping[str, str]
    what: str
    """The selection in words, for the job's description."""
    bucket: str
    """That of its objects: the lake, or one that exists beside it."""
    reports: str
    role_arn: str
    priority: int = 10
    parent: str | None = None
    """The job whose failed tasks these are."""
    reads: tuple[str, ...] = ("*",)
    """The patterns of keys in `bucket` that the operation may read."""
    own: Mapping[str, Any] | None = None
    """CreateJob's ``Operation`` where it is one of S3's own: no function runs."""


@dataclass(frozen=True)
class Submitted:
    """A job that S3 has accepted."""

    id: str
    run: str
    manifest: str
    summary: Summary
    request: Mapping[str, object]


def new_run(plan: Plan) -> str:
    """Give a run's name, which no other has: it names the manifest, and is the token by which a job is made once."""
    name, now = plan.operation.replace(":", "-"), datetime.datetime.now(datetime.UTC)
    return f"{name}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def retry_of(job: str) -> str:
    """Return the words for the selection of a job that retries `job`: its description is known by them."""
    return f"what failed in {job}"


def bucket_arn(plan: Plan, bucket: str) -> str:
    """Give the ARN of a bucket in the partition that the plan's role is of."""
    return f"arn:{plan.role_arn.split(':')[1]}:s3:::{bucket}"


def rows_manifest(plan: Plan, key: str, etag: str, *, versions: bool) -> dict[str, Any]:
    """Give ``Manifest`` of a CSV manifest of ours in the reports bucket, pinned by its ETag."""
    return {
        "Spec": {
            "Format": "S3BatchOperations_CSV_20180820",
            "Fields": ["Bucket", "Key", *(["VersionId"] if versions else [])],
        },
        "Location": {"ObjectArn": f"{bucket_arn(plan, plan.reports)}/{key}", "ETag": etag.strip('"')},
    }


def request_of(plan: Plan, run: str, objects: Mapping[str, Any], *, confirm: bool = False) -> dict[str, object]:
    """Give the arguments of CreateJob, all but the account. The same arguments give the same request.

    Arguments: ``run``, at most 64 characters, the token; ``objects``, one of ``Manifest`` and ``ManifestGenerator``;
    ``confirm``, whether the job waits for a confirmation, which S3 is told in either case: left out, it would wait.
    """
    invoke: dict[str, object] = {"FunctionArn": plan.function_arn, "InvocationSchemaVersion": "2.0"}
    if plan.arguments:  # S3 refuses an empty map
        invoke["UserArguments"] = dict(plan.arguments)
    tags = {"brigade:stage": plan.stage, "brigade:operation": plan.operation, "brigade:run": run}
    if plan.parent:
        tags["brigade:parent"] = plan.parent
    about = f"{plan.operation} over {' '.join(plan.what.split())}"
    ending = f" [{plan.stage} {run}]"
    return {
        "ConfirmationRequired": confirm,
        **objects,
        "Operation": plan.own or {"LambdaInvoke": invoke},
        "Report": {
            "Bucket": bucket_arn(plan, plan.reports),
            "Prefix": JOB_REPORTS,
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "ReportScope": "AllTasks",
        },
        "ClientRequestToken": run,
        "Description": about[: _DESCRIPTION_CHARACTERS - len(ending)] + ending,
        "Priority": plan.priority,
        "RoleArn": plan.role_arn,
        "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
    }
