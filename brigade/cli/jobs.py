"""``brigade jobs``: one function over every object, by S3 Batch Operations."""

import itertools
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from brigade.cli import jobs_calls as calls
from brigade.cli import jobs_selection as selection
from brigade.cli import jobs_view as view
from brigade.cli.session import Session
from brigade.errors import UsageError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run one function over every object, by S3 Batch Operations."
)

Name = Annotated[str, typer.Argument(metavar="OPERATION", help="An operation: see `brigade jobs operations`.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
Inventory = Annotated[str | None, typer.Option(metavar="latest|URI", help="All objects of a delivery of S3 Inventory.")]
Where = Annotated[str | None, typer.Option(metavar="SQL", help="Those that match, of the newest delivery.")]
Manifest = Annotated[str | None, typer.Option(metavar="s3://…", help="Those of a CSV manifest.")]
Keys = Annotated[str | None, typer.Option(metavar="FILE|-", help="A key, or bucket<TAB>key, a line.")]
Prefix = Annotated[str | None, typer.Option(help="S3 itself lists: keys that start so.")]
Suffix = Annotated[str | None, typer.Option(help="S3 itself lists: keys that end so.")]
Larger = Annotated[int | None, typer.Option("--larger-than", metavar="BYTES", min=0, help="S3 itself lists.")]
Smaller = Annotated[int | None, typer.Option("--smaller-than", metavar="BYTES", min=0, help="S3 itself lists.")]
After = Annotated[datetime | None, typer.Option("--created-after", help="S3 itself lists: since then, in UTC.")]
Before = Annotated[datetime | None, typer.Option("--created-before", help="S3 itself lists: before then, in UTC.")]
Classes = Annotated[
    list[str] | None, typer.Option("--storage-class", metavar="CLASS", help="S3 itself lists; may be repeated.")
]
Failures = Annotated[int | None, typer.Option("--most-failures", min=0, help="Cancel it past so many failed tasks.")]
Dollars = Annotated[float | None, typer.Option("--most-dollars", min=0, help="Cancel it past such a price so far.")]
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
    argument: Arguments = None,
    sample: Annotated[
        int, typer.Option(min=0, max=1000, metavar="N", help="Run it on the first N objects, to measure its time.")
    ] = 0,
) -> None:
    """Say how many objects and bytes a selection has, and what a job over it costs, by line."""
    from brigade.jobs.manifest import Row, write
    from brigade.jobs.sample import first, measure
    from brigade.operations.arguments import typed

    session: Session = context.obj
    declared, arguments = selection.operation(operation), selection.pairs(argument or [])
    lake, rows = session.deployment["LakeBucket"], list[Row]()
    with ExitStack() as files:
        chosen = selection.of(session, files, inventory=inventory, where=where, manifest=manifest, keys=keys)
        summary = write(first(chosen.rows, sample, rows), lake, len)
    trial = None
    if sample:
        typed(declared.arguments, arguments)
        trial = measure(session.client("lambda"), calls.function(session, operation), rows, arguments)
    session.give(*view.priced(declared, f"{operation} over {chosen.what}", summary, trial))


@app.command()
def run(
    context: typer.Context,
    operation: Name,
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The object.")],
    argument: Arguments = None,
) -> None:
    """Run an operation on one object here, with your own rights; exit 1 if it fails."""
    from brigade.operations.arguments import typed
    from brigade.operations.kit import run as run_here
    from brigade.s3 import Location

    session: Session = context.obj
    declared, arguments, place = selection.operation(operation), selection.pairs(argument or []), Location.parse(uri)
    typed(declared.arguments, arguments)
    if not place.key:
        raise UsageError(f"{uri} is a bucket; it takes the address of one object")
    result = run_here(declared, session.client("s3"), place.bucket, place.key, arguments)
    session.give({"result": result.code, "text": result.text}, f"{result.code}: {result.text}")
    if result.error is not None:
        raise typer.Exit(1)


@app.command()
def submit(
    context: typer.Context,
    operation: Name,
    inventory: Inventory = None,
    where: Where = None,
    manifest: Manifest = None,
    keys: Keys = None,
    prefix: Prefix = None,
    suffix: Suffix = None,
    larger_than: Larger = None,
    smaller_than: Smaller = None,
    created_after: After = None,
    created_before: Before = None,
    storage_class: Classes = None,
    argument: Arguments = None,
    priority: Priority = 10,
    follow: Follow = False,
    most_failures: Failures = None,
    most_dollars: Dollars = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Run an operation over a selection; prints the job's id. A budget (--most-…) is kept while --watch follows."""
    from brigade.jobs.generator import Filter
    from brigade.jobs.submit import Plan
    from brigade.operations.arguments import typed

    session: Session = context.obj
    arguments = selection.pairs(argument or [])
    declared = selection.operation(operation)
    typed(declared.arguments, arguments)
    if (most_failures is not None or most_dollars is not None) and not follow:
        raise UsageError("a budget is kept by who watches: add --watch")
    deployed, function = session.deployment, calls.function(session, operation)
    listed = Filter(
        prefix=prefix,
        suffix=suffix,
        larger_than=larger_than,
        smaller_than=smaller_than,
        created_after=created_after and created_after.replace(tzinfo=UTC),
        created_before=created_before and created_before.replace(tzinfo=UTC),
        storage_classes=tuple(storage_class or ()),
    )
    plan = Plan(
        stage=session.stage,
        operation=operation,
        function_arn=function,
        arguments=arguments,
        what=listed.words,
        lake=deployed["LakeBucket"],
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=priority,
    )
    if listed != Filter():
        if inventory or where or manifest or keys:
            raise UsageError("--prefix and the like are listed by S3, and go with no other way to select")
        job = calls.submit_generated(session, declared, plan, listed, yes=yes, dry_run=dry_run)
    else:
        with ExitStack() as files:
            chosen = selection.of(session, files, inventory=inventory, where=where, manifest=manifest, keys=keys)
            plan = replace(plan, what=chosen.what)
            job = calls.submit(session, declared, plan, chosen.rows, yes=yes, dry_run=dry_run)
    if job and follow:
        view.watch(session, calls.control(session), job, view.Budget(declared, most_failures, most_dollars))


@app.command(name="list")
def list_jobs(context: typer.Context) -> None:
    """List the jobs that are active or ended in the last 90 days, newest first, with S3's own fee in dollars."""
    from brigade.jobs.job import of
    from brigade.jobs.price import fee, prices

    session: Session = context.obj
    jobs = sorted(map(of, calls.control(session).list()), key=lambda job: job.created, reverse=True)
    now, price = datetime.now(UTC), prices()
    columns = ["id", "status", "total", "succeeded", "failed", "age", "fee", "created", "description"]
    rows = (
        (
            *(j.id, j.status, j.total, j.succeeded, j.failed, view.span(j.age(now).total_seconds())),
            *(round(fee(j.done, price), 6), view.moment(j.created), j.description),
        )
        for j in jobs
    )
    session.table(columns, rows)


@app.command()
def show(context: typer.Context, job: JobId) -> None:
    """Show a job: its progress, why it failed and what to do, where its report lies."""
    from brigade.jobs.job import of

    session: Session = context.obj
    document = view.job_document(of(calls.describe(session, job)))
    session.give(document, view.job_text(document))


@app.command()
def watch(context: typer.Context, job: JobId) -> None:
    """Follow a job to its end; exit 1 if it or any task failed. Ctrl-C leaves the job running."""
    view.watch(context.obj, calls.control(context.obj), job)


@app.command()
def confirm(context: typer.Context, job: JobId) -> None:
    """Let a job start that waits for a confirmation."""
    session: Session = context.obj
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
    from brigade.jobs.counting import count
    from brigade.jobs.report import opened

    session: Session = context.obj
    s3 = session.client("s3")
    uri, patience = calls.report_place(session, job)
    found = opened(s3, uri, patience_s=patience)
    tally = count(found, s3)
    view.report(session, job, tally, found.tasks(s3, failed=failed), form)
    if tally.failed:
        raise typer.Exit(1)


@app.command()
def retry(
    context: typer.Context,
    job: JobId,
    only: Annotated[str | None, typer.Option(metavar="CODE", help="Those that failed with this error code.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those too that failed for good.")] = False,
    priority: Priority = 10,
    follow: Follow = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Run a job's operation again, with its arguments, over the tasks that failed; prints the new job's id."""
    from brigade.jobs.retry import failed_rows, plan_again

    session: Session = context.obj
    s3, deployed = session.client("s3"), session.deployment
    described = calls.control(session).describe(job)
    plan = plan_again(
        described,
        stage=session.stage,
        functions=deployed.named("Operation"),
        lake=deployed["LakeBucket"],
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=priority,
    )
    rows = failed_rows(s3, described, only=only, everything=everything, patience_s=calls.REPORT_PATIENCE_S)
    first = next(rows, None)
    if first is None:
        session.give({"id": None}, f"no task of job {job} failed{f' with {only}' if only else ''}: nothing to retry")
        return
    chosen = itertools.chain([first], rows)
    new = calls.submit(session, selection.operation(plan.operation), plan, chosen, yes=yes, dry_run=dry_run)
    if new and follow:
        view.watch(session, calls.control(session), new)
