"""Dates of a backfill, and its report of an execution."""

import json
from typing import Any

import pytest

from brigade.errors import BrigadeError, UsageError
from brigade.ingest import backfill
from tests.fake_client import FakeClient


class States(FakeClient):
    """Step Functions with one execution, described as it is told."""

    def __init__(self, **described: Any) -> None:
        self.started: list[dict[str, Any]] = []
        self.described = described

    def start_execution(self, **arguments: Any) -> Any:
        self.started.append(arguments)
        return {"executionArn": "arn"}

    def describe_execution(self, **arguments: Any) -> Any:
        assert arguments == {"executionArn": "arn"}
        return self.described


def test_a_span_is_one_execution() -> None:
    states = States()
    wanted = backfill.list_dates("2024-02-28", "2024-03-01")
    assert wanted == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert backfill.start_backfill(states, "machine", wanted, 2) == "arn"
    (started,) = states.started
    assert started["stateMachineArn"] == "machine"
    assert json.loads(started["input"]) == {"dates": wanted, "concurrency": 2}


def test_an_execution_tells_of_each_date_once_it_has_ended() -> None:
    assert backfill.fetch_results(States(status="RUNNING"), "arn") is None
    told = [{"date": "2024-02-28", "outcome": "published", "records": 3}, {"date": "2024-02-29", "outcome": "failed"}]
    ended = backfill.fetch_results(States(status="SUCCEEDED", output=json.dumps(told)), "arn")
    assert [(each.date, each.outcome, each.records) for each in ended or []] == [
        ("2024-02-28", "published", 3),
        ("2024-02-29", "failed", None),
    ]


def test_an_execution_that_was_ended_says_how_and_what_to_do() -> None:
    with pytest.raises(BrigadeError, match=r"ended TIMED_OUT: no error given \(arn\); start it again for the rest"):
        backfill.fetch_results(States(status="TIMED_OUT"), "arn")


def test_more_dates_than_one_answer_holds_are_refused() -> None:
    with pytest.raises(UsageError, match="3653 dates are more than the 2000"):
        backfill.start_backfill(States(), "machine", backfill.list_dates("2010-01-01", "2020-01-01"), 2)


def test_the_outcomes_of_the_most_dates_fit_into_one_answer() -> None:
    widest = {"date": "2026-11-22", "outcome": "already_published", "records": 10**12, "failure": "ConditionLost"}
    assert len(json.dumps([widest] * backfill.MOST)) < 256 * 1024


@pytest.mark.parametrize(("first", "last"), [("2024-02-30", "2024-03-01"), ("2024-03-02", "2024-03-01")])
def test_what_is_no_span_is_refused(first: str, last: str) -> None:
    with pytest.raises(UsageError):
        backfill.list_dates(first, last)
