"""``brigade ingest``: run a source here or where it is deployed, and see what it did."""

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli import ingest_source as at
from brigade.cli.ingest_progress import shown
from brigade.cli.session import Session
from brigade.errors import BrigadeError, NotFound, UsageError

if TYPE_CHECKING:
    from brigade.ingest.feed import Feed
    from brigade.ingest.target import Target
    from brigade.ingest.walk import Reads

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Bring an API's records into the lake, once a date.")

_Name = Annotated[str, typer.Argument(metavar="SOURCE", help="A module of lambdas/ingest/sources/, by name.")]
_Date = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Default: today in the source's time zone.")]
_Replace = Annotated[
    bool, typer.Option("--replace", help="Replace the object of --date, if nobody changes it meanwhile; asks first.")
]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_ALREADY = 3
_POLL_S = 1.0


@app.command("list")
def list_(context: typer.Context) -> None:
    """List the sources, when they run, and the last date that each published."""
    session: Session = context.obj
    rows = []
    for name, source in at.sources().items():
        rows.append((name, source.schedule, source.time_zone, source.address, at.last(session, name)))
    session.table(("source", "schedule", "time_zone", "address", "last"), rows)


@app.command()
def run(
    context: typer.Context,
    name: _Name,
    date: _Date = None,
    to: Annotated[
        str | None,
        typer.Option(help="s3://bucket/key, a path (gzip if it ends in .gz), or - for stdout; default: the lake."),
    ] = None,
    limit_pages: Annotated[
        int | None, typer.Option(min=1, help="Stop well after N pages; only with --to a path or -, or --dry-run.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Fetch and count, write nothing.")] = False,
    replace: _Replace = False,
    yes: _Yes = False,
) -> None:
    """Run a source in this process, by the code of its Lambda function. Published already: exit 3."""
    session: Session = context.obj
    source = at.source(name)
    if limit_pages and not dry_run and (to is None or to.startswith("s3://")):
        raise UsageError(
            "--limit-pages makes part of a date, which is never published: add --dry-run, --to PATH or --to -"
        )
    if replace:
        if to is not None or dry_run:
            raise UsageError("--replace is of the lake's object: leave out --to and --dry-run")
        _sure(session, name, date, yes=yes)
    if to is None and not dry_run:
        _run_to_lake(session, name, source, date, replace=replace)
    else:
        _extract(session, name, source, date, to, limit_pages, dry_run=dry_run)


@app.command()
def invoke(
    context: typer.Context,
    name: _Name,
    date: _Date = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the answer.")] = False,
    replace: _Replace = False,
    yes: _Yes = False,
) -> None:
    """Start the deployed ingest of a source. With --wait, exit 1 if it failed, 3 if the date was published already."""
    from brigade.ingest.target import date_of

    session: Session = context.obj
    source, machine = at.source(name), at.machine(session, name)
    event: dict[str, Any] = {"date": date_of(date=date, time_zone=source.time_zone)}
    if replace:
        _sure(session, name, date, yes=yes)
        event["replace"] = True
    states = session.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
    if not wait:
        session.give({"execution": execution, **event})
        return
    session.say(f"{name} {event['date']}: {execution}")
    _finish(session, _answer(states, execution))


@app.command()
def check(context: typer.Context, name: _Name) -> None:
    """Fetch the first page of a source and tell what is in it; write nothing."""
    session: Session = context.obj
    source = at.source(name)
    taken = at.one_pass(session, name, source, None, 1)
    for _ in taken.lines():
        pass
    profile = taken.profile
    session.give(
        {
            "source": name,
            "url": taken.api.address(None),
            "records": taken.records,
            "broken": taken.broken,
            "mean_bytes": round(profile.mean),
            "widest_bytes": profile.widest,
            "more": taken.more,
            "fields": profile.fields,
        }
    )


