"""``brigade jobs``: one function over every object, by S3 Batch Operations."""

import itertools
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from brigade.cli import jobs_selection as selection
from brigade.cli import jobs_view as view
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:  # boto3 and pyarrow stand behind these; `brigade --version` must not wait for them
    from brigade.jobs.control import Control
    from brigade.jobs.manifest import Selected, Summary
    from brigade.jobs.submit import Plan
    from brigade.operations.operation import Operation

app = typer.Typer(no_args_is_help=True, help="Run one function over every object, by S3 Batch Operations.")

_REPORT_PATIENCE_S = 30

Name = Annotated[str, typer.Argument(metavar="OPERATION", help="An operation: see `brigade jobs operations`.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
Inventory = Annotated[str | None, typer.Option(metavar="latest|URI", help="All objects of a delivery of S3 Inventory.")]
Where = Annotated[str | None, typer.Option(metavar="SQL", help="Those that match, of the newest delivery.")]
Manifest = Annotated[str | None, typer.Option(metavar="s3://…", help="Those of a CSV manifest.")]
Keys = Annotated[str | None, typer.Option(metavar="FILE|-", help="A key, or bucket<TAB>key, a line.")]
Arguments = Annotated[
    list[str] | None, typer.Option("--argument", metavar="K=V", help="An argument of the operation; may be repeated.")
]
Priority = Annotated[int, typer.Option(min=0, max=2147483647, help="A job of a higher one goes first.")]
Follow = Annotated[bool, typer.Option("--watch", help="Follow it to its end.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the selection and the price, submit nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def operations(context: typer.Context) -> None:
    """List the operations and what each takes."""
    from brigade.operations.arguments import described

    session: Session = context.obj
    rows = []
    for name, operation in selection.declared().items():
        takes = " ".join(f"{key}={kind} ({default})" for key, kind, default in described(operation.arguments))
        rows.append((name, takes, operation.summary))
    session.table(["operation", "arguments", "does"], rows)


@app.command()
def estimate(
    context: typer.Context,
    operation: Name,
    inventory: Inventory = None,
    where: Where = None,
    manifest: Manifest = None,
    keys: Keys = None,
) -> None:
    """Say how many objects and bytes a selection has, and what a job over it costs, by line."""
    from brigade.jobs.manifest import write

    session: Session = context.obj
    declared = selection.operation(operation)
    lake = session.deployment["LakeBucket"]
    with ExitStack() as files:
        chosen = selection.of(session, files, inventory=inventory, where=where, manifest=manifest, keys=keys)
        summary = write(chosen.rows, lake, len)
    session.give(*view.priced(declared, f"{operation} over {chosen.what}", summary))


@app.command()
def submit(
    context: typer.Context,
    operation: Name,
    inventory: Inventory = None,
    where: Where = None,
    manifest: Manifest = None,
    keys: Keys = None,
    argument: Arguments = None,
    priority: Priority = 10,
    follow: Follow = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Run an operation over a selection; prints the job's id."""
    from brigade.jobs.submit import Plan
    from brigade.operations.arguments import typed

    session: Session = context.obj
    arguments = selection.pairs(argument or [])
    declared = selection.operation(operation)
    typed(declared.arguments, arguments)
    deployed = session.deployment
    functions = deployed.named("Operation")
    if operation not in functions:
        raise UsageError(f"operation {operation!r} is not deployed in stage {session.stage!r}: deploy the stage")
    with ExitStack() as files:
        chosen = selection.of(session, files, inventory=inventory, where=where, manifest=manifest, keys=keys)
        plan = Plan(
            stage=session.stage,
            operation=operation,
            function_arn=functions[operation],
            arguments=arguments,
            what=chosen.what,
            lake=deployed["LakeBucket"],
            reports=deployed["ReportsBucket"],
            role_arn=deployed["JobRoleArn"],
            priority=priority,
        )
        job = _submit(session, declared, plan, chosen.rows, yes=yes, dry_run=dry_run)
    if job and follow:
        view.watch(session, _control(session), job)


@app.command(name="list")
def list_jobs(context: typer.Context) -> None:
    """List the jobs that are active or ended in the last 90 days, newest first."""
    from brigade.jobs.job import of

    session: Session = context.obj
    jobs = sorted(map(of, _control(session).list()), key=lambda job: job.created, reverse=True)
    columns = ["id", "status", "total", "succeeded", "failed", "created", "description"]
    rows = ([j.id, j.status, j.total, j.succeeded, j.failed, view.moment(j.created), j.description] for j in jobs)
    session.table(columns, rows)


@app.command()
def show(context: typer.Context, job: JobId) -> None:
    """Show a job: its progress, why it failed and what to do, where its report lies."""
    from brigade.jobs.job import of

    session: Session = context.obj
    document = view.job_document(of(_control(session).describe(job)))
    session.give(document, view.job_text(document))


@app.command()
def watch(context: typer.Context, job: JobId) -> None:
    """Follow a job to its end; exit 1 if it or any task failed. Ctrl-C leaves the job running."""
    view.watch(context.obj, _control(context.obj), job)


@app.command()
def confirm(context: typer.Context, job: JobId) -> None:
    """Let a job start that waits for a confirmation."""
    session: Session = context.obj
    status = _control(session).request(job, "Ready", "confirmed by brigade jobs confirm")
    session.give({"id": job, "status": status})


@app.command()
def cancel(context: typer.Context, job: JobId) -> None:
    """Cancel a job; objects that were done stay done."""
    session: Session = context.obj
    status = _control(session).request(job, "Cancelled", "cancelled by brigade jobs cancel")
    session.give({"id": job, "status": status})


@app.command()
def priority(context: typer.Context, job: JobId, value: Annotated[int, typer.Argument(min=0, max=2147483647)]) -> None:
    """Change a job's priority; the job of the highest one goes first."""
    session: Session = context.obj
    session.give({"id": job, "priority": _control(session).prioritize(job, value)})


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
    from brigade.jobs.counting import count
    from brigade.jobs.report import opened

    session: Session = context.obj
    s3 = session.client("s3")
    uri, patience = _report_place(session, job)
    found = opened(s3, uri, patience_s=patience)
    tally = count(found, s3)
    view.report(session, job, tally, found.tasks(s3, failed=failed), form)
    if tally.failed:
        raise typer.Exit(1)


@app.command()
def retry(
    context: typer.Context,
    job: JobId,
    priority: Priority = 10,
    follow: Follow = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Run a job's operation again, with its arguments, over the tasks that failed; prints the new job's id."""
    from brigade.jobs.retry import failed_rows, plan_again

    session: Session = context.obj
    s3, deployed = session.client("s3"), session.deployment
    described = _control(session).describe(job)
    plan = plan_again(
        described,
        stage=session.stage,
        functions=deployed.named("Operation"),
        lake=deployed["LakeBucket"],
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=priority,
    )
    rows = failed_rows(s3, described, patience_s=_REPORT_PATIENCE_S)
    first = next(rows, None)
    if first is None:
        session.give({"id": None}, f"no task of job {job} failed: there is nothing to retry")
        return
    everything = itertools.chain([first], rows)
    new = _submit(session, selection.operation(plan.operation), plan, everything, yes=yes, dry_run=dry_run)
    if new and follow:
        view.watch(session, _control(session), new)


class _DryRunEnds(Exception):
    """Ends a submission before anything is published."""


def _submit(
    session: Session, declared: "Operation", plan: "Plan", rows: "Selected", *, yes: bool, dry_run: bool
) -> str | None:
    from brigade.jobs.submit import submit as submit_job

    def agree(summary: "Summary") -> None:
        session.say(view.priced(declared, f"{plan.operation} over {plan.what}", summary)[1])
        if dry_run:
            raise _DryRunEnds
        session.confirm("Submit this job?", yes=yes)

    try:
        done = submit_job(_control(session), session.client("s3"), plan, rows, agree)
    except _DryRunEnds:
        session.say("Nothing was submitted (--dry-run).")
        return None
    document = {"id": done.id, "run": done.run, "manifest": done.manifest, "objects": done.summary.objects}
    session.give({**document, "parent": plan.parent} if plan.parent else document, done.id)
    return done.id


def _control(session: Session) -> "Control":
    from brigade.jobs.control import Control

    return Control(session.client("s3control"), session.connection.account())


def _report_place(session: Session, job: str) -> tuple[str, float]:
    """Say where a job's report lies and how long to wait for it: S3 writes it after the end, if any task was run.

    S3 forgets a job after 90 days; its report stays where those of this stage always are.
    """
    from brigade.errors import NotFound
    from brigade.jobs.job import of, report_key
    from brigade.jobs.submit import REPORTS

    try:
        found = of(_control(session).describe(job))
    except NotFound:
        return f"s3://{session.deployment['ReportsBucket']}/{report_key(REPORTS, job)}", 0
    if not found.over:
        raise UsageError(f"job {job} is {found.status}; its report comes after its end (`brigade jobs watch {job}`)")
    if found.report is None:
        raise NotFound(f"job {job} was made without a completion report")
    return found.report, _REPORT_PATIENCE_S if found.succeeded + found.failed else 0
