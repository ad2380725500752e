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
from brigade.cli.jobs_options import Arguments, Going, JobId, Listing, Name, PriceList, Seconds, Selecting, Yes
from brigade.cli.session import Session
from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:
    from brigade.jobs.price import Priced
    from brigade.jobs.request import JobPlan
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.jobs.selection import ObjectFilter
    from brigade.operations.operation import Operation


def estimate(
    context: typer.Context,
    operation: Name,
    selecting: Selecting,
    argument: Arguments = None,
    sample: Annotated[
        int, typer.Option(min=0, max=1000, metavar="N", help="Run it on N random objects, to measure_sample its time.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed chooses the same objects for --sample.")] = 0,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Let --sample run an operation that writes or deletes; asks first.")
    ] = False,
    seconds: Seconds = None,
    prices: PriceList = None,
    yes: Yes = False,
) -> None:
    """Count the objects and bytes of a selection and list the price of a job over it, by line. Changes nothing.

    With --sample the deployed function runs on some of the objects. One that writes or deletes is refused, unless
    --allow-changes is given and you agree.
    """
    from brigade.jobs.price import Quote
    from brigade.jobs.price import load_prices as price_list
    from brigade.jobs.sample import measure_sample

    session: Session = context.obj
    declared, arguments, listed = selection.submitted(operation), selection.pairs(argument or []), price_list(prices)
    calls.check_arguments(session, declared, arguments)
    changes = _check_sample(operation, declared, sample, allow_changes=allow_changes)
    if changes:
        session.require_answer(f"Run {operation} on {sample} objects?", yes=yes)
    selection.check_bucket(session, selecting)
    with ExitStack() as files:
        chosen = selection.of(session, files, selecting)
        reads = selection.readable(session, declared, chosen.bucket)
        summary, rows = selection.counted(session, chosen, reads, sample, seed)
    quote = Quote(declared, summary.objects, summary.bytes, listed, seconds)
    what = f"{operation} over {chosen.what}"
    if not sample:
        session.give(*view.priced(quote, what, summary))
        return
    if changes:
        session.say(view.sample_question(operation, arguments, rows))
        session.confirm(f"Run {operation} on these {len(rows)} objects?", yes=yes)
    trial = measure_sample(session.client("lambda"), calls.function(session, operation), rows, arguments)
    document, text = view.priced(replace(quote, seconds=trial.seconds), what, summary)
    told, lines = view.sampled(operation, trial)
    session.give({**document, "sample": told}, f"{text}\n{lines}")
    if trial.seconds is None:
        raise BrigadeError(f"{operation} failed on every object of the sample, so its time is assumed, not measured")


def _check_sample(operation: str, declared: "Operation | NativeOperation", sample: int, *, allow_changes: bool) -> bool:
    """Return whether the sample will write or delete; raise UsageError for an operation that cannot be sampled."""
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.rights import changes_objects

    if not sample:
        return False
    if isinstance(declared, NativeOperation):
        raise UsageError(f"{operation} runs no function that --sample could measure; S3 does it itself")
    changes = changes_objects(declared)
    if changes and not allow_changes:
        raise UsageError(
            f"{operation} writes or deletes objects, and --sample runs it: leave --sample out, or add --allow-changes"
        )
    return changes


