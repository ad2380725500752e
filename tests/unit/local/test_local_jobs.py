"""The pure pieces of the local S3 Batch Operations: states, clock, ledger, manifests at size, answers of functions."""

import io
import json
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.jobs import job as job_module
from local.jobs.job import STATES, TERMINAL, Job
from local.jobs.job_store import JobStore
from local.jobs.ledger import Ledger
from local.jobs.manifest import Refusal, Row, csv_rows
from local.jobs.task_runner import Limits, TaskRunner
from local.jobs.tasks import Outcome, outcome, payload
from local.jobs.wire import Fault, request_body, response_body

REQUEST: dict[str, Any] = {
    "Operation": {"LambdaInvoke": {"FunctionArn": "f"}},
    "Manifest": {},
    "Report": {"Enabled": False},
    "Priority": 1,
    "RoleArn": "r",
    "ClientRequestToken": "t",
}
DONE = Outcome(True, "200", "", "é\n")


def make(folder: Path, name: str = "one", **changes: Any) -> Job:
    return Job.create(folder / name, name, REQUEST | changes, "000000000000", "us-east-1")


def walk(job: Job, *statuses: str) -> Job:
    for status in statuses:
        job.move(status)
    return job


def test_every_state_leads_to_an_end_and_ends_lead_nowhere() -> None:
    assert {status for status, following in STATES.items() if not following} == TERMINAL
    for following in STATES.values():
        assert following <= STATES.keys()


def test_an_unlawful_change_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    job = walk(make(tmp_path), "Preparing", "Ready")
    with pytest.raises(Fault, match="A job in state Ready cannot become Complete"):
        job.move("Complete")
    assert Job.load(job.folder).status == "Ready"


def test_a_cancel_that_came_first_wins(tmp_path: Path) -> None:
    job = walk(make(tmp_path), "Preparing", "Cancelling")
    job.advance("Ready", after="Preparing")
    job.fail("InvalidManifestContent", "too late")
    assert (job.status, job.record["failures"]) == ("Cancelling", [])


def test_a_reason_fits_what_the_api_allows(tmp_path: Path) -> None:
    job = make(tmp_path)
    job.fail("c" * 70, "r" * 300)
    assert job.describe()["FailureReasons"] == [{"FailureCode": "c" * 64, "FailureReason": "r" * 256}]


def test_time_ends_what_nobody_confirms_and_forgets_what_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = JobStore(tmp_path)
    job, _ = store.create("waits", REQUEST, "000000000000", "us-east-1")
    walk(job, "Preparing", "Suspended")
    start = datetime.now(UTC)

    def after(days: int) -> None:
        monkeypatch.setattr(job_module, "_now", lambda: start + timedelta(days=days))
        store.expire()

    after(29)
    assert job.status == "Suspended"
    after(31)
    assert job.status == "Failed"
    after(31 + 89)
    assert store.find("waits") is job
    after(31 + 91)
    with pytest.raises(Fault, match="does not exist"):
        store.find("waits")
    assert list(tmp_path.iterdir()) == []


