"""`brigade ingest invoke` and `backfill`: run the deployed state machine of a source for one date or many."""

import contextlib
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.ingest import sources
from brigade.cli.options import Yes
from brigade.cli.session import Session
from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

_POLL_S = 1.0


@check_combinations(needs={"yes": "replace"})
def invoke(
    context: typer.Context,
    name: sources.Name,
    date: sources.Date = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the result.")] = False,
    replace: sources.Replace = False,
    yes: Yes = False,
) -> None:
    """Start the deployed ingest of a source for one date.

    Use it to run a date on AWS now, in place of the schedule. With --wait the command exits 1 if the ingest failed and
    3 if the date was published before.

    Examples:
        brigade ingest invoke demo --date 2026-11-22 --wait
        brigade ingest invoke demo --date 2026-11-22 --replace --yes
    """
    from brigade.ingest.declare.dates import resolve_date

    session: Session = context.obj
    source, machine = sources.find_source(name), sources.find_state_machine(session, name)
    event: dict[str, Any] = {"date": resolve_date(date=date, time_zone=source.time_zone)}
    if replace:
        sources.confirm_replacement(session, name, date, yes=yes)
        event["replace"] = True
    states = session.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
    if not wait:
        session.print({"execution": execution, **event})
        return
    session.note(f"{name} {event['date']}: {execution}")
    sources.print_outcome(session, _answer(states, execution))


def backfill(
    context: typer.Context,
    name: sources.Name,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First date.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last date, included.")],
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            metavar="DATES",
            show_default="4; 1 for an incremental source",
            help="Dates that run at the same time.",
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Ingest every date of a span that is not published, in one execution of the deployed state machine.

    Use it for the history of a new source, or after an outage. It asks first. The execution continues on AWS if this
    command is interrupted. Exit 1 if a date failed.

    Examples:
        brigade ingest backfill demo --from 2026-11-01 --to 2026-11-22
        brigade ingest backfill demo --from 2026-11-01 --to 2026-11-22 --concurrency 10 --yes
    """
    import msgspec

    from brigade.ingest import backfill as backfills

    session: Session = context.obj
    source = sources.find_source(name)
    if not source.depends_on_date:
        raise UsageError(
            f"{name} sends the same request for every date, so a backfill would publish the records of today as each "
            "date; put {date} into its request, or declare since"
        )
    span, incremental = backfills.list_dates(first, last), source.incremental
    if incremental and concurrency not in (None, 1):
        raise UsageError(f"{name} is incremental: its dates go in order; leave --concurrency out")
    concurrency = concurrency or (1 if incremental else 4)
    machine = sources.find_state_machine(session, name)
    published = sources.published_dates(session, name)
    for date in filter(published.__contains__, span):
        session.print({"date": date, "outcome": "skipped"}, f"{date}: skipped")
    wanted = [date for date in span if date not in published]
    if not wanted:
        return
    question = f"Ingest {len(wanted)} dates of {name}, {wanted[0]} to {wanted[-1]}, {concurrency} at a time?"
    session.confirm(question, yes=yes)
    states = session.client("stepfunctions")
    execution = backfills.start_backfill(states, machine, wanted, concurrency)
    session.note(f"{name}: {len(wanted)} dates, {concurrency} at a time: {execution}")
    while (ended := backfills.fetch_results(states, execution)) is None:
        time.sleep(_POLL_S)
        fresh = (sources.published_dates(session, name) - published) & {*wanted}
        published |= fresh
        for date in sorted(fresh):
            session.note(f"{date}: published")
    for each in ended:
        session.print(msgspec.to_builtins(each), f"{each.date}: {each.outcome} {each.failure or ''}".rstrip())
    failed = sum(each.outcome == "failed" for each in ended)
    if failed:
        raise BrigadeError(
            f"{failed} of {len(wanted)} dates failed; see the dead-letter queue, then run the backfill again"
        )


def _answer(states: "SFNClient", execution: str) -> dict[str, Any]:
    pause = 0.2
    while (described := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)
    if described["status"] == "SUCCEEDED":
        answer: dict[str, Any] = json.loads(described["output"])
        return answer
    raise BrigadeError(f"the ingest ended {described['status']}: {_reason(described)} ({execution})")


def _reason(described: Mapping[str, Any]) -> str:
    """Return the message of a Lambda failure, which Step Functions wraps in JSON, or the plain cause."""
    cause = described.get("cause") or ""
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a timeout or a crash has plain text
        cause = json.loads(cause)["errorMessage"]
    return f"{described.get('error') or 'no error given'}: {cause}"
