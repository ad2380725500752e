"""`brigade jobs`: run one operation on every object, with S3 Batch Operations."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from brigade.cli.groups import command_group
from brigade.cli.jobs import lookup, selection, view
from brigade.cli.jobs.estimate import estimate
from brigade.cli.jobs.options import JobId
from brigade.cli.jobs.run import run
from brigade.cli.jobs.submit import retry, submit
from brigade.cli.options import Yes
from brigade.cli.session import Session

app = command_group("Run one operation on every object of a bucket, with S3 Batch Operations.")
app.command()(estimate)
app.command()(run)
app.command()(submit)
app.command()(retry)


@app.command()
def operations(context: typer.Context) -> None:
    """List the operations with their arguments.

    Use it to see what a job can do: the operations of this clone, and those of S3 itself (`s3:tag`, `s3:copy`).

    Examples:
        brigade jobs operations
        brigade --json jobs operations
    """
    from brigade.jobs.s3_operations import NATIVE_OPERATIONS
    from brigade.operations.arguments import describe_arguments

    session: Session = context.obj
    found, broken = selection.find_operations()
    rows = [(name, "", f"broken: {error}") for name, error in broken.items()]
    for name, operation in found.items():
        arguments = " ".join(
            f"{key}={kind} ({default})" for key, kind, default in describe_arguments(operation.arguments)
        )
        rows.append((name, arguments, operation.summary))
    for name, own in NATIVE_OPERATIONS.items():
        arguments = " ".join(f"{key}={kind} ({default})" for key, kind, default in describe_arguments(own.arguments))
        rows.append((name, arguments, own.summary))
    session.print_table(["operation", "arguments", "does"], rows)


@app.command(name="list")
def list_jobs(context: typer.Context) -> None:
    """List the jobs of the last 90 days, newest first, with the fee of S3 in US dollars.

    Use it to find the id of a job, or to see which jobs are active.

    Examples:
        brigade jobs list
        brigade --json jobs list
    """
    from brigade.jobs.job import parse_job
    from brigade.jobs.price import job_fee, load_prices

    session: Session = context.obj
    jobs = sorted(map(parse_job, lookup.jobs_client(session).list()), key=lambda job: job.created, reverse=True)
    now, price = datetime.now(UTC), load_prices()
    columns = ["id", "status", "total", "succeeded", "failed", "age", "fee", "created", "description"]
    rows = (
        (
            *(j.id, j.status, j.total, j.succeeded, j.failed, view.format_duration(j.age(now).total_seconds())),
            *(round(job_fee(j.done, price), 6), view.format_time(j.created), j.description),
        )
        for j in jobs
    )
    session.print_table(columns, rows)


@app.command()
def show(context: typer.Context, job: JobId) -> None:
    """Print a job: its progress, its failure reasons with advice, and the address of its report.

    Use it after a job has failed. It also knows jobs that S3 has forgotten, which happens 90 days after their end.

    Examples:
        brigade jobs show 074d61b4-b7bd-41d2-9fe8-8c32b2b60301
        brigade --json jobs show 074d61b4-b7bd-41d2-9fe8-8c32b2b60301
    """
    from brigade.jobs.job import parse_job

    session: Session = context.obj
    document = view.job_document(parse_job(lookup.describe_job(session, job)))
    session.print(document, view.job_text(document))


@app.command()
def watch(context: typer.Context, job: JobId) -> None:
    """Print the progress of a job until it ends. Exit 1 if the job or any task failed.

    Use it to wait for a job in a script or at a terminal. Ctrl-C ends this command and not the job.

    Examples:
        brigade jobs watch 074d61b4-b7bd-41d2-9fe8-8c32b2b60301
        brigade --quiet jobs watch 074d61b4-b7bd-41d2-9fe8-8c32b2b60301
    """
    view.watch_job(context.obj, lookup.jobs_client(context.obj), job)


@app.command()
def confirm(context: typer.Context, job: JobId, yes: Yes = False) -> None:
    """Start a job that is suspended until it is confirmed.

    Use it for a job that a recurring selection has made. It prints the number of objects and the fee, and asks first.

    Examples:
        brigade jobs confirm 074d61b4-b7bd-41d2-9fe8-8c32b2b60301
        brigade jobs confirm 074d61b4-b7bd-41d2-9fe8-8c32b2b60301 --yes
    """
    from brigade.jobs.job import parse_job
    from brigade.jobs.price import job_fee, load_prices

    session: Session = context.obj
    waiting = parse_job(lookup.jobs_client(session).describe(job))
    price = f"the fee of S3 is ${job_fee(waiting.total, load_prices()):,.2f}; the work of the tasks is billed too"
    session.confirm(f"Start {waiting.description!r} on {waiting.total:,} objects? {price}.", yes=yes)
    status = lookup.jobs_client(session).request(job, "Ready", "confirmed by brigade jobs confirm")
    session.print({"id": job, "status": status})


@app.command()
def cancel(context: typer.Context, job: JobId) -> None:
    """Cancel a job. Tasks that are done are not undone.

    Use it to stop a job that does the wrong thing or costs too much. It does not ask. S3 writes a report of the tasks
    that ran.

    Examples:
        brigade jobs cancel 074d61b4-b7bd-41d2-9fe8-8c32b2b60301
        brigade --json jobs cancel 074d61b4-b7bd-41d2-9fe8-8c32b2b60301
    """
    session: Session = context.obj
    status = lookup.jobs_client(session).request(job, "Cancelled", "cancelled by brigade jobs cancel")
    session.print({"id": job, "status": status})


@app.command()
def priority(
    context: typer.Context,
    job: JobId,
    value: Annotated[
        int, typer.Argument(min=0, max=2147483647, metavar="PRIORITY", help="New priority. Higher numbers run first.")
    ],
) -> None:
    """Change the priority of a job. The job with the highest number runs first.

    Use it when an urgent job waits behind a long one.

    Examples:
        brigade jobs priority 074d61b4-b7bd-41d2-9fe8-8c32b2b60301 100
        brigade jobs priority 074d61b4-b7bd-41d2-9fe8-8c32b2b60301 0
    """
    session: Session = context.obj
    session.print({"id": job, "priority": lookup.jobs_client(session).prioritize(job, value)})


@app.command()
def report(
    context: typer.Context,
    job: JobId,
    failed: Annotated[bool, typer.Option("--failed", help="Only rows of failed tasks.")] = False,
    form: Annotated[
        Literal["table", "csv", "jsonl"],
        typer.Option("--format", help="table prints the first rows; csv and jsonl print all."),
    ] = "table",
) -> None:
    """Print the completion report of a job: counts by result and reason, then rows. Exit 1 if a task failed.

    Use it after the end of a job, before `retry`. S3 writes the report a few seconds after the end; the command waits.

    Examples:
        brigade jobs report 074d61b4-b7bd-41d2-9fe8-8c32b2b60301 --failed
        brigade jobs report 074d61b4-b7bd-41d2-9fe8-8c32b2b60301 --format csv > report.csv
    """
    from brigade.jobs.report_counts import count_report

    session: Session = context.obj
    s3 = session.client("s3")
    found = lookup.open_report(session, job)
    tally = count_report(found, s3)
    view.print_report(session, job, tally, found.tasks(s3, failed=failed), form)
    if tally.failed:
        raise typer.Exit(1)
