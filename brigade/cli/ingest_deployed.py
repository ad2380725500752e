"""``brigade ingest invoke`` and ``backfill``: the deployed state machine of a source, for one date or many."""

import contextlib
import json
import time
from typing import Annotated, Any

import typer

from brigade.cli import ingest_source as at
from brigade.cli.combinations import combining
from brigade.cli.session import Session
from brigade.errors import BrigadeError, UsageError

_POLL_S = 1.0


@combining(needs={"yes": "replace"})
def invoke(
    context: typer.Context,
    name: at.Name,
    date: at.Date = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the answer.")] = False,
    replace: at.Replace = False,
    yes: at.Yes = False,
) -> None:
    """Start the deployed ingest of a source. With --wait, exit 1 if it failed, 3 if the date was published already."""
    from brigade.ingest.declare.dates import resolve_date

    session: Session = context.obj
    source, machine = at.source(name), at.machine(session, name)
    event: dict[str, Any] = {"date": resolve_date(date=date, time_zone=source.time_zone)}
    if replace:
        at.sure(session, name, date, yes=yes)
        event["replace"] = True
    states = session.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
    if not wait:
        session.give({"execution": execution, **event})
        return
    session.say(f"{name} {event['date']}: {execution}")
    at.finish(session, _answer(states, execution))


def backfill(
    context: typer.Context,
    name: at.Name,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD")],
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=100, help="Dates at a time; default: 4, of an incremental source 1.")
    ] = None,
    yes: at.Yes = False,
) -> None:
    """Ingest the dates of a span that are not published, by one execution of the deployed state machine.

    It asks before it starts, and goes on when this command is ended. Exit 1 if a date failed.
    """
    import msgspec

    from brigade.ingest import backfill as backfills

    session: Session = context.obj
    source = at.source(name)
    if not source.depends_on_date:
        raise UsageError(
            f"{name} asks the same whatever the date, so a backfill would publish today's answer as every date; put "
            "{date} into its request, or declare since"
        )
    span, incremental = backfills.list_dates(first, last), source.incremental
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
    question = f"Ingest {len(wanted)} dates of {name}, {wanted[0]} to {wanted[-1]}, {concurrency} at a time?"
    session.confirm(question, yes=yes)
    states = session.client("stepfunctions")
    execution = backfills.start_backfill(states, machine, wanted, concurrency)
    session.say(f"{name}: {len(wanted)} dates, {concurrency} at a time: {execution}")
    while (ended := backfills.fetch_results(states, execution)) is None:
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
