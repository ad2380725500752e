"""What `brigade jobs retry` says of tasks that never ran: no report lists them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from brigade.cli import jobs_calls, jobs_submit
from brigade.cli.jobs_options import Going
from brigade.errors import UsageError
from brigade.jobs import retry
from brigade.jobs.job import parse_job
from brigade.jobs.notification import build_notification
from brigade.jobs.row import ManifestRow


def cancelled(failed: int) -> dict[str, Any]:
    """A job of 245 tasks that was cancelled after 178 of them."""
    counts = {"TotalNumberOfTasks": 245, "NumberOfTasksSucceeded": 178 - failed, "NumberOfTasksFailed": failed}
    created = datetime(2026, 11, 22, tzinfo=UTC)
    return {"JobId": "job-0", "Status": "Cancelled", "CreationTime": created, "ProgressSummary": counts}


class Deployed(dict[str, str]):
    """The outputs of a stage without operations."""

    def named(self, _: str) -> dict[str, str]:
        return {}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(retry, "plan_retry", lambda *_, **__: SimpleNamespace(what="", bucket="", operation="verify"))
    monkeypatch.setattr(retry, "check_not_retried", lambda *_: None)
    monkeypatch.setattr(jobs_submit, "replace", lambda made, **_: made)
    monkeypatch.setattr(jobs_calls, "submit", lambda *_: None)
    return []


def ran(monkeypatch: pytest.MonkeyPatch, said: list[str], described: dict[str, Any], rows: list[ManifestRow]) -> None:
    monkeypatch.setattr(jobs_calls, "control", lambda _: SimpleNamespace(describe=lambda _: described))
    monkeypatch.setattr(retry, "read_failed_rows", lambda *_, **__: iter(rows))
    session = SimpleNamespace(
        stage="dev",
        client=lambda _: None,
        deployment=Deployed(LakeBucket="lake", ReportsBucket="reports", JobRoleArn="arn"),
        say=said.append,
        give=lambda _, text: said.append(text),
    )
    jobs_submit.retry(SimpleNamespace(obj=session), "job-0", Going())  # type: ignore[arg-type]  # what it reads of it


def test_tasks_that_never_ran_are_named_by_a_retry_of_the_failed_ones(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    ran(monkeypatch, said, cancelled(21), [ManifestRow("lake", "a")])
    (text,) = said
    assert "67 tasks of job job-0 never ran" in text


def test_a_job_with_tasks_that_never_ran_is_not_done_though_none_failed(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    with pytest.raises(UsageError, match=r"nothing to retry: 67 tasks of job job-0 never ran.*submit"):
        ran(monkeypatch, said, cancelled(0), [])
    assert said == []


def test_a_job_that_ran_all_its_tasks_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    whole = cancelled(0) | {"Status": "Complete"}
    whole["ProgressSummary"]["TotalNumberOfTasks"] = 178
    ran(monkeypatch, said, whole, [])
    assert said == ["no task of job job-0 failed: nothing to retry"]


def test_the_notification_of_a_job_names_the_tasks_that_never_ran() -> None:
    assert "67 tasks never ran" in build_notification(None, parse_job(cancelled(0)), "dev").text
