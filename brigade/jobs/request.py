"""The request of CreateJob for a plan. The same plan makes the same request.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_CreateJob.html
"""

import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brigade.jobs.row import SelectionSummary
from brigade.layout import JOB_REPORTS

MANIFEST_ENCRYPTION = {"ServerSideEncryption": "AES256"}
"""The encryption of our manifests, whatever the bucket's default is: S3 accepts none under a key of KMS."""
_DESCRIPTION_CHARACTERS = 256


@dataclass(frozen=True)
class JobPlan:
    """A job to create: the operation, the selection, the locations of manifest and report, and the role."""

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
class SubmittedJob:
    """A job that S3 has accepted."""

    id: str
    run: str
    manifest: str
    summary: SelectionSummary
    request: Mapping[str, object]


def new_run_name(plan: JobPlan) -> str:
    """Return a unique name for a run. It names the manifest and is the token by which S3 creates the job once."""
    name, now = plan.operation.replace(":", "-"), datetime.datetime.now(datetime.UTC)
    return f"{name}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def retry_description(job: str) -> str:
    """Return the text that describes a retry of `job`. A retry is found by this text."""
    return f"what failed in {job}"


def bucket_arn(plan: JobPlan, bucket: str) -> str:
    """Return the ARN of a bucket in the partition of the plan's role."""
    return f"arn:{plan.role_arn.split(':')[1]}:s3:::{bucket}"


def build_manifest_spec(plan: JobPlan, key: str, etag: str, *, versions: bool) -> dict[str, Any]:
    """Return `Manifest` of CreateJob for our CSV manifest in the reports bucket, pinned by its ETag."""
    return {
        "Spec": {
            "Format": "S3BatchOperations_CSV_20180820",
            "Fields": ["Bucket", "Key", *(["VersionId"] if versions else [])],
        },
        "Location": {"ObjectArn": f"{bucket_arn(plan, plan.reports)}/{key}", "ETag": etag.strip('"')},
    }


def build_request(plan: JobPlan, run: str, objects: Mapping[str, Any], *, confirm: bool = False) -> dict[str, object]:
    """Return the arguments of CreateJob without the account. The same arguments return the same request.

    Args:
        run: The token, at most 64 characters.
        objects: One of `Manifest` and `ManifestGenerator`.
        confirm: Whether the job waits for a confirmation. The request always states it: S3's default is to wait.
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