def test_the_highest_priority_goes_first_then_the_oldest(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    for name, priority in {"low": 1, "high": 9, "later": 9}.items():
        store.create(name, REQUEST | {"ClientRequestToken": name, "Priority": priority}, "0", "r")
    assert [job.id for job in store.waiting(set())] == ["high", "later", "low"]
    walk(store.find("high"), "Preparing", "Suspended")
    assert [job.id for job in store.waiting({"later"})] == ["low"]


def test_a_ledger_goes_on_after_a_half_written_line(tmp_path: Path) -> None:
    rows = [Row("lake", f"k{number}", None if number % 2 else "v") for number in range(2500)]
    assert Ledger(tmp_path).fill(rows) == 2500
    assert not Ledger(tmp_path).begun
    ledger = Ledger(tmp_path)
    waiting = list(ledger.waiting(2500, "seed"))
    assert sorted(waiting) == list(enumerate(rows))
    assert waiting != list(enumerate(rows))
    with ledger.open_log() as log:
        for number, row in waiting[:700]:
            log.add(number, row, DONE)
    with (tmp_path / "outcomes.jsonl").open("a") as file:
        file.write('[2400, ["lake", "k24')
    assert sorted(ledger.waiting(2500, "seed")) == sorted(waiting[700:])
    with ledger.open_log() as log:
        log.add(*waiting[700], DONE)
    assert [(number, row) for number, row, _ in ledger.outcomes()] == waiting[:701]
    assert {outcome for _, _, outcome in ledger.outcomes()} == {DONE}


class Endless:
    """A body of so many rows, made as it is read."""

    def __init__(self, rows: int) -> None:
        self._lines = (f"lake,{number:0900d}\n".encode() for number in range(rows))
        self._rest = b""

    def read(self, amount: int = 65536, /) -> bytes:
        while len(self._rest) < amount and (line := next(self._lines, b"")):
            self._rest += line
        data, self._rest = self._rest[:amount], self._rest[amount:]
        return data


def test_a_large_manifest_takes_little_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    total = Ledger(tmp_path).fill(csv_rows(Endless(8_000), ["Bucket", "Key"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 8_000
    assert peak < 2 << 20, "7 MB of manifest were held"


def test_quoted_fields_may_hold_commas_and_lines(tmp_path: Path) -> None:
    rows = csv_rows(io.BytesIO(b'"lake","a,b\nc ""d"""\nlake,e\n'), ["Bucket", "Key"])
    assert list(rows) == [Row("lake", 'a,b\nc "d"', None), Row("lake", "e", None)]
    with pytest.raises(Refusal, match="longer than"):
        list(csv_rows(io.BytesIO(b"lake," + b"k" * (2 << 20)), ["Bucket", "Key"]))


SENT = payload(Row("lake", "k", None), "job", "2.0", None)
TASK = SENT["tasks"][0]["taskId"]


def answered(results: Any, **more: Any) -> Outcome:
    head = {"invocationSchemaVersion": "2.0", "invocationId": SENT["invocationId"]}
    return outcome(json.dumps(head | {"results": results} | more).encode(), SENT)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (answered([{"taskId": TASK, "resultCode": "Succeeded"}]), Outcome(True, "200", "", "")),
        (answered([], treatMissingKeysAs="Succeeded"), (True, "200", "")),
        (answered([]), (False, "200", "TemporaryFailure")),
        (answered([{"taskId": "other", "resultCode": "Succeeded"}]), (False, "200", "TemporaryFailure")),
        (answered([{"taskId": TASK, "resultCode": None}]), (False, "200", "PermanentFailure")),
        (answered([{"taskId": TASK, "resultCode": "Succeeded"}] * 2), (False, "200", "PermanentFailure")),
        (
            answered([{"taskId": TASK, "resultCode": "Succeeded", "resultString": 7}]),
            (False, "200", "PermanentFailure"),
        ),
        (answered({}), (False, "200", "PermanentFailure")),
        (answered([None]), (False, "200", "TemporaryFailure")),
        (answered([], treatMissingKeysAs="Never"), (False, "200", "PermanentFailure")),
        (answered([], invocationSchemaVersion="1.0"), (False, "200", "PermanentFailure")),
        (outcome(b"null", SENT), (False, "200", "PermanentFailure")),
        (outcome(b"\xff", SENT), (False, "200", "PermanentFailure")),
    ],
)
def test_what_an_answer_means(got: Outcome, wanted: tuple[Any, ...]) -> None:
    assert got[: len(wanted)] == wanted
    assert got.again == (got.error_code == "TemporaryFailure")


def test_the_request_that_botocore_sends_is_read_whole() -> None:
    body = (
        b'<CreateJobRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><ConfirmationRequired>false'
        b"</ConfirmationRequired><Operation><LambdaInvoke><FunctionArn>arn:aws:lambda:us-east-1:111122223333:function:f"
        b"</FunctionArn><InvocationSchemaVersion>2.0</InvocationSchemaVersion><UserArguments><entry><key>k</key><value>v"
        b"</value></entry></UserArguments></LambdaInvoke></Operation><Report><Bucket>arn:aws:s3:::rep</Bucket><Format>"
        b"Report_CSV_20180820</Format><Enabled>true</Enabled><Prefix>p</Prefix><ReportScope>AllTasks</ReportScope>"
        b"</Report><ClientRequestToken>tok</ClientRequestToken><Manifest><Spec><Format>S3BatchOperations_CSV_20180820"
        b"</Format><Fields><member>Bucket</member><member>Key</member></Fields></Spec><Location><ObjectArn>"
        b"arn:aws:s3:::m/m.csv</ObjectArn><ETag>e</ETag></Location></Manifest><Description>d</Description><Priority>10"
        b"</Priority><RoleArn>arn:aws:iam::111122223333:role/r</RoleArn><Tags><member><Key>a</Key><Value>b</Value>"
        b"</member></Tags></CreateJobRequest>"
    )
    assert request_body("CreateJob", body) == {
        "ConfirmationRequired": False,
        "Operation": {
            "LambdaInvoke": {
                "FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:f",
                "InvocationSchemaVersion": "2.0",
                "UserArguments": {"k": "v"},
            }
        },
        "Report": {
            "Bucket": "arn:aws:s3:::rep",
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "Prefix": "p",
            "ReportScope": "AllTasks",
        },
        "ClientRequestToken": "tok",
        "Manifest": {
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {"ObjectArn": "arn:aws:s3:::m/m.csv", "ETag": "e"},
        },
        "Description": "d",
        "Priority": 10,
        "RoleArn": "arn:aws:iam::111122223333:role/r",
        "Tags": [{"Key": "a", "Value": "b"}],
    }


def test_an_entity_bomb_is_refused() -> None:
    with pytest.raises(Fault, match="document type"):
        request_body("CreateJob", b'<!DOCTYPE x [<!ENTITY a "b">]><CreateJobRequest>&a;</CreateJobRequest>')


def test_a_created_job_is_answered_as_s3_does() -> None:
    assert response_body("CreateJob", {"JobId": "i"}) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<CreateJobResult '
        b'xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><JobId>i</JobId></CreateJobResult>'
    )


LATER = Outcome(False, "200", "TemporaryFailure", "", again=True)
NO_ROOM = Outcome(False, "429", "TooManyRequestsException", "Rate Exceeded.", again=True, throttled=True)


def driven(folder: Path, answers: dict[str, list[Outcome]], **limits: Any) -> tuple[Job, dict[str, Outcome], list[str]]:
    """Run a task a key; each run of a key gives its next answer, the last one for ever."""
    job = walk(make(folder), "Preparing", "Ready", "Active")
    ledger = Ledger(job.folder)
    job.record["total"] = ledger.fill(Row("lake", key, None) for key in answers)
    calls: list[str] = []

    def work(row: Row) -> Outcome:
        calls.append(row.key)
        left = answers[row.key]
        return left.pop(0) if len(left) > 1 else left[0]

    TaskRunner(job, ledger, Limits(backoff_s=0.001, workers=2, **limits), threading.Event()).run(work)
    return job, {row.key: outcome for _, row, outcome in ledger.outcomes()}, calls


def test_a_temporary_failure_runs_so_many_times_and_keeps_its_last_answer(tmp_path: Path) -> None:
    last = LATER._replace(message="last")
    job, outcomes, calls = driven(
        tmp_path, {"never": [LATER, LATER, last], "once": [LATER, DONE], "ok": [DONE]}, attempts=3
    )
    assert outcomes == {"never": last, "once": DONE, "ok": DONE}
    assert (calls.count("never"), calls.count("once"), calls.count("ok")) == (3, 2, 1)
    assert (job.record["succeeded"], job.record["failed"]) == (2, 1)


def test_throttling_uses_up_no_runs_and_has_an_end(tmp_path: Path) -> None:
    answers = {str(n): [NO_ROOM] * 5 + [LATER, DONE] for n in range(9)} | {"closed": [NO_ROOM]}
    job, outcomes, _ = driven(tmp_path, answers, attempts=2, throttled=20)
    assert outcomes.pop("closed") == NO_ROOM
    assert set(outcomes.values()) == {DONE}
    assert job.record["succeeded"] == 9


def test_a_job_stops_at_the_threshold_and_not_before_a_thousand(tmp_path: Path) -> None:
    bad = Outcome(False, "200", "PermanentFailure", "")
    few, outcomes, _ = driven(tmp_path / "few", {str(n): [bad] for n in range(999)})
    assert (few.status, len(outcomes)) == ("Active", 999)
    many, outcomes, _ = driven(tmp_path / "many", {str(n): [bad] for n in range(1200)})
    assert many.status == "Failing"
    assert 1000 <= len(outcomes) < 1010
