"""Ingest many dates by one execution of the source's state machine, a few dates at a time."""

import datetime
import json
from typing import Any, Protocol

import msgspec

from brigade.errors import BrigadeError, UsageError

MOST = 2000
"""Dates of one execution: their outcomes are one answer of Step Functions, 256 KiB at most."""


class Executes(Protocol):
    """The calls that a backfill needs of Step Functions."""

    def start_execution(self, **arguments: Any) -> Any:
        """StartExecution."""

    def describe_execution(self, **arguments: Any) -> Any:
        """DescribeExecution."""


class DateResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a date of a backfill ended; ``failure`` is the name of the error of one that failed."""

    date: str
    outcome: str
    records: int | None = None
    failure: str | None = None


def dates(first: str, last: str) -> list[str]:
    """Give the dates from ``first`` to ``last``, both included; UsageError if they are none or the wrong way round."""
    try:
        start, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    except ValueError as error:
        raise UsageError(f"{error}; --from and --to take YYYY-MM-DD") from None
    if end < start:
        raise UsageError(f"--to {last} is before --from {first}")
    return [(start + datetime.timedelta(days=number)).isoformat() for number in range((end - start).days + 1)]


def start(states: Executes, machine: str, wanted: list[str], concurrency: int) -> str:
    """Start one execution over the dates, ``concurrency`` at a time, and give its ARN.

    To repeat it is safe: no date is published twice. Fails with UsageError for more than 2,000 dates.
    """
    if len(wanted) > MOST:
        raise UsageError(
            f"{len(wanted)} dates are more than the {MOST} that one execution takes; ask for a part of them"
        )
    given = json.dumps({"dates": wanted, "concurrency": concurrency})
    return str(states.start_execution(stateMachineArn=machine, input=given)["executionArn"])


def outcome(states: Executes, execution: str) -> list[DateResult] | None:
    """Give how each date ended, or None while the execution runs.

    Fails with BrigadeError when the execution itself failed, was stopped or timed out; dates that were published stay.
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
