"""Make a job: the manifest written and pinned, then the request, both or neither."""

import datetime
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from brigade.jobs.control import Control
from brigade.jobs.manifest import Selected, Summary, write
from brigade.s3 import Absent, Writer
from brigade.s3.writer import Writes

MANIFESTS = "manifests"
REPORTS = "jobs"
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
    lake: str
    reports: str
    role_arn: str
    priority: int = 10
    parent: str | None = None
    """The job whose failed tasks these are."""


@dataclass(frozen=True)
class Submitted:
    """A job that S3 has accepted."""

    id: str
    run: str
    manifest: str
    summary: Summary


def submit(control: Control, s3: Writes, plan: Plan, selected: Selected, agree: Callable[[Summary], None]) -> Submitted:
    """Write the manifest, ask, publish it, create the job; what raises before it is published leaves nothing.

    ``agree`` is called once the whole selection is known and nothing is published; it raises to decline. A manifest
    whose job S3 then refuses stays until the bucket's lifecycle clears it: nothing refers to it. The job starts by
    itself: S3 is told explicitly that it needs no confirmation, for it would wait 30 days for one. A request whose
    answer got lost is sent again under the same token, so it is one job. Memory: that of ``brigade.s3.Writer``.

    Fails with UsageError when nothing, or another bucket's object, is selected.
    """
    run = f"{plan.operation}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    key = f"{MANIFESTS}/{run}.csv"
    with Writer(s3, plan.reports, key, condition=Absent(), content_type="text/csv") as writer:
        summary = write(selected, plan.lake, writer.write)
        agree(summary)
    job = control.create(_request(plan, run, key, writer.written.etag.strip('"'), versions=summary.versions))
    return Submitted(job, run, f"s3://{plan.reports}/{key}", summary)


def _request(plan: Plan, run: str, key: str, etag: str, *, versions: bool) -> dict[str, object]:
    bucket = f"arn:{plan.role_arn.split(':')[1]}:s3:::{plan.reports}"
    invoke: dict[str, object] = {"FunctionArn": plan.function_arn, "InvocationSchemaVersion": "2.0"}
    if plan.arguments:  # S3 refuses an empty map
        invoke["UserArguments"] = dict(plan.arguments)
    tags = {"brigade:stage": plan.stage, "brigade:operation": plan.operation, "brigade:run": run}
    if plan.parent:
        tags["brigade:parent"] = plan.parent
    about = f"{plan.operation} over {' '.join(plan.what.split())}"
    ending = f" [{plan.stage} {run}]"
    return {
        "ConfirmationRequired": False,
        "Operation": {"LambdaInvoke": invoke},
        "Manifest": {
            "Spec": {
                "Format": "S3BatchOperations_CSV_20180820",
                "Fields": ["Bucket", "Key", "VersionId"] if versions else ["Bucket", "Key"],
            },
            "Location": {"ObjectArn": f"{bucket}/{key}", "ETag": etag},
        },
        "Report": {
            "Bucket": bucket,
            "Prefix": REPORTS,
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
