"""Ingests: by the function, by its state machine, by the schedule, and from here."""

import gzip
import json
import random
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brigade.ingest.declare.target import SUFFIXES, Target
from tests.local.exercises.base import Base, logged, soon, traced
from tests.unit.ingest.api import Answer, page, serving


class Ingests(Base):
    """Each public method is an exercise: it returns when all went as promised and raises AssertionError when not."""

    # What an ingest's function does, invoked as its state machine invokes it

    def ingest_a_small_date(self) -> None:
        with serving(_paged([[{"n": 1}], [{"n": 2}]])) as api:
            answer = self._published(api.url, self._day())
        assert answer["records"] == 2

    def ingest_a_date_in_parts(self) -> None:
        day = self._day()
        with serving(_noise(pages=16)) as api:
            self._published(api.url, day)
        assert not self._keys(self._state, f"ingest/demo/{day}")
        assert not self._uploads(f"demo/date={day}")

    def ingest_a_date_twice(self) -> None:
        day = self._day()
        with serving(_paged([[{"n": 1}]])) as api:
            self._published(api.url, day)
            again = self._ingest(api.url, day)
        assert again.get("outcome") == "already_published", again
        assert again["records"] == 1  # as its receipt has it

    def ingest_over_a_quarantine(self) -> None:
        """Check that a run without rejected records deletes the quarantine of an earlier run of its date."""
        day = self._day()
        left = Target("demo", day, self._lake, self._state).quarantine
        self._s3.put_object(Bucket=self._state, Key=left, Body=b"an earlier run's")
        with serving(_paged([[{"n": 1}]])) as api:
            self._published(api.url, day)
        assert gzip.decompress(self._s3.get_object(Bucket=self._state, Key=left)["Body"].read()) == b""

    def ingest_an_endless_api(self) -> None:
        day = self._day()
        with serving(_noise(pages=1000)) as api:  # more than the page limit of the demo source
            answer = self._ingest(api.url, day)
        assert "page" in answer.get("errorMessage", ""), answer
        assert not self._uploads(f"demo/date={day}"), "the upload was not aborted"
        assert not self._keys(self._lake, f"demo/date={day}")

    def log_an_ingest(self) -> None:
        with logged(self._deployed, self._deployed.name("ingest-demo")):
            self.ingest_a_small_date()

    def trace_an_ingest(self) -> None:
        with traced(self._deployed, self._deployed.name("ingest-demo")):
            self.ingest_a_small_date()

    # What the state machine and the schedule do

    def start_the_state_machine(self) -> None:
        day = self._day()
        with serving(_paged([[{"n": 1}]])) as api:
            self._serve(api.url)
            self._deployed.ask("ingest", "invoke", "demo", "--date", day)
            soon(lambda: bool(self._keys(self._lake, f"demo/date={day}")), "nothing was published")

    def run_the_state_machine(self) -> None:
        with serving(_paged([[{"n": 1}]])) as api:
            self._serve(api.url)
            answer = self._deployed.ask("ingest", "invoke", "demo", "--date", self._day(), "--wait")
        assert answer["outcome"] == "published"

    def trace_the_state_machine(self) -> None:
        with traced(self._deployed, self._deployed.name("ingest-demo"), "AWS::StepFunctions::StateMachine"):
            self.run_the_state_machine()

    def keep_a_failure_in_the_queue(self) -> None:
        with self._queued(), serving(lambda *_: Answer(b"<html>", headers={"Content-Type": "text/html"})) as api:
            self._serve(api.url)
            done = self._deployed.run("ingest", "invoke", "demo", "--date", self._day(), "--wait")
            assert done.returncode == 1, done.stderr

    def backfill_two_dates(self) -> None:
        first, last = self._day(), self._day()
        with serving(_paged([[{"n": 1}]])) as api, tempfile.TemporaryDirectory() as folder:
            self._serve(api.url)
            done = self._deployed.dated("demo", Path(folder)).ask(
                "ingest", "backfill", "demo", "--from", first, "--to", last, "--yes"
            )
        assert [each["outcome"] for each in done] == ["published", "published"]

    def start_by_the_schedule(self) -> None:
        machine = {"stateMachineArn": self._deployed.outputs["IngestDemo"]}
        states = self._deployed.emulator.root("stepfunctions")
        before = len(states.list_executions(**machine)["executions"])
        with serving(_paged([[{"n": 1}]])) as api:
            self._serve(api.url)
            with self._due():
                soon(lambda: len(states.list_executions(**machine)["executions"]) > before, "nothing was started")

    def keep_a_start_that_failed_in_the_queue(self) -> None:
        from tests.local.grants import Grant, Policies

        machine = f"states:stateMachine:{self._deployed.name('ingest-demo')}"
        start = Grant("schedule of demo", "states:StartExecution", machine)
        with Policies(self._deployed).without(start), self._queued(), self._due():
            pass

    # What the operator does, beside what is above

    def ingest_from_here_twice(self) -> None:
        day = self._day()
        with serving(_paged([[{"n": 1}]])) as api:
            first = self._here("run", "demo", "--date", day, url=api.url)
            again = self._here("run", "demo", "--date", day, url=api.url)
        assert (first["outcome"], again["outcome"]) == ("published", "already_published")

    def ingest_from_here_in_parts(self) -> None:
        day = self._day()
        with serving(_noise(pages=16)) as api:
            answer = self._here("run", "demo", "--date", day, url=api.url)
        assert answer["outcome"] == "published"
        assert not self._keys(self._state, f"ingest/demo/{day}")

    def write_a_key_of_a_zstd_source(self) -> None:
        key = Target("demo", self._day(), self._lake, self._state, suffix=SUFFIXES["zstd"]).key
        with serving(_paged([[{"n": 1}]])) as api:
            self._here("run", "demo", "--to", f"s3://{self._lake}/{key}", url=api.url)
        assert self._keys(self._lake, key)

    def give_up_a_key_of_a_zstd_source(self) -> None:
        key = Target("demo", self._day(), self._lake, self._state, suffix=SUFFIXES["zstd"]).key
        with serving(_noise(pages=16, fails=12)) as api:
            done = self._run_here("run", "demo", "--to", f"s3://{self._lake}/{key}", url=api.url)
        assert done.returncode == 1, done.stderr
        assert not self._uploads(key), "the upload was not aborted"
        assert not self._keys(self._lake, key)

    def reset_an_ingest(self) -> None:
        """Reset a date after a failed run that left a checkpoint and an upload."""
        day = self._day()
        with serving(_noise(pages=16, fails=12)) as api:
            answer = self._ingest(api.url, day)
        assert "errorMessage" in answer, answer
        self._deployed.ask("ingest", "reset", "demo", "--date", day, "--yes")
        assert not self._keys(self._state, f"ingest/demo/{day}")
        assert not self._uploads(f"demo/date={day}")

    def let_all_end(self) -> None:
        """Serve an API until every execution ends. Without a grant they retry for minutes, into the next test's API."""
        machine = self._deployed.outputs["IngestDemo"]
        states = self._deployed.emulator.root("stepfunctions")
        with serving(_paged([[{"n": 1}]])) as api:
            self._serve(api.url)
            soon(
                lambda: not states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"],
                "an execution has not ended",
                patience_s=300,
            )

    # Pieces

    def _serve(self, url: str) -> None:
        self._deployed.serve("demo", url)

    def _here(self, *arguments: str, url: str) -> Any:
        done = self._run_here(*arguments, url=url)
        assert done.returncode in (0, 3), done.stderr
        return json.loads(done.stdout)

    def _run_here(self, *arguments: str, url: str) -> "subprocess.CompletedProcess[str]":
        environment = {**self._deployed.environment, "BRIGADE_BASE_URL": url}
        return replace(self._deployed, environment=environment).run("--json", "ingest", *arguments)

    def _ingest(self, url: str, day: str) -> Any:
        """Invoke the function once; the answer, or the error that it raised."""
        self._serve(url)
        event = json.dumps({"date": day})
        answer = self._lambda.invoke(FunctionName=self._deployed.name("ingest-demo"), Payload=event)
        return json.load(answer["Payload"])

    def _published(self, url: str, day: str) -> Any:
        answer = self._ingest(url, day)
        assert answer.get("outcome") == "published", answer
        return answer

    @contextmanager
    def _queued(self) -> Iterator[None]:
        """Check that the block leaves a message in the dead-letter queue of the demo source."""
        sqs = self._deployed.emulator.root("sqs")
        queue = sqs.get_queue_url(QueueName=self._deployed.name("ingest-demo-failures"))["QueueUrl"]
        sqs.purge_queue(QueueUrl=queue)
        yield
        soon(lambda: "Messages" in sqs.receive_message(QueueUrl=queue), "no message is in the queue")

    @contextmanager
    def _due(self) -> Iterator[None]:
        """A schedule like that of the demo source, with its target and its role, is due now."""
        schedules, group = self._deployed.emulator.root("scheduler"), f"brigade-{self._deployed.stage}"
        deployed, due = schedules.list_schedules(GroupName=group)["Schedules"][0]["Name"], f"due-{uuid.uuid4()}"
        known = schedules.get_schedule(Name=deployed, GroupName=group)
        schedules.create_schedule(
            Name=due,
            GroupName=group,
            Target=known["Target"],
            FlexibleTimeWindow=known["FlexibleTimeWindow"],
            ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        )
        try:
            yield
            time.sleep(2)  # schedules are looked at each second: what must fail to start has its chance to
        finally:
            schedules.delete_schedule(Name=due, GroupName=group)


def _paged(pages: list[list[Any]]) -> Callable[[int, dict[str, str]], Answer]:
    """The API of the demo source with these pages."""

    def answer(_: int, query: dict[str, str]) -> Answer:
        number = int(query.get("_next", "0"))
        return page(pages[number], str(number + 1) if number + 1 < len(pages) else None)

    return answer


def _noise(pages: int, fails: int = 0) -> Callable[[int, dict[str, str]], Answer]:
    """Pages of 1 MiB that gzip cannot halve; at the page ``fails`` the API asks to be left alone for a day."""
    noise = random.Random(1)

    def answer(_: int, query: dict[str, str]) -> Answer:
        number = int(query.get("_next", "0"))
        if fails and number >= fails:
            return Answer(b"", status=429, headers={"Retry-After": "86400"})
        rows = [{"n": number, "noise": noise.randbytes(16_384).hex()} for _ in range(32)]
        return page(rows, str(number + 1) if number + 1 < pages else None)

    return answer
