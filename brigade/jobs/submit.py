"""Make a job: the manifest written and pinned, then the request, both or neither."""

import datetime
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from brigade.jobs.control import Control
from brigade.jobs.generator import Filter
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
    request: Mapping[str, object]


def submit(control: Control, s3: Writes, plan: Plan, selected: Selected, agree: Callable[[Summary], None]) -> Submitted:
    """Write the manifest, ask, publish it, create the job; what raises before it is published leaves nothing.

    ``agree`` is called once the whole selection is known and nothing is published; it raises to decline. A manifest
    whose job S3 then refuses stays until the bucket's lifecycle clears it: nothing refers to it. The job starts by
    itself: S3 is told explicitly that it needs no confirmation, for it would wait 30 days for one. A request whose
    answer got lost is sent again under the same token, so it is one job. Memory: that of ``brigade.s3.Writer``.

    Fails with UsageError when nothing, or another bucket's object, is selected.
    """
    run = _run(plan)
    key = f"{MANIFESTS}/{run}.csv"
    with Writer(s3, plan.reports, key, condition=Absent(), content_type="text/csv") as writer:
        summary = write(selected, plan.lake, writer.write)
        agree(summary)
    fields = ["Bucket", "Key", "VersionId"] if summary.versions else ["Bucket", "Key"]
    manifest = {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": fields},
        "Location": {"ObjectArn": f"{_arn(plan, plan.reports)}/{key}", "ETag": writer.written.etag.strip('"')},
    }
    request = {"ConfirmationRequired": False, "Manifest": manifest, **_request(plan, run)}
    return Submitted(control.create(request), run, f"s3://{plan.reports}/{key}", summary, request)


def submit_generated(control: Control, plan: Plan, chosen: Filter) -> Submitted:
    """Create a job whose manifest S3 makes, and which then waits for a confirmation: S3 counts, nothing has run.

    Cancelled then, it costs the job's fee. The object count is known by its description when it is Suspended.
    """
    run = _run(plan)
    generator = chosen.request(_arn(plan, plan.lake), _arn(plan, plan.reports), f"{MANIFESTS}/{run}")
    request = {"ConfirmationRequired": True, "ManifestGenerator": generator, **_request(plan, run)}
    return Submitted(
        control.create(request), run, f"s3://{plan.reports}/{MANIFESTS}/{run}/", Summary(bytes=None), request
    )


def _run(plan: Plan) -> str:
    return f"{plan.operation}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _arn(plan: Plan, bucket: str) -> str:
    return f"arn:{plan.role_arn.split(':')[1]}:s3:::{bucket}"


def _request(plan: Plan, run: str) -> dict[str, object]:
    invoke: dict[str, object] = {"FunctionArn": plan.function_arn, "InvocationSchemaVersion": "2.0"}
    if plan.arguments:  # S3 refuses an empty map
        invoke["UserArguments"] = dict(plan.arguments)
    tags = {"brigade:stage": plan.stage, "brigade:operation": plan.operation, "brigade:run": run}
    if plan.parent:
        tags["brigade:parent"] = plan.parent
    about = f"{plan.operation} over {' '.join(plan.what.split())}"
    ending = f" [{plan.stage} {run}]"
    return {
        "Operation": {"LambdaInvoke": invoke},
        "Report": {
            "Bucket": _arn(plan, plan.reports),
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
