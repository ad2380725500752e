"""Run a job again over its failed tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

from brigade.errors import UsageError
from brigade.jobs.client import Control
from brigade.jobs.job import of
from brigade.jobs.report import opened
from brigade.jobs.request import Plan, retry_of
from brigade.jobs.row import NULL_VERSION, Row
from brigade.jobs.s3_operations import name_of
from brigade.s3.get import Gets

_FOR_GOOD = "PermanentFailure"
_GOING = ("New", "Preparing", "Suspended", "Ready", "Active", "Pausing", "Paused", "Completing")


def plan_again(
    described: Mapping[str, Any],
    *,
    stage: str,
    functions: Mapping[str, str],
    bucket: str,
    reports: str,
    role_arn: str,
    priority: int,
) -> Plan:
    """Give the plan of the same operation with the same arguments, as S3 describes the job.

    ``functions`` are the deployed operations' by name. Fails with UsageError when the job is not over, or ran neither
    one of them nor an operation of S3's own.
    """
    job = of(described)
    if not job.over:
        raise UsageError(f"job {job.id} is {job.status}; retry it when it is over (`brigade jobs watch {job.id}`)")
    ran = described.get("Operation", {})
    own, invoke = name_of(ran), ran.get("LambdaInvoke", {})
    names = {arn: name for name, arn in functions.items()}
    arn = invoke.get("FunctionArn", "")
    if not own and arn not in names:
        raise UsageError(f"job {job.id} ran {job.operation or 'no function'}, which is no operation of stage {stage!r}")
    return Plan(
        stage=stage,
        operation=own or names[arn],
        function_arn=arn,
        own=ran if own else None,
        arguments=invoke.get("UserArguments") or {},
        what=retry_of(job.id),
        bucket=bucket,
        reports=reports,
        role_arn=role_arn,
        priority=priority,
        parent=job.id,
    )


def check_not_retried(control: Control, job: str) -> None:
    """Raise UsageError while another job retries `job`: the same tasks would run twice, for two fees."""
    for described in control.list(_GOING):
        found = of(described)
        if f" over {retry_of(job)} [" in found.description:
            raise UsageError(
                f"job {found.id} retries {job} already and is {found.status}: follow it with `brigade jobs watch "
                f"{found.id}`, or cancel it first"
            )


def failed_rows(
    s3: Gets, described: Mapping[str, Any], *, only: str | None = None, everything: bool = False, patience_s: float = 0
) -> Iterator[Row]:
    """Give a manifest row for each failed task, its key the report's own text, byte for byte.

    Arguments: ``only``, the error code whose tasks are taken; ``everything``, those too that failed for good. Without
    either, a task that failed for good is a UsageError: its function has said that another run ends the same way.

    A row without a version in a job whose manifest had versions is of the null version. Fails as ``report.opened``
    does.
    """
    job = of(described)
    if job.report is None:
        raise UsageError(f"job {job.id} was made without a completion report, so nobody knows what failed")
    fields = described.get("Manifest", {}).get("Spec", {}).get("Fields") or ()
    missing = NULL_VERSION if "VersionId" in fields else None
    if not job.failed:
        return
    for task in opened(s3, job.report, patience_s=patience_s).tasks(s3, failed=True):
        if only is not None and task.code != only:
            continue
        if only is None and not everything and task.code == _FOR_GOOD:
            raise UsageError(
                f"{task.key!r} failed for good ({task.message[:200]!r}): mend what it met, then retry with --all, or "
                f"retry those of one code with --only CODE; see `brigade jobs report {job.id} --failed`"
            )
        yield Row(task.bucket, task.key_text, task.version_id or missing)
