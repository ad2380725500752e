"""Submit a job: show its price, ask, create it, and store the request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brigade.cli.jobs import lookup, selection, view
from brigade.cli.session import Session
from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:  # boto3 and pyarrow are behind these imports
    from brigade.cli.jobs.options import RunOptions
    from brigade.cli.jobs.selection import Selection
    from brigade.jobs.client import JobsClient
    from brigade.jobs.price import Priced, Quote
    from brigade.jobs.request import JobPlan, SubmittedJob
    from brigade.jobs.row import SelectionSummary

_SUBMIT = "Submit this job?"


class _DryRunEnds(Exception):
    """Raised to end a dry run before anything is published."""


@dataclass(frozen=True)
class PricedSubmission:
    """A submitted job and its price."""

    id: str
    quote: "Quote"


def submit_rows(
    session: Session, declared: "Priced", plan: "JobPlan", chosen: "Selection", options: "RunOptions"
) -> "PricedSubmission | None":
    """Print the objects and the price of a job, ask, submit it and print its id.

    Returns:
        The job; None after `--dry-run`.

    Raises:
        UsageError: Nobody can confirm: no `--yes`, and stdin is not a terminal. Nothing is submitted.
    """
    from brigade.jobs.submit import submit_athena_selection, submit_rows

    if not options.dry_run:
        session.require_answer(_SUBMIT, yes=options.yes)
    quotes: list[Quote] = []

    def agree(summary: "SelectionSummary") -> None:
        quotes.append(quote_job(declared, summary, options))
        _check_budget(quotes[0], options)
        session.note(view.describe_price(quotes[0], f"{plan.operation} over {plan.what}", summary)[1])
        if options.dry_run:
            raise _DryRunEnds
        session.confirm(_SUBMIT, yes=options.yes)

    s3 = session.client("s3")
    try:
        if chosen.chosen:
            done = submit_athena_selection(
                lookup.jobs_client(session),
                s3,
                selection.athena_of_stage(session, plan.bucket),
                plan,
                chosen.chosen,
                agree,
            )
        else:
            done = submit_rows(lookup.jobs_client(session), s3, plan, chosen.rows, agree)
    except _DryRunEnds:
        session.note("Nothing was submitted (--dry-run).")
        return None
    document = {"id": done.id, "run": done.run, "manifest": done.manifest, "objects": done.summary.objects}
    session.print({**document, "parent": plan.parent} if plan.parent else document, done.id)
    _keep_request(session, plan, done)
    return PricedSubmission(done.id, quotes[0])


def submit_counted(
    session: Session,
    declared: "Priced",
    plan: "JobPlan",
    create: "Callable[[], SubmittedJob]",
    options: "RunOptions",
    *,
    walked: int | None = None,
    size: int | None = None,
) -> "PricedSubmission | None":
    """Create a suspended job so that S3 counts its objects, print the price, ask, and start or cancel the job.

    S3 bills the fee of the job even if it is cancelled then, so the first question is before it is created.

    Args:
        walked: Number of objects that S3 lists and bills; None if S3 lists none.
        size: Bytes of the objects; None if unknown.

    Returns:
        The job; None after `--dry-run`, which creates no job and so counts nothing.

    Raises:
        UsageError: Nobody can confirm: no `--yes`, and stdin is not a terminal. No job is created.
    """
    from brigade.jobs.row import SelectionSummary

    what = f"{plan.operation} over {plan.what}"
    if options.dry_run:
        session.note(f"{what}. Only S3 can count them; nothing was submitted (--dry-run).")
        return None
    before = quote_job(declared, SelectionSummary(bytes=size), options, walked)
    _check_budget(before, options)
    question = (
        f"{what}: S3 counts once the job is made, which costs ${before.dollars():,.2f} even if you decline. Count?"
    )
    session.confirm(question, yes=options.yes)
    jobs = lookup.jobs_client(session)
    done = create()
    try:
        counted = SelectionSummary(objects=_counted(jobs, done.id), bytes=size)
        quote = quote_job(declared, counted, options, walked)
        session.note(view.describe_price(quote, what, counted)[1])
        session.confirm("Start this job?", yes=options.yes)
    except BaseException:
        _cancel_waiting(session, jobs, done.id)
        raise
    jobs.request(done.id, "Ready", "confirmed at brigade jobs submit")
    session.print({"id": done.id, "run": done.run, "manifest": done.manifest, "objects": counted.objects}, done.id)
    _keep_request(session, plan, done)
    return PricedSubmission(done.id, quote)


def quote_job(
    declared: "Priced", summary: "SelectionSummary", options: "RunOptions", walked: int | None = None
) -> "Quote":
    """Return the price of a job over the counted objects, with the price list and the time of the options."""
    from brigade.jobs.price import Quote, load_prices

    return Quote(declared, summary.objects, summary.bytes, load_prices(options.prices), options.seconds, walked)


def _check_budget(quote: "Quote", options: "RunOptions") -> None:
    if options.most_dollars is not None and quote.is_blind:
        raise UsageError(
            "--most-dollars needs the sizes, which this selection does not have: select by --inventory or --where, or "
            "give --seconds as `brigade jobs estimate --sample` measures it"
        )


def _counted(jobs: "JobsClient", job: str) -> int:
    """Wait until S3 has counted the objects of a suspended job, and return their number.

    Raises:
        BrigadeError: The job ended instead.
    """
    from brigade.jobs.client import follow_job
    from brigade.jobs.job import parse_job

    *_, seen = follow_job(jobs, job)
    if seen.status != "Suspended":
        reasons = "; ".join(text for _, text in parse_job(jobs.describe(job)).reasons)
        raise BrigadeError(f"job {job} is {seen.status}: {reasons or 'S3 returned no reason'}")
    return seen.total


def _cancel_waiting(session: Session, jobs: "JobsClient", job: str) -> None:
    """Cancel a job that was not confirmed, unless it has ended."""
    from brigade.jobs.job import parse_job

    try:
        if not parse_job(jobs.describe(job)).over:
            jobs.request(job, "Cancelled", "declined at brigade jobs submit")
    except Exception as error:  # noqa: BLE001 - the caller raises the error that led here; this one is only noted
        kind = type(error).__name__
        session.note(f"job {job} waits and could not be cancelled ({kind}): brigade jobs cancel {job}")


def _keep_request(session: Session, plan: "JobPlan", done: "SubmittedJob") -> None:
    """Store the request. A failure is only noted: the job runs and must not be submitted again."""
    from brigade.jobs.archive import archive_document

    try:
        archive_document(session.client("s3"), plan.reports, done.id, "request", done.request)
    except BrigadeError as error:
        session.note(f"job {done.id} is submitted; its request is not stored in the reports bucket: {error}")
