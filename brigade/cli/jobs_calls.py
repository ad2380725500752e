"""What several commands of ``brigade jobs`` do in the same way: submit, find the report, reach S3 Control."""

from typing import TYPE_CHECKING

from brigade.cli import jobs_view as view
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:  # boto3 and pyarrow stand behind these; `brigade --version` must not wait for them
    from brigade.jobs.control import Control
    from brigade.jobs.manifest import Selected, Summary
    from brigade.jobs.submit import Plan
    from brigade.operations.operation import Operation

REPORT_PATIENCE_S = 30
"""How long S3 is waited for to write a report after the job's end."""


class _DryRunEnds(Exception):
    """Ends a submission before anything is published."""


def submit(
    session: Session, declared: "Operation", plan: "Plan", rows: "Selected", *, yes: bool, dry_run: bool
) -> str | None:
    """Show what a job would do and cost, ask, submit it, print its id and give it; None after ``dry_run``."""
    from brigade.jobs.submit import submit as submit_job

    def agree(summary: "Summary") -> None:
        session.say(view.priced(declared, f"{plan.operation} over {plan.what}", summary)[1])
        if dry_run:
            raise _DryRunEnds
        session.confirm("Submit this job?", yes=yes)

    try:
        done = submit_job(control(session), session.client("s3"), plan, rows, agree)
    except _DryRunEnds:
        session.say("Nothing was submitted (--dry-run).")
        return None
    document = {"id": done.id, "run": done.run, "manifest": done.manifest, "objects": done.summary.objects}
    session.give({**document, "parent": plan.parent} if plan.parent else document, done.id)
    return done.id


def control(session: Session) -> "Control":
    """Give the jobs of the caller's account."""
    from brigade.jobs.control import Control

    return Control(session.client("s3control"), session.connection.account())


def report_place(session: Session, job: str) -> tuple[str, float]:
    """Say where a job's report lies and how long to wait for it: S3 writes it after the end, if any task was run.

    S3 forgets a job after 90 days; its report stays where those of this stage always are.
    """
    from brigade.errors import NotFound
    from brigade.jobs.job import of, report_key
    from brigade.jobs.submit import REPORTS

    try:
        found = of(control(session).describe(job))
    except NotFound:
        return f"s3://{session.deployment['ReportsBucket']}/{report_key(REPORTS, job)}", 0
    if not found.over:
        raise UsageError(f"job {job} is {found.status}; its report comes after its end (`brigade jobs watch {job}`)")
    if found.report is None:
        raise NotFound(f"job {job} was made without a completion report")
    return found.report, REPORT_PATIENCE_S if found.succeeded + found.failed else 0