def run(
    context: typer.Context,
    operation: Name,
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The object.")],
    argument: Arguments = None,
) -> None:
    """Run an operation on one object here, for real: it may write and delete. Exit 1 if it fails.

    It has your rights, and of those only what the operation declares: which keys it reads, writes and deletes.
    """
    from brigade.operations.testing import run_operation as run_here
    from brigade.s3 import Location

    session: Session = context.obj
    declared, arguments, place = selection.operation(operation), selection.pairs(argument or []), Location.parse(uri)
    calls.check_arguments(session, declared, arguments)
    if not place.key:
        raise UsageError(f"{uri} is a bucket; it takes the address of one object")
    granted = selection.granted(session, operation, place.bucket)
    result = run_here(declared, session.client("s3"), place.bucket, place.key, arguments, granted=granted)
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
    from brigade.jobs.request import JobPlan

    session: Session = context.obj
    arguments, declared = selection.pairs(argument or []), selection.submitted(operation)
    own = calls.check_arguments(session, declared, arguments)
    function = "" if own else calls.function(session, operation)
    if own and selecting.bucket:
        raise UsageError("operations of S3's own are granted on the lake alone; --bucket is for the stage's")
    listed = listing.filter
    if listed and selecting.given:
        ways = " and ".join(selecting.given)
        raise UsageError(f"{ways}: no other way to select goes with --prefix and the like, which S3 itself lists")
    selection.check_bucket(session, selecting)
    deployed, bucket = session.deployment, selection.where_of(session, selecting)
    plan = JobPlan(
        stage=session.stage,
        operation=operation,
        function_arn=function,
        arguments=arguments,
        own=own,
        what="",
        bucket=bucket,
        reads=selection.readable(session, declared, bucket),
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=going.priority,
    )
    with ExitStack() as files:
        if listed:
            job = _submit_listed(session, declared, plan, listed, going)
        else:
            chosen = selection.of(session, files, selecting)
            job = _submit_selected(session, declared, replace(plan, what=chosen.what), chosen, going)
    _follow(session, job, going)


def _submit_listed(
    session: Session, declared: "Priced", plan: "JobPlan", listed: "ObjectFilter", going: Going
) -> "calls.Ordered | None":
    from brigade.jobs.submit import require_readable_filter, submit_filter

    plan = replace(plan, what=listed.words)
    require_readable_filter(plan, listed)
    known = calls.summarized(session, plan.bucket)
    create = partial(submit_filter, calls.control(session), plan, listed)
    return calls.submit_counted(session, declared, plan, create, going, walked=known.objects if known else 0)


def _submit_selected(
    session: Session, declared: "Priced", plan: "JobPlan", chosen: selection.Selection, going: Going
) -> "calls.Ordered | None":
    from brigade.jobs.submit import is_accepted_by_s3, submit_delivery

    if not chosen.whole or not is_accepted_by_s3(chosen.whole, plan):
        return calls.submit(session, declared, plan, chosen, going)
    known = calls.summarized(session, plan.bucket)
    size = known.bytes if known and known.delivery == chosen.whole.uri else None
    create = partial(submit_delivery, calls.control(session), session.client("s3"), plan, chosen.whole)
    return calls.submit_counted(session, declared, plan, create, going, size=size)


def retry(
    context: typer.Context,
    job: JobId,
    going: Going,
    only: Annotated[str | None, typer.Option(metavar="CODE", help="Those that failed with this error code.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those too that failed for good.")] = False,
) -> None:
    """Run a job's operation again, with its arguments, over the tasks that failed; prints the new job's id.

    Tasks that never ran, because the job was cancelled or S3 ended it, are in no report: select their objects again.
    """
    from brigade.jobs.job import parse_job
    from brigade.jobs.retry import check_not_retried, plan_retry, read_failed_rows

    session: Session = context.obj
    s3, deployed = session.client("s3"), session.deployment
    described = calls.control(session).describe(job)
    plan = plan_retry(
        described,
        stage=session.stage,
        functions=deployed.named("Operation"),
        bucket=deployed["LakeBucket"],
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=going.priority,
    )
    check_not_retried(calls.control(session), job)
    rows = read_failed_rows(s3, described, only=only, everything=everything, patience_s=calls.REPORT_PATIENCE_S)
    first = next(rows, None)
    if never_ran := parse_job(described).never_ran:
        missed = f"{never_ran:,} tasks of job {job} never ran, and no report lists them: submit their selection again"
        if first is None:
            raise UsageError(f"nothing to retry: {missed}")
        session.say(f"Over the failed tasks alone. {missed}.")
    if first is None:
        session.give({"id": None}, f"no task of job {job} failed{f' with {only}' if only else ''}: nothing to retry")
        return
    plan = replace(plan, bucket=first.bucket)  # the job's own, which may be one beside the lake
    chosen = selection.Selection(plan.what, plan.bucket, rows=itertools.chain([first], rows))
    declared = selection.submitted(plan.operation)
    _follow(session, calls.submit(session, declared, plan, chosen, going), going)


def _follow(session: Session, job: "calls.Ordered | None", going: Going) -> None:
    if job and going.watch:
        budget = view.Budget(job.quote, going.most_failures, going.most_dollars)
        view.watch(session, calls.control(session), job.id, budget)
