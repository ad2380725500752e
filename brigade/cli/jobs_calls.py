"""What several commands of ``brigade jobs`` do in the same way: submit, find the report, reach S3 Control."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from brigade.cli import jobs_selection as selection
from brigade.cli import jobs_view as view
from brigade.cli.session import Session
from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:  # boto3 and pyarrow stand behind these; `brigade --version` must not wait for them
    from brigade.cli.jobs_options import Going
    from brigade.cli.jobs_selection import Selection
    from brigade.inventory.delivery.summary import DeliverySummary as InventorySummary
    from brigade.jobs.client import JobsClient
    from brigade.jobs.price import Priced, Quote
    from brigade.jobs.report import Report
    from brigade.jobs.request import JobPlan, SubmittedJob
    from brigade.jobs.row import SelectionSummary
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.operation import Operation

_SUBMIT = "Submit this job?"
REPORT_PATIENCE_S = 30
"""How long S3 is waited for to write a report after the job's end."""


class _DryRunEnds(Exception):
    """Ends a submission before anything is published."""


@dataclass(frozen=True)
class Ordered:
    """A job that was made, and its price."""

    id: str
    quote: "Quote"


def submit(
    session: Session, declared: "Priced", plan: "JobPlan", chosen: "Selection", going: "Going"
) -> "Ordered | None":
    """Show what a job would do and cost, ask, submit it and print its id.

    Returns:
        The job; None after `--dry-run`.

    Raises:
        UsageError: Nobody can agree: there is no `--yes`, and stdin is no terminal. Nothing was made.
    """
    from brigade.jobs.submit import submit_athena_selection
    from brigade.jobs.submit import submit_rows as submit_rows

    if not going.dry_run:
        session.require_answer(_SUBMIT, yes=going.yes)
    quotes: list[Quote] = []

    def agree(summary: "SelectionSummary") -> None:
        quotes.append(quote_of(declared, summary, going))
        _check_budget(quotes[0], going)
        session.say(view.priced(quotes[0], f"{plan.operation} over {plan.what}", summary)[1])
        if going.dry_run:
            raise _DryRunEnds
        session.confirm(_SUBMIT, yes=going.yes)

    s3 = session.client("s3")
    try:
        if chosen.chosen:
            done = submit_athena_selection(
                control(session), s3, selection.athena(session, plan.bucket), plan, chosen.chosen, agree
            )
        else:
            done = submit_rows(control(session), s3, plan, chosen.rows, agree)
    except _DryRunEnds:
        session.say("Nothing was submitted (--dry-run).")
        return None
    document = {"id": done.id, "run": done.run, "manifest": done.manifest, "objects": done.summary.objects}
    session.give({**document, "parent": plan.parent} if plan.parent else document, done.id)
    _keep_request(session, plan, done)
    return Ordered(done.id, quotes[0])


def submit_counted(
    session: Session,
    declared: "Priced",
    plan: "JobPlan",
    create: "Callable[[], SubmittedJob]",
    going: "Going",
    *,
    walked: int | None = None,
    size: int | None = None,
) -> "Ordered | None":
    """Let S3 count what a job that waits would take, show the price, ask, then start the job or cancel it.

    The job must exist for S3 to count, and its fee is spent even when it is cancelled then: that is asked first.

    Args:
        walked: For how many objects S3 charges to make the list; None where it makes none.
        size: The objects' bytes; None if unknown.

    Returns:
        The job; None after `--dry-run`, which makes no job: only S3 could count.

    Raises:
        UsageError: Nobody can agree, as `submit`. Nothing was made.
    """
    from brigade.jobs.row import SelectionSummary

    what = f"{plan.operation} over {plan.what}"
    if going.dry_run:
        session.say(f"{what}. Only S3 counts them; nothing was submitted (--dry-run).")
        return None
    before = quote_of(declared, SelectionSummary(bytes=size), going, walked)
    _check_budget(before, going)
    question = (
        f"{what}: S3 counts once the job is made, which costs ${before.dollars():,.2f} even if you decline. Count?"
    )
    session.confirm(question, yes=going.yes)
    jobs = control(session)
    done = create()
    try:
        counted = SelectionSummary(objects=_counted(jobs, done.id), bytes=size)
        quote = quote_of(declared, counted, going, walked)
        session.say(view.priced(quote, what, counted)[1])
        session.confirm("Start this job?", yes=going.yes)
    except BaseException:
        _cancel_waiting(session, jobs, done.id)
        raise
    jobs.request(done.id, "Ready", "confirmed at brigade jobs submit")
    session.give({"id": done.id, "run": done.run, "manifest": done.manifest, "objects": counted.objects}, done.id)
    _keep_request(session, plan, done)
    return Ordered(done.id, quote)


def quote_of(declared: "Priced", summary: "SelectionSummary", going: "Going", walked: int | None = None) -> "Quote":
    """Return the price of a job over what was counted, by the options' price list and time an object."""
    from brigade.jobs.price import Quote, load_prices

    return Quote(declared, summary.objects, summary.bytes, load_prices(going.prices), going.seconds, walked)


def _check_budget(quote: "Quote", going: "Going") -> None:
    if going.most_dollars is not None and quote.is_blind:
        raise UsageError(
            "--most-dollars needs the sizes, which this selection does not have: select by --inventory or --where, or "
            "give --seconds as `brigade jobs estimate --sample` measures it"
        )