@app.command()
def backfill(
    context: typer.Context,
    name: _Name,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD")],
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=100, help="Dates at a time; default: 4, of an incremental source 1.")
    ] = None,
) -> None:
    """Ingest the dates of a span that are not published, by one execution of the deployed state machine.

    It goes on when this command is ended. Exit 1 if a date failed.
    """
    import msgspec

    from brigade.ingest import backfill as dates

    session: Session = context.obj
    span, incremental = dates.dates(first, last), at.source(name).incremental
    if incremental and concurrency not in (None, 1):
        raise UsageError(f"{name} is incremental: its dates go in order; leave --concurrency out")
    concurrency = concurrency or (1 if incremental else 4)
    machine = at.machine(session, name)
    published = at.published(session, name)
    for date in filter(published.__contains__, span):
        session.give({"date": date, "outcome": "skipped"}, f"{date}: skipped")
    wanted = [date for date in span if date not in published]
    if not wanted:
        return
    states = session.client("stepfunctions")
    execution = dates.start(states, machine, wanted, concurrency)
    session.say(f"{name}: {len(wanted)} dates, {concurrency} at a time: {execution}")
    while (ended := dates.outcome(states, execution)) is None:
        time.sleep(_POLL_S)
        fresh = (at.published(session, name) - published) & {*wanted}
        published |= fresh
        for date in sorted(fresh):
            session.say(f"{date}: there")
    for each in ended:
        session.give(msgspec.to_builtins(each), f"{each.date}: {each.outcome} {each.failure or ''}".rstrip())
    failed = sum(each.outcome == "failed" for each in ended)
    if failed:
        raise BrigadeError(
            f"{failed} of {len(wanted)} dates failed; the dead-letter queue says why; run it again once that is mended"
        )


@app.command()
def replay(context: typer.Context, name: _Name, date: _Date = None) -> None:
    """Put the quarantined records of a date through again; those that hold now are written beside the date's object."""
    import msgspec

    from brigade.ingest.instants import now
    from brigade.ingest.partitions import parts
    from brigade.ingest.replay import replay as again
    from brigade.s3.head import head
    from brigade.state import State

    session: Session = context.obj
    source, s3 = at.source(name), session.client("s3")
    target = at.target(session, name, source, date)
    held = [each for each in parts(State(s3, target.state), target) if head(s3, each.lake, each.quarantine)]
    for each in held or [target]:
        session.give(msgspec.to_builtins(again(s3, source, each, now())))


@app.command()
def show(context: typer.Context, name: _Name, date: _Date = None) -> None:
    """Show the receipt and the checkpoint of a date."""
    import msgspec

    from brigade.ingest.checkpoint import Checkpoint, Receipt
    from brigade.ingest.partitions import parts
    from brigade.state import State

    session: Session = context.obj
    source = at.source(name)
    target = at.target(session, name, source, date or at.last(session, name))
    state = State(session.client("s3"), target.state)
    receipt, checkpoint = state.get(target.receipt, Receipt), state.get(target.checkpoint, Checkpoint)
    under_way = {
        each.partition: _brief(entry.value)
        for each in parts(state, target)
        if each.partition and (entry := state.get(each.checkpoint, Checkpoint))
    }
    if receipt is None and checkpoint is None and not under_way:
        raise NotFound(f"{name} {target.date} has neither a receipt nor a checkpoint in s3://{target.state}")
    document: dict[str, Any] = {"source": name, "date": target.date}
    document["receipt"] = msgspec.to_builtins(receipt.value) if receipt else None
    document["checkpoint"] = _brief(checkpoint.value) if checkpoint else None
    if under_way:
        document["partitions"] = under_way
    session.give(document, json.dumps(document, indent=2, ensure_ascii=False))


@app.command()
def reset(context: typer.Context, name: _Name, date: _Date = None) -> None:
    """Forget the checkpoint of a date and abort its upload: the next run starts from the first page."""
    from brigade.ingest.checkpoint import Checkpoint
    from brigade.ingest.partitions import parts
    from brigade.ingest.publish import discard
    from brigade.state import State

    session: Session = context.obj
    whole = at.target(session, name, at.source(name), date)
    s3 = session.client("s3")
    state = State(s3, whole.state)
    for target in parts(state, whole):
        entry = state.get(target.checkpoint, Checkpoint)
        if entry:
            discard(s3, target, entry)
        which = {"partition": target.partition} if target.partition else {}
        forgotten = _brief(entry.value) if entry else None
        session.give({"source": name, "date": target.date, **which, "forgotten": forgotten})


