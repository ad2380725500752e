"""`brigade jobs retry` explains tasks that never ran: no report lists them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from brigade.cli.jobs import lookup, submission
from brigade.cli.jobs import submit as jobs_submit
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
    monkeypatch.setattr(submission, "submit_rows", lambda *_: None)
    return []


def ran(monkeypatch: pytest.MonkeyPatch, said: list[str], described: dict[str, Any], rows: list[ManifestRow]) -> None:
    monkeypatch.setattr(lookup, "jobs_client", lambda _: SimpleNamespace(describe=lambda _: described))
    monkeypatch.setattr(retry, "read_failed_rows", lambda *_, **__: iter(rows))
    session = SimpleNamespace(
        stage="dev",
        client=lambda _: None,
        deployment=Deployed(LakeBucket="lake", ReportsBucket="reports", JobRoleArn="arn"),
        note=said.append,
        print=lambda _, text: said.append(text),
    )
    app = typer.Typer()
    app.command()(jobs_submit.retry)
    done = CliRunner().invoke(app, ["job-0"], obj=session)
    if done.exception:
        raise done.exception


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