def _counted(jobs: "JobsClient", job: str) -> int:
    """Wait until S3 has counted the objects of a job that waits for a confirmation, and return their number."""
    from brigade.jobs.client import follow_job
    from brigade.jobs.job import parse_job

    *_, seen = follow_job(jobs, job)
    if seen.status != "Suspended":
        reasons = "; ".join(text for _, text in parse_job(jobs.describe(job)).reasons)
        raise BrigadeError(f"job {job} is {seen.status}: {reasons or 'S3 gives no reason'}")
    return seen.total


def _cancel_waiting(session: Session, jobs: "JobsClient", job: str) -> None:
    """Cancel a job that was not agreed to; one that has ended by itself is left as it is."""
    from brigade.jobs.job import parse_job

    try:
        if not parse_job(jobs.describe(job)).over:
            jobs.request(job, "Cancelled", "declined at brigade jobs submit")
    except Exception as error:  # noqa: BLE001 - the error that led here is what the person must see, not this one
        kind = type(error).__name__
        session.say(f"job {job} waits and could not be cancelled ({kind}): brigade jobs cancel {job}")


def summarized(session: Session, bucket: str) -> "InventorySummary | None":
    """Return what the last summarized inventory of `bucket` held; None if there is none."""
    from brigade.inventory.delivery.summary import DeliverySummary as InventorySummary
    from brigade.inventory.delivery.summary import latest_key
    from brigade.state import State

    state = State(session.client("s3"), session.deployment["StateBucket"])
    found = state.get(latest_key(bucket), InventorySummary)
    return found.value if found else None


def _keep_request(session: Session, plan: "JobPlan", done: "SubmittedJob") -> None:
    """Keep the request for later; a failure is said and no more: the job runs, and must not be submitted again."""
    from brigade.jobs.archive import archive_document

    try:
        archive_document(session.client("s3"), plan.reports, done.id, "request", done.request)
    except BrigadeError as error:
        session.say(f"job {done.id} is submitted; its request was not kept in the reports bucket: {error}")


def describe(session: Session, job: str) -> Mapping[str, Any]:
    """Return S3's description of a job, or the one that was kept when it ended: S3 forgets a job after 90 days.

    Raises:
        NotFound: S3 does not know the job, and no description of it was kept.
    """
    from brigade.errors import NotFound
    from brigade.jobs.archive import read_archived

    try:
        return control(session).describe(job)
    except NotFound:
        found = read_archived(session.client("s3"), session.deployment["ReportsBucket"], job)
        if found is None:
            raise
        dates = {name: found[name] for name in ("CreationTime", "TerminationDate") if found.get(name)}
        return {**found, **{name: datetime.fromisoformat(text) for name, text in dates.items()}}


def function(session: Session, operation: str) -> str:
    """Give the ARN of an operation's function; fails with UsageError when it is not deployed."""
    functions = session.deployment.named("Operation")
    if operation not in functions:
        raise UsageError(f"operation {operation!r} is not deployed in stage {session.stage!r}: deploy the stage")
    return functions[operation]


def check_arguments(
    session: Session, declared: "Operation | NativeOperation", arguments: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """Check the arguments by the operation's own declaration.

    Returns:
        What S3 itself is asked to do, of an operation of its own; None where a function runs.

    Raises:
        UsageError: An argument is unknown, missing or wrong; the message names it.
    """
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.arguments import parse_arguments

    if not isinstance(declared, NativeOperation):
        parse_arguments(declared.arguments, arguments)
        return None
    partition = session.deployment["JobRoleArn"].split(":")[1]
    return declared.request(arguments, f"arn:{partition}:s3:::{session.deployment['LakeBucket']}")


def control(session: Session) -> "JobsClient":
    """Give the jobs of the caller's account."""
    from brigade.jobs.client import JobsClient

    return JobsClient(session.client("s3control"), session.connection.account())


def report(session: Session, job: str) -> "Report":
    """Open a job's report, which S3 writes some time after the job's end: wait for it, and say so.

    S3 forgets a job after 90 days; its report stays where those of this stage always are. Fails with UsageError while
    the job is not over, NotFound when it has no report, or S3 has not written one within ``REPORT_PATIENCE_S``.
    """
    import time

    from brigade.jobs.report import open_report

    uri, patience_s = _report_place(session, job)
    told = False

    def pause(seconds: float) -> None:
        nonlocal told
        if not told:
            session.say(f"S3 has not written the report of job {job} yet: waiting for it, at most {patience_s:.0f} s")
            told = True
        time.sleep(seconds)

    return open_report(session.client("s3"), uri, patience_s=patience_s, pause=pause)


def _report_place(session: Session, job: str) -> tuple[str, float]:
    """Say where a job's report lies, and how long to wait for it: there is none where no task was run."""
    from brigade.errors import NotFound
    from brigade.jobs.job import parse_job, report_key
    from brigade.layout import JOB_REPORTS

    try:
        found = parse_job(control(session).describe(job))
    except NotFound:
        return f"s3://{session.deployment['ReportsBucket']}/{report_key(JOB_REPORTS, job)}", 0
    if not found.over:
        raise UsageError(f"job {job} is {found.status}; its report comes after its end (`brigade jobs watch {job}`)")
    if found.report is None:
        raise NotFound(f"job {job} was made without a completion report")
    return found.report, REPORT_PATIENCE_S if found.succeeded + found.failed else 0
