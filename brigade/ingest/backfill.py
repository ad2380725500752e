"""Ingest many dates in one execution of the state machine of a source, several at a time."""

import datetime
import json
from typing import TYPE_CHECKING

import msgspec

from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

MOST = 2000
"""The most dates of one execution. Step Functions limits its output to 256 KiB."""


class DateResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one date of a backfill. `failure` is the name of its error."""

    date: str
    outcome: str
    records: int | None = None
    failure: str | None = None


def list_dates(first: str, last: str) -> list[str]:
    """Return the dates from `first` to `last`, both included. Raise UsageError for invalid dates or order."""
    try:
        start, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    except ValueError as error:
        raise UsageError(f"{error}; --from and --to take YYYY-MM-DD") from None
    if end < start:
        raise UsageError(f"--to {last} is before --from {first}")
    return [(start + datetime.timedelta(days=number)).isoformat() for number in range((end - start).days + 1)]


def start_backfill(states: "SFNClient", machine: str, wanted: list[str], concurrency: int) -> str:
    """Start one execution over the dates, `concurrency` at a time, and return its ARN.

    A second call is safe: no date is published twice.

    Raises:
        UsageError: There are more than 2,000 dates.
    """
    if len(wanted) > MOST:
        raise UsageError(
            f"{len(wanted)} dates are more than the {MOST} that one execution takes; ask for a part of them"
        )
    given = json.dumps({"dates": wanted, "concurrency": concurrency})
    return str(states.start_execution(stateMachineArn=machine, input=given)["executionArn"])


def fetch_results(states: "SFNClient", execution: str) -> list[DateResult] | None:
    """Return the result of each date, or None while the execution runs.

    Raises:
        BrigadeError: The execution itself failed, was stopped or timed out. Published dates stay.
    """
    described = states.describe_execution(executionArn=execution)
    if described["status"] == "RUNNING":
        return None
    if described["status"] != "SUCCEEDED":
        why = f"{described.get('error') or 'no error given'} {described.get('cause') or ''}".rstrip()
        raise BrigadeError(
            f"the backfill ended {described['status']}: {why} ({execution}); start it again for the rest"
        )
    return msgspec.json.decode(described["output"], type=list[DateResult])
