"""``brigade jobs estimate|run|submit|retry``: from a question to a job."""

import itertools
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import jobs_calls as calls
from brigade.cli import jobs_selection as selection
from brigade.cli import jobs_view as view
from brigade.cli.jobs_options import Arguments, Going, JobId, Listing, Name, PriceList, Selecting
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.jobs.price import Priced


def estimate(
    context: typer.Context,
    operation: Name,
    selecting: Selecting,
    argument: Arguments = None,
    sample: Annotated[
        int, typer.Option(min=0, max=1000, metavar="N", help="Run it on the first N objects, to measure its time.")
    ] = 0,
    prices: PriceList = None,
) -> None:
    """Say how many objects and bytes a selection has, and what a job over it costs, by line."""
    from brigade.jobs import price
    from brigade.jobs.sample import measure

    session: Session = context.obj
    declared, arguments, listed = selection.submitted(operation), selection.pairs(argument or []), price.prices(prices)
    if sample and not declared.memory_mib:
        raise UsageError(f"{operation} runs no function that --sample could measure; S3 does it itself")
    with ExitStack() as files:
        chosen = selection.of(session, files, selecting)
        summary, rows = selection.counted(session, chosen, sample)
    trial = None
    if sample:
        function, _ = calls.work(session, operation, declared, arguments)
        trial = measure(session.client("lambda"), function, rows, arguments)
    session.give(*view.priced(declared, f"{operation} over {chosen.what}", summary, listed, trial))


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


def submit(
    context: typer.Context,
    operation: Name,
    selecting: Selecting,
    listing: Listing,
    going: Going,
    argument: Arguments = None,
) -> None:
    """Run an operation over a selection; prints the job's id. A budget (--most-…) is kept while --watch follows."""
    from brigade.jobs.request import Plan
    from brigade.jobs.submit import passes, submit_delivery, submit_listed

    session: Session = context.obj
    arguments, declared = selection.pairs(argument or []), selection.submitted(operation)
    _check(going)
    function, own = calls.work(session, operation, declared, arguments)
    if own and selecting.bucket:
        raise UsageError("operations of S3's own are granted on the lake alone; --bucket is for the stage's")
    deployed, control = session.deployment, calls.control(session)
    plan = Plan(
        stage=session.stage,
        operation=operation,
        function_arn=function,
        arguments=arguments,
        own=own,
        what="",
        bucket=selection.where_of(session, selecting),
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=going.priority,
    )
    listed = listing.filter
    if listed and selecting.given:
        raise UsageError("--prefix and the like are listed by S3, of the lake, and go with no other way to select")
    with ExitStack() as files:
        if listed:
            plan = replace(plan, what=listed.words)
            create, walked = partial(submit_listed, control, plan, listed), calls.objects_listed(session)
            job = calls.submit_counted(session, declared, plan, create, going, walked=walked)
        else:
            chosen = selection.of(session, files, selecting)
            plan = replace(plan, what=chosen.what)
            if chosen.whole and passes(chosen.whole, plan):
                create = partial(submit_delivery, control, session.client("s3"), plan, chosen.whole)
                job = calls.submit_counted(session, declared, plan, create, going)
            else:
                job = calls.submit(session, declared, plan, chosen, going)
    _follow(session, declared, job, going)


def retry(
    context: typer.Context,
    job: JobId,
    going: Going,
    only: Annotated[str | None, typer.Option(metavar="CODE", help="Those that failed with this error code.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those too that failed for good.")] = False,
) -> None:
    """Run a job's operation again, with its arguments, over the tasks that failed; prints the new job's id."""
    from brigade.jobs.retry import failed_rows, plan_again

    session: Session = context.obj
    _check(going)
    s3, deployed = session.client("s3"), session.deployment
    described = calls.control(session).describe(job)
    plan = plan_again(
        described,
        stage=session.stage,
        functions=deployed.named("Operation"),
        bucket=deployed["LakeBucket"],
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=going.priority,
    )
    rows = failed_rows(s3, described, only=only, everything=everything, patience_s=calls.REPORT_PATIENCE_S)
    first = next(rows, None)
    if first is None:
        session.give({"id": None}, f"no task of job {job} failed{f' with {only}' if only else ''}: nothing to retry")
        return
    plan = replace(plan, bucket=first.bucket)  # the job's own, which may be one beside the lake
    chosen = selection.Selection(plan.what, plan.bucket, rows=itertools.chain([first], rows))
    declared = selection.submitted(plan.operation)
    _follow(session, declared, calls.submit(session, declared, plan, chosen, going), going)


def _check(going: Going) -> None:
    if (going.most_failures is not None or going.most_dollars is not None) and not going.watch:
        raise UsageError("a budget is kept by who watches: add --watch")


def _follow(session: Session, declared: "Priced", job: str | None, going: Going) -> None:
    if job and going.watch:
        budget = view.Budget(declared, going.most_failures, going.most_dollars, going.prices)
        view.watch(session, calls.control(session), job, budget)
