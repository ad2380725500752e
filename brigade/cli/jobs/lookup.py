"""Find the functions, the job API, the reports and the past jobs that `brigade jobs` works on."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from brigade.cli.session import Session
from brigade.errors import NotFound, UsageError

if TYPE_CHECKING:  # boto3 and pyarrow are behind these imports
    from brigade.inventory.delivery.summary import DeliverySummary as InventorySummary
    from brigade.jobs.client import JobsClient
    from brigade.jobs.report import Report
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.operation import Operation

REPORT_PATIENCE_S = 30
"""Seconds to wait for S3 to write a report after the end of the job."""


def latest_summary(session: Session, bucket: str) -> "InventorySummary | None":
    """Return the summary of the last inventory of `bucket`; None without one."""
    from brigade.inventory.delivery.summary import DeliverySummary as InventorySummary
    from brigade.inventory.delivery.summary import latest_key
    from brigade.state import State

    state = State(session.client("s3"), session.deployment["StateBucket"])
    found = state.get(latest_key(bucket), InventorySummary)
    return found.value if found else None


def describe_job(session: Session, job: str) -> Mapping[str, Any]:
    """Return the description of a job, from S3 or from the reports bucket: S3 deletes a job 90 days after its end.

    Raises:
        NotFound: S3 does not know the job, and the reports bucket has no description of it.
    """
    from brigade.jobs.archive import read_archived

    try:
        return jobs_client(session).describe(job)
    except NotFound:
        found = read_archived(session.client("s3"), session.deployment["ReportsBucket"], job)
        if found is None:
            raise
        dates = {name: found[name] for name in ("CreationTime", "TerminationDate") if found.get(name)}
        return {**found, **{name: datetime.fromisoformat(text) for name, text in dates.items()}}


def find_function(session: Session, operation: str) -> str:
    """Return the ARN of the function of an operation.

    Raises:
        UsageError: It is not deployed in this stage.
    """
    functions = session.deployment.named("Operation")
    if operation not in functions:
        raise UsageError(f"operation {operation!r} is not deployed in stage {session.stage!r}: deploy the stage")
    return functions[operation]


def check_arguments(
    session: Session, declared: "Operation | NativeOperation", arguments: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """Check the arguments against the declaration of the operation.

    Returns:
        The request of an operation of S3 itself; None for one that runs a function.

    Raises:
        UsageError: An argument is unknown, missing or wrong; the message names it.
    """
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.arguments import parse_arguments as parse_declared

    if not isinstance(declared, NativeOperation):
        parse_declared(declared.arguments, arguments)
        return None
    partition = session.deployment["JobRoleArn"].split(":")[1]
    return declared.request(arguments, f"arn:{partition}:s3:::{session.deployment['LakeBucket']}")


def jobs_client(session: Session) -> "JobsClient":
    """Return the job API of the account of the caller."""
    from brigade.jobs.client import JobsClient

    return JobsClient(session.client("s3control"), session.connection.account())


def open_report(session: Session, job: str) -> "Report":
    """Open the completion report of a job. Wait for it, up to `REPORT_PATIENCE_S` seconds after the end of the job.

    The report of a job that S3 has deleted is read from the place where this stage stores reports.

    Raises:
        UsageError: The job has not ended.
        NotFound: The job has no report, or S3 has not written it in time.
    """
    import time

    from brigade.jobs.report import open_report as open_job_report

    uri, patience_s = _report_place(session, job)
    noted = False

    def pause(seconds: float) -> None:
        nonlocal noted
        if not noted:
            session.note(f"S3 has not written the report of job {job} yet: waiting up to {patience_s:.0f} s")
            noted = True
        time.sleep(seconds)

    return open_job_report(session.client("s3"), uri, patience_s=patience_s, pause=pause)


def _report_place(session: Session, job: str) -> tuple[str, float]:
    """Return the address of the report of a job, and the seconds to wait for it: 0 if no task ran."""
    from brigade.jobs.job import parse_job, report_key
    from brigade.layout import JOB_REPORTS

    try:
        found = parse_job(jobs_client(session).describe(job))
    except NotFound:
        return f"s3://{session.deployment['ReportsBucket']}/{report_key(JOB_REPORTS, job)}", 0
    if not found.over:
        raise UsageError(
            f"job {job} is {found.status}; its report is written after its end (`brigade jobs watch {job}`)"
        )
    if found.report is None:
        raise NotFound(f"job {job} has no completion report")
    return found.report, REPORT_PATIENCE_S if found.succeeded + found.failed else 0
