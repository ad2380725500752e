"""``brigade jobs``: one function over every object, by S3 Batch Operations."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from brigade.cli import jobs_calls as calls
from brigade.cli import jobs_selection as selection
from brigade.cli import jobs_submit
from brigade.cli import jobs_view as view
from brigade.cli.combinations import combining
from brigade.cli.jobs_options import JobId, Yes
from brigade.cli.options import sharing
from brigade.cli.session import Session

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run one function over every object, by S3 Batch Operations."
)
_sampling = combining(
    needs={"allow_changes": "sample", "seed": "sample", "yes": "allow_changes"}, excludes={"sample": "seconds"}
)
_watched = combining(needs={"most_dollars": "watch", "most_failures": "watch"})
app.command()(_sampling(sharing(jobs_submit.estimate)))
app.command()(sharing(jobs_submit.run))
app.command()(_watched(sharing(jobs_submit.submit)))
app.command()(_watched(sharing(jobs_submit.retry)))


@app.command()
def operations(context: typer.Context) -> None:
    """List the operations and what each takes."""
    from brigade.jobs.s3_operations import NATIVE_OPERATIONS
    from brigade.operations.arguments import describe_arguments

    session: Session = context.obj
    found, broken = selection.declared()
    rows = [(name, "", f"broken: {error}") for name, error in broken.items()]
    for name, operation in found.items():
        takes = " ".join(f"{key}={kind} ({default})" for key, kind, default in describe_arguments(operation.arguments))
        rows.append((name, takes, operation.summary))
    for name, own in NATIVE_OPERATIONS.items():
        takes = " ".join(f"{key}={kind} ({default})" for key, kind, default in describe_arguments(own.arguments))
        rows.append((name, takes, own.summary))
    session.table(["operation", "arguments", "does"], rows)


@app.command(name="list")
def list_jobs(context: typer.Context) -> None:
    """List the jobs that are active or ended in the last 90 days, newest first, with S3's own fee in dollars."""
    from brigade.jobs.job import parse_job
    from brigade.jobs.price import job_fee, load_prices

    session: Session = context.obj
    jobs = sorted(map(parse_job, calls.control(session).list()), key=lambda job: job.created, reverse=True)
    now, price = datetime.now(UTC), load_prices()
    columns = ["id", "status", "total", "succeeded", "failed", "age", "fee", "created", "description"]
    rows = (
        (
            *(j.id, j.status, j.total, j.succeeded, j.failed, view.span(j.age(now).total_seconds())),
            *(round(job_fee(j.done, price), 6), view.moment(j.created), j.description),
        )
        for j in jobs
    )
    session.table(columns, rows)


@app.command()
def show(context: typer.Context, job: JobId) -> None:
    """Show a job: its progress, why it failed and what to do, where its report lies."""
    from brigade.jobs.job import parse_job

    session: Session = context.obj
    document = view.job_document(parse_job(calls.describe(session, job)))
    session.give(document, view.job_text(document))


@app.command()
def watch(context: typer.Context, job: JobId) -> None:
    """Follow a job to its end; exit 1 if it or any task failed. Ctrl-C leaves the job running."""
    view.watch(context.obj, calls.control(context.obj), job)


@app.command()
def confirm(context: typer.Context, job: JobId, yes: Yes = False) -> None:
    """Let a job start that waits for a confirmation; shows it and asks first."""
    from brigade.jobs.job import parse_job
    from brigade.jobs.price import job_fee, load_prices

    session: Session = context.obj
    waiting = parse_job(calls.control(session).describe(job))
    price = f"S3's own fee is ${job_fee(waiting.total, load_prices()):,.2f}; what the tasks do costs too"
    session.confirm(f"Start {waiting.description!r} on {waiting.total:,} objects? {price}.", yes=yes)
    status = calls.control(session).request(job, "Ready", "confirmed by brigade jobs confirm")
    session.give({"id": job, "status": status})


@app.command()
def cancel(context: typer.Context, job: JobId) -> None:
    """Cancel a job; objects that were done stay done."""
    session: Session = context.obj
    status = calls.control(session).request(job, "Cancelled", "cancelled by brigade jobs cancel")
    session.give({"id": job, "status": status})


@app.command()
def priority(context: typer.Context, job: JobId, value: Annotated[int, typer.Argument(min=0, max=2147483647)]) -> None:
    """Change a job's priority; the job of the highest one goes first."""
    session: Session = context.obj
    session.give({"id": job, "priority": calls.control(session).prioritize(job, value)})


@app.command()
def report(
    context: typer.Context,
    job: JobId,
    failed: Annotated[bool, typer.Option("--failed", help="Only the failed tasks.")] = False,
    form: Annotated[
        Literal["table", "csv", "jsonl"], typer.Option("--format", help="csv and jsonl give every row.")
    ] = "table",
) -> None:
    """Count a job's tasks by result and by reason, and give their rows; exit 1 if any failed."""
    from brigade.jobs.report_counts import count_report

    session: Session = context.obj
    s3 = session.client("s3")
    found = calls.report(session, job)
    tally = count_report(found, s3)
    view.report(session, job, tally, found.tasks(s3, failed=failed), form)
    if tally.failed:
        raise typer.Exit(1)
