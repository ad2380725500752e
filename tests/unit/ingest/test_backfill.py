"""Which dates a backfill starts, how many at once, and what it tells of each."""

import json
from typing import Any

import pytest

from brigade.errors import UsageError
from brigade.ingest import backfill


class States:
    """Step Functions of which each execution ends when it is looked at for the second time."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.looks: dict[str, int] = {}
        self.most = 0

    def start_execution(self, **arguments: Any) -> Any:
        date = json.loads(arguments["input"])["date"]
        self.started.append(date)
        self.looks[date] = 0
        self.most = max(self.most, len(self.looks))
        return {"executionArn": date}

    def describe_execution(self, **arguments: Any) -> Any:
        execution = arguments["executionArn"]
        self.looks[execution] += 1
        if self.looks[execution] < 2:
            return {"status": "RUNNING"}
        del self.looks[execution]
        if execution.endswith("03"):
            return {"status": "FAILED", "error": "InvalidData"}
        return {"status": "SUCCEEDED", "output": json.dumps({"outcome": "published", "date": execution})}


def test_dates_that_are_published_are_skipped_and_the_others_run_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backfill, "_POLL_S", 0)
    states = States()
    wanted = backfill.dates("2024-02-28", "2024-03-03")
    ended = {each.date: each for each in backfill.backfill(states, "machine", wanted, {"2024-02-29"}, 2)}
    assert list(states.started) == ["2024-02-28", "2024-03-01", "2024-03-02", "2024-03-03"]
    assert states.most == 2
    assert sorted(ended) == wanted
    assert (ended["2024-02-29"].answer, ended["2024-02-29"].failure) == (None, None)
    assert (ended["2024-03-01"].answer or {})["outcome"] == "published"
    assert ended["2024-03-03"].failure == "FAILED: InvalidData (2024-03-03)"


@pytest.mark.parametrize(("first", "last"), [("2024-02-30", "2024-03-01"), ("2024-03-02", "2024-03-01")])
def test_what_is_no_span_is_refused(first: str, last: str) -> None:
    with pytest.raises(UsageError):
        backfill.dates(first, last)
