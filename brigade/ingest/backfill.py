"""Ingest many dates, each by an execution of the source's state machine, a few at a time."""

import datetime
import json
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from brigade.errors import UsageError

_POLL_S = 1.0


class Executes(Protocol):
    """The calls that a backfill needs of Step Functions."""

    def start_execution(self, **arguments: Any) -> Any:
        """StartExecution."""

    def describe_execution(self, **arguments: Any) -> Any:
        """DescribeExecution."""


@dataclass(frozen=True)
class Ended:
    """How the execution of a date ended: its answer, or the reason why there is none. Skipped: neither."""

    date: str
    answer: dict[str, Any] | None = None
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


def backfill(
    states: Executes, machine: str, wanted: list[str], published: Container[str], concurrency: int
) -> Iterator[Ended]:
    """Ingest the dates that are not published, ``concurrency`` at a time, and give each as it ends.

    Ending early leaves those under way to themselves. To repeat it is safe: no date is published twice.
    """
    waiting, running = list(reversed(wanted)), dict[str, str]()
    while waiting or running:
        while waiting and len(running) < concurrency:
            date = waiting.pop()
            if date in published:
                yield Ended(date)
                continue
            started = states.start_execution(stateMachineArn=machine, input=json.dumps({"date": date}))
            running[date] = started["executionArn"]
        for date, execution in list(running.items()):
            described = states.describe_execution(executionArn=execution)
            if described["status"] == "RUNNING":
                continue
            del running[date]
            if described["status"] == "SUCCEEDED":
                yield Ended(date, answer=json.loads(described["output"]))
            else:
                yield Ended(date, failure=f"{described['status']}: {described.get('error') or ''} ({execution})")
        if running:
            time.sleep(_POLL_S)
