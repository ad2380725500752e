"""What several commands of ``brigade jobs`` do in the same way: submit, find the report, reach S3 Control."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from brigade.cli import jobs_selection as selection
from brigade.cli import jobs_view as view
from brigade.cli.session import Session
from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:  # boto3 and pyarrow stand behind these; `brigade --version` must not wait for them
    from brigade.cli.jobs_options import Going
    from brigade.cli.jobs_selection import Selection
    from brigade.jobs.control import Control
    from brigade.jobs.own import Own
    from brigade.jobs.price import Priced
    from brigade.jobs.report import Report
    from brigade.jobs.request import Plan, Submitted
    from brigade.jobs.summary import Summary
    from brigade.operations.operation import Operation

REPORT_PATIENCE_S = 30
"""How long S3 is waited for to write a report after the job's end."""


class _DryRunEnds(Exception):
    """Ends a submission before anything is published."""


def submit(session: Session, declared: "Priced", plan: "Plan", chosen: "Selection", going: "Going") -> str | None:
    """Show what a job would do and cost, ask, submit it, print its id and give it; None after ``--dry-run``."""
    from brigade.jobs.price import prices
    from brigade.jobs.submit import submit as submit_rows
    from brigade.jobs.submit import submit_chosen

    price = prices(going.prices)

    def agree(summary: "Summary") -> None:
        session.say(view.priced(declared, f"{plan.operation} over {plan.what}", summary, price)[1])
        if going.dry_run:
            raise _DryRunEnds
        session.confirm("Submit this job?", yes=going.yes)

    s3 = session.client("s3")
    try:
        if chosen.chosen:
            done = submit_chosen(
                control(session), s3, selection.athena(session, plan.bucket), plan, chosen.chosen, agree
            )
        else:
            done = submit_rows(control(session), s3, plan, chosen.rows, agree)
    except _DryRunEnds:
        session.say("Nothing was submitted (--dry-run).")
        return None
    _keep_request(session, plan, done)
    document = {"id": done.id, "run": done.run, "manifest": done.manifest, "objects": done.summary.objects}
    session.give({**document, "parent": plan.parent} if plan.parent else document, done.id)
    return done.id


def submit_counted(
    session: Session,
    declared: "Priced",
    plan: "Plan",
    create: "Callable[[], Submitted]",
    going: "Going",
    *,
    walked: int | None = None,
) -> str | None:
    """Let S3 count what a job that waits would take, then show the price, ask, and start the job or cancel it.

    ``walked`` is for how many objects S3 charges to make the list. Gives the job's id; None after ``--dry-run``, which
    makes no job: only S3 could count.
    """
    from brigade.jobs.job import of
    from brigade.jobs.price import prices
    from brigade.jobs.summary import Summary
    from brigade.jobs.watch import follow

    price = prices(going.prices)
    if going.dry_run:
        session.say(f"{plan.operation} over {plan.what}. Only S3 counts them; nothing was submitted (--dry-run).")
        return None
    jobs = control(session)
    done = create()
    _keep_request(session, plan, done)
    *_, seen = follow(jobs, done.id)
    if seen.status != "Suspended":
        reasons = "; ".join(text for _, text in of(jobs.describe(done.id)).reasons)
        raise BrigadeError(f"job {done.id} is {seen.status}: {reasons or 'S3 gives no reason'}")
    counted = Summary(objects=seen.total, bytes=None)
    what = f"{plan.operation} over {plan.what}"
    session.say(view.priced(declared, what, counted, price, walked=walked)[1])
    try:
        session.confirm("Start this job?", yes=going.yes)
    except BaseException:
        jobs.request(done.id, "Cancelled", "declined at brigade jobs submit")
        raise
    jobs.request(done.id, "Ready", "confirmed at brigade jobs submit")
    session.give({"id": done.id, "run": done.run, "manifest": done.manifest, "objects": seen.total}, done.id)
    return done.id


