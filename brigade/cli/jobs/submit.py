"""`brigade jobs submit` and `retry`."""

import itertools
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.jobs import lookup, selection, submission, view
from brigade.cli.jobs.options import (
    Arguments,
    FilterOptions,
    JobId,
    Name,
    RunOptions,
    SelectionOptions,
)
from brigade.cli.options import expand_options, parse_arguments
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.jobs.price import Priced
    from brigade.jobs.request import JobPlan
    from brigade.jobs.selection import ObjectFilter


_check_watching = check_combinations(needs={"most_dollars": "watch", "most_failures": "watch"})


@_check_watching
@expand_options
def submit(
    context: typer.Context,
    operation: Name,
    selection_options: SelectionOptions,
    filter_options: FilterOptions,
    run_options: RunOptions,
    argument: Arguments = None,
) -> None:
    """Submit a job that runs an operation on every object of a selection, and print its id.

    Use it after `estimate`. It prints the objects and the price, and asks first. Select in one way: by --inventory
    and/or --where, --manifest, --keys, or by --prefix and the other filters, with which S3 lists the objects. The
    limits --most-failures and --most-dollars hold while --watch runs.

    Examples:
        brigade jobs submit verify --inventory latest --watch
        brigade jobs submit thumbnail --prefix photographs/ --argument size=64 --yes
    """
    from brigade.jobs.request import JobPlan

    session: Session = context.obj
    arguments, declared = parse_arguments(argument or []), selection.find_job_operation(operation)
    own = lookup.check_arguments(session, declared, arguments)
    function = "" if own else lookup.find_function(session, operation)
    if own and selection_options.bucket:
        raise UsageError("an operation of S3 itself runs only on the lake: leave --bucket out")
    listed = filter_options.filter
    if listed and selection_options.used:
        ways = " and ".join(selection_options.used)
        raise UsageError(
            f"{ways} cannot be combined with --prefix and the other filters, with which S3 lists the objects"
        )
    selection.check_bucket(session, selection_options)
    deployed, bucket = session.deployment, selection.selected_bucket(session, selection_options)
    plan = JobPlan(
        stage=session.stage,
        operation=operation,
        function_arn=function,
        arguments=arguments,
        own=own,
        what="",
        bucket=bucket,
        reads=selection.readable_patterns(session, declared, bucket),
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=run_options.priority,
    )
    with ExitStack() as files:
        if listed:
            job = _submit_filter(session, declared, plan, listed, run_options)
        else:
            chosen = selection.read_selection(session, files, selection_options)
            job = _submit_selected(session, declared, replace(plan, what=chosen.what), chosen, run_options)
    _follow(session, job, run_options)


def _submit_filter(
    session: Session, declared: "Priced", plan: "JobPlan", listed: "ObjectFilter", run_options: RunOptions
) -> "submission.PricedSubmission | None":
    from brigade.jobs.submit import require_readable_filter, submit_filter

    plan = replace(plan, what=listed.words)
    require_readable_filter(plan, listed)
    known = lookup.latest_summary(session, plan.bucket)
    create = partial(submit_filter, lookup.jobs_client(session), plan, listed)
    return submission.submit_counted(session, declared, plan, create, run_options, walked=known.objects if known else 0)


def _submit_selected(
    session: Session, declared: "Priced", plan: "JobPlan", chosen: selection.Selection, run_options: RunOptions
) -> "submission.PricedSubmission | None":
    from brigade.jobs.submit import is_accepted_by_s3, submit_delivery

    if not chosen.whole or not is_accepted_by_s3(chosen.whole, plan):
        return submission.submit_rows(session, declared, plan, chosen, run_options)
    known = lookup.latest_summary(session, plan.bucket)
    size = known.bytes if known and known.delivery == chosen.whole.uri else None
    create = partial(submit_delivery, lookup.jobs_client(session), session.client("s3"), plan, chosen.whole)
    return submission.submit_counted(session, declared, plan, create, run_options, size=size)


@_check_watching
@expand_options
def retry(
    context: typer.Context,
    job: JobId,
    run_options: RunOptions,
    only: Annotated[
        str | None,
        typer.Option(metavar="CODE", show_default="any", help="Only tasks that failed with this error code."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also tasks that failed permanently.")] = False,
) -> None:
    """Submit a new job over the failed tasks of a job, with the same arguments, and print its id.

    Use it after the cause of the failures is repaired. Tasks that never ran, because the job was cancelled or S3 ended
    it, are in no report: submit their selection again.

    Examples:
        brigade jobs retry 074d61b4-b7bd-41d2-9fe8-8c32b2b60301 --all --watch
        brigade jobs retry 074d61b4-b7bd-41d2-9fe8-8c32b2b60301 --only TemporaryFailure --yes
    """
    from brigade.jobs.job import parse_job
    from brigade.jobs.retry import check_not_retried, plan_retry, read_failed_rows

    session: Session = context.obj
    s3, deployed = session.client("s3"), session.deployment
    described = lookup.jobs_client(session).describe(job)
    plan = plan_retry(
        described,
        stage=session.stage,
        functions=deployed.named("Operation"),
        bucket=deployed["LakeBucket"],
        reports=deployed["ReportsBucket"],
        role_arn=deployed["JobRoleArn"],
        priority=run_options.priority,
    )
    check_not_retried(lookup.jobs_client(session), job)
    rows = read_failed_rows(s3, described, only=only, everything=everything, patience_s=lookup.REPORT_PATIENCE_S)
    first = next(rows, None)
    if never_ran := parse_job(described).never_ran:
        missed = f"{never_ran:,} tasks of job {job} never ran, and no report lists them: submit their selection again"
        if first is None:
            raise UsageError(f"nothing to retry: {missed}")
        session.note(f"Retries only the failed tasks. {missed}.")
    if first is None:
        session.print({"id": None}, f"no task of job {job} failed{f' with {only}' if only else ''}: nothing to retry")
        return
    plan = replace(plan, bucket=first.bucket)  # a job may run on another bucket than the lake
    chosen = selection.Selection(plan.what, plan.bucket, rows=itertools.chain([first], rows))
    declared = selection.find_job_operation(plan.operation)
    _follow(session, submission.submit_rows(session, declared, plan, chosen, run_options), run_options)


def _follow(session: Session, job: "submission.PricedSubmission | None", run_options: RunOptions) -> None:
    if job and run_options.watch:
        budget = view.Budget(job.quote, run_options.most_failures, run_options.most_dollars)
        view.watch_job(session, lookup.jobs_client(session), job.id, budget)