def _sure(session: Session, name: str, date: str | None, *, yes: bool) -> None:
    """Ask before what is published is replaced; a date that nobody stated is never replaced."""
    if date is None:
        raise UsageError("--replace takes the --date that shall be replaced")
    session.confirm(f"Ingest {name} of {date} anew and replace what is published?", yes=yes)


def _run_to_lake(session: Session, name: str, source: "Feed", date: str | None, *, replace: bool) -> None:
    import msgspec

    from brigade.ingest.partitions import Partitions
    from brigade.ingest.run import Run

    target, s3 = at.target(session, name, source, date), session.client("s3")

    def run(target: "Target", api: "Reads") -> Any:
        with shown(session, name, api) as seen:
            return Run(
                source=source,
                target=target,
                api=seen,
                s3=s3,
                remaining=at.unlimited,
                say=session.say,
                replace=replace,
            )()

    api = at.api(session, name, source, target.state, target.date)
    if source.partitions == 1 or replace:
        outcome = run(target, api)
    else:
        partitions = Partitions(source, target, api, s3)
        while (outcome := partitions()).outcome == "partitions":
            for partition in outcome.partitions:
                run(*partitions.part(partition))
    _finish(session, msgspec.to_builtins(outcome))


def _extract(
    session: Session,
    name: str,
    source: "Feed",
    date: str | None,
    to: str | None,
    limit_pages: int | None,
    *,
    dry_run: bool,
) -> None:
    from brigade.ingest import extract
    from brigade.s3 import Location

    taken = at.one_pass(session, name, source, date, limit_pages)
    day = taken.stamp.date
    if to == "-" and not dry_run:  # stdout is the data's, and may be the terminal
        extract.to_stream(taken.lines(), sys.stdout.buffer)
    else:
        with shown(session, name, taken.api) as taken.api:
            if dry_run or not to:
                for _ in taken.lines():
                    pass
            elif to.startswith("s3://"):
                extract.to_object(taken.lines(), session.client("s3"), Location.parse(to))
            else:
                extract.to_file(taken.lines(), Path(to))
    counts = {"records": taken.records, "pages": taken.pages, "plain_bytes": taken.plain_bytes}
    document = {"source": name, "date": day, "to": None if dry_run else to, **counts}
    if to == "-" and not dry_run:
        session.say(f"{name} {day}: {taken.records} records of {taken.pages} pages")
    else:
        session.give(document)


def _finish(session: Session, answer: dict[str, Any]) -> None:
    session.give(answer)
    if answer["outcome"] == "already_published":
        session.say(f"{answer['object']} was published already; it is as it was")
        raise typer.Exit(_ALREADY)


def _answer(states: Any, execution: str) -> dict[str, Any]:
    pause = 0.2
    while (described := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)
    if described["status"] == "SUCCEEDED":
        answer: dict[str, Any] = json.loads(described["output"])
        return answer
    raise BrigadeError(f"the ingest ended {described['status']}: {_reason(described)} ({execution})")


def _reason(described: dict[str, Any]) -> str:
    """Give a Lambda failure's message out of the JSON that Step Functions puts it into, or what else there is."""
    cause = described.get("cause") or ""
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a timeout or a crash has plain text
        cause = json.loads(cause)["errorMessage"]
    return f"{described.get('error') or 'no error given'}: {cause}"


def _brief(checkpoint: Any) -> dict[str, Any]:
    return {
        "pages": checkpoint.pages,
        "records": checkpoint.records,
        "bytes": checkpoint.bytes,
        "parts": len(checkpoint.parts),
        "upload": checkpoint.upload,
        "next": checkpoint.next,
        "done": checkpoint.done,
        "ingest_ts": checkpoint.ts,
        "invocations": checkpoint.invocations,
    }