def objects_listed(session: Session) -> int:
    """Give how many objects the lake held at its last inventory, by which S3 charges for a list; 0 if unknown."""
    from brigade.inventory.summary import Summary, latest
    from brigade.state import State

    deployed = session.deployment
    state = State(session.client("s3"), deployed["StateBucket"])
    found = state.get(latest(deployed["LakeBucket"]), Summary)
    return found.value.objects if found else 0


def _keep_request(session: Session, plan: "Plan", done: "Submitted") -> None:
    from brigade.jobs.archive import keep

    keep(session.client("s3"), plan.reports, done.id, "request", done.request)


def describe(session: Session, job: str) -> Mapping[str, Any]:
    """Give S3's description of a job, or the one that was kept of it; the last one of an ended job is kept.

    Fails with NotFound when S3 has forgotten the job and none was kept.
    """
    from brigade.errors import NotFound
    from brigade.jobs.archive import keep, kept
    from brigade.jobs.job import ENDED

    s3, reports = session.client("s3"), session.deployment["ReportsBucket"]
    try:
        described = control(session).describe(job)
    except NotFound:
        found = kept(s3, reports, job)
        if found is None:
            raise
        dates = {name: found[name] for name in ("CreationTime", "TerminationDate") if found.get(name)}
        return {**found, **{name: datetime.fromisoformat(text) for name, text in dates.items()}}
    if described["Status"] in ENDED:
        keep(s3, reports, job, "description", described)
    return described


def function(session: Session, operation: str) -> str:
    """Give the ARN of an operation's function; fails with UsageError when it is not deployed."""
    functions = session.deployment.named("Operation")
    if operation not in functions:
        raise UsageError(f"operation {operation!r} is not deployed in stage {session.stage!r}: deploy the stage")
    return functions[operation]


def work(
    session: Session, name: str, declared: "Operation | Own", arguments: Mapping[str, str]
) -> tuple[str, Mapping[str, Any] | None]:
    """Give what a job is made of: the ARN of the operation's function, or what S3 itself is asked to do.

    Fails with UsageError naming the argument that is wrong, or as ``function``.
    """
    from brigade.jobs.own import Own
    from brigade.operations.arguments import typed

    if not isinstance(declared, Own):
        typed(declared.arguments, arguments)
        return function(session, name), None
    partition = session.deployment["JobRoleArn"].split(":")[1]
    return "", declared.request(arguments, f"arn:{partition}:s3:::{session.deployment['LakeBucket']}")


def control(session: Session) -> "Control":
    """Give the jobs of the caller's account."""
    from brigade.jobs.control import Control

    return Control(session.client("s3control"), session.connection.account())


def report(session: Session, job: str) -> "Report":
    """Open a job's report, which S3 writes some time after the job's end: wait for it, and say so.

    S3 forgets a job after 90 days; its report stays where those of this stage always are. Fails with UsageError while
    the job is not over, NotFound when it has no report, or S3 has not written one within ``REPORT_PATIENCE_S``.
    """
    import time

    from brigade.jobs.report import opened

    uri, patience_s = _report_place(session, job)
    told = False

    def pause(seconds: float) -> None:
        nonlocal told
        if not told:
            session.say(f"S3 has not written the report of job {job} yet: waiting for it, at most {patience_s:.0f} s")
            told = True
        time.sleep(seconds)

    return opened(session.client("s3"), uri, patience_s=patience_s, pause=pause)


def _report_place(session: Session, job: str) -> tuple[str, float]:
    """Say where a job's report lies, and how long to wait for it: there is none where no task was run."""
    from brigade.errors import NotFound
    from brigade.jobs.job import of, report_key
    from brigade.layout import JOB_REPORTS

    try:
        found = of(control(session).describe(job))
    except NotFound:
        return f"s3://{session.deployment['ReportsBucket']}/{report_key(JOB_REPORTS, job)}", 0
    if not found.over:
        raise UsageError(f"job {job} is {found.status}; its report comes after its end (`brigade jobs watch {job}`)")
    if found.report is None:
        raise NotFound(f"job {job} was made without a completion report")
    return found.report, REPORT_PATIENCE_S if found.succeeded + found.failed else 0
