"""A retry of a job: the same operation over its failed tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

from brigade.errors import UsageError
from brigade.jobs.client import JobsClient
from brigade.jobs.job import parse_job
from brigade.jobs.report import open_report
from brigade.jobs.request import JobPlan, retry_description
from brigade.jobs.row import NULL_VERSION, ManifestRow
from brigade.jobs.s3_operations import operation_name
from brigade.s3.client_type import S3Client

_FOR_GOOD = "PermanentFailure"
_GOING = ("New", "Preparing", "Suspended", "Ready", "Active", "Pausing", "Paused", "Completing")


def plan_retry(
    described: Mapping[str, Any],
    *,
    stage: str,
    functions: Mapping[str, str],
    bucket: str,
    reports: str,
    role_arn: str,
    priority: int,
) -> JobPlan:
    """Return the plan of the same operation with the same arguments, from S3's description of the job.

    Args:
        functions: The ARNs of the deployed operations' functions, by name.

    Raises:
        UsageError: The job has not ended, or it ran neither a deployed operation nor one of S3's own.
    """
    job = parse_job(described)
    if not job.over:
        raise UsageError(f"job {job.id} is {job.status}; retry it after its end (`brigade jobs watch {job.id}`)")
    ran = described.get("Operation", {})
    own, invoke = operation_name(ran), ran.get("LambdaInvoke", {})
    names = {arn: name for name, arn in functions.items()}
    arn = invoke.get("FunctionArn", "")
    if not own and arn not in names:
        raise UsageError(f"job {job.id} ran {job.operation or 'no function'}, which is no operation of stage {stage!r}")
    return JobPlan(
        stage=stage,
        operation=own or names[arn],
        function_arn=arn,
        own=ran if own else None,
        arguments=invoke.get("UserArguments") or {},
        what=retry_description(job.id),
        bucket=bucket,
        reports=reports,
        role_arn=role_arn,
        priority=priority,
        parent=job.id,
    )


def check_not_retried(control: JobsClient, job: str) -> None:
    """Raise UsageError while another job retries `job`: the same tasks would run twice, for two fees."""
    for described in control.list(_GOING):
        found = parse_job(described)
        if f" over {retry_description(job)} [" in found.description:
            raise UsageError(
                f"job {found.id} retries {job} already and is {found.status}: follow it with `brigade jobs watch "
                f"{found.id}`, or cancel it first"
            )


def read_failed_rows(
    s3: S3Client,
    described: Mapping[str, Any],
    *,
    only: str | None = None,
    everything: bool = False,
    patience_s: float = 0,
) -> Iterator[ManifestRow]:
    """Yield a manifest row for each failed task. The key is the report's text, byte for byte.

    A row without a version is of the null version if the job's manifest had versions.

    Args:
        only: Only tasks with this error code.
        everything: Also tasks that failed permanently.
        patience_s: Seconds to wait for the report.

    Raises:
        UsageError: A task failed permanently, and neither `only` nor `everything` is given: it would fail again.
        NotFound, InvalidData: As `open_report`.
    """
    job = parse_job(described)
    if job.report is None:
        raise UsageError(f"job {job.id} was made without a completion report, so the failed tasks are unknown")
    fields = described.get("Manifest", {}).get("Spec", {}).get("Fields") or ()
    missing = NULL_VERSION if "VersionId" in fields else None
    if not job.failed:
        return
    for task in open_report(s3, job.report, patience_s=patience_s).tasks(s3, failed=True):
        if only is not None and task.code != only:
            continue
        if only is None and not everything and task.code == _FOR_GOOD:
            raise UsageError(
                f"{task.key!r} failed permanently ({task.message[:200]!r}): fix the cause, then retry with --all, or "
                f"retry those of one code with --only CODE; see `brigade jobs report {job.id} --failed`"
            )
        yield ManifestRow(task.bucket, task.key_text, task.version_id or missing)
