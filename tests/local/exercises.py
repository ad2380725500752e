"""What people and services do with the deployed stacks: each exercise uses some grants and fails without one."""

import gzip
import io
import itertools
import json
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backports import zstd
from PIL import Image

from tests.local.deployment import BRIGADE, Deployment
from tests.unit.ingest.api import Answer, page, serving

_PATIENCE_S = 10


class Exercises:
    """Each public method is an exercise: it returns when all went as promised and raises AssertionError when not."""

    def __init__(self, deployed: Deployment, folder: Path) -> None:
        self._deployed, self._folder = deployed, folder
        self._s3, self._lambda = deployed.emulator.root("s3"), deployed.emulator.root("lambda")
        self._lake, self._state = deployed.outputs["LakeBucket"], deployed.outputs["StateBucket"]
        self._reports = deployed.outputs["ReportsBucket"]
        self._days = (date(2000, 1, 1) + timedelta(days=n) for n in itertools.count())
        for key in ("photographs/a b+c.jpg", "photographs/d.jpg"):
            self._s3.put_object(Bucket=self._lake, Key=key, Body=_photograph())
        self.deliver_the_inventory()

    # What S3 does

    def deliver_the_inventory(self) -> None:
        self._deployed.ask("local", "deliver-inventory", self._lake)

    def summarize_a_delivery(self) -> None:
        given = self._deployed.ask("inventory", "deliveries")
        newest = given[0] if isinstance(given, list) and given else given
        if not newest:
            self.deliver_the_inventory()
            newest = self._deployed.ask("inventory", "deliveries")
        key = newest["manifest"].split("/", 3)[3].replace("manifest.json", "manifest.checksum")
        event = {"detail": {"bucket": {"name": self._reports}, "object": {"key": key}}}
        answer = self._lambda.invoke(FunctionName="brigade-dev-inventory-arrived", Payload=json.dumps(event))
        assert json.loads(answer["Payload"].read()).get("delivery") == newest["manifest"]

    def summarize_the_first_delivery(self) -> None:
        for key in self._keys(self._state, f"inventory/{self._lake}/"):
            self._s3.delete_object(Bucket=self._state, Key=key)
        self.summarize_a_delivery()

    def log_a_summary(self) -> None:
        with _logged(self._deployed, "brigade-dev-inventory-arrived"):
            self.summarize_a_delivery()

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

    def ingest_an_endless_api(self) -> None:
        day = self._day()
        with serving(_noise(pages=1000)) as api:  # more than the page limit of the demo source
            answer = self._ingest(api.url, day)
        assert "page" in answer.get("errorMessage", ""), answer
        assert not self._uploads(f"demo/date={day}"), "the upload was not aborted"
        assert not self._keys(self._lake, f"demo/date={day}")

    def log_an_ingest(self) -> None:
        with _logged(self._deployed, "brigade-dev-ingest-demo"):
            self.ingest_a_small_date()

    # What the state machine and the schedule do

    def start_the_state_machine(self) -> None:
        day = self._day()
        with serving(_paged([[{"n": 1}]])) as api:
            self._serve(api.url)
            self._deployed.ask("ingest", "invoke", "demo", "--date", day)
            _soon(lambda: bool(self._keys(self._lake, f"demo/date={day}")), "nothing was published")

    def run_the_state_machine(self) -> None:
        with serving(_paged([[{"n": 1}]])) as api:
            self._serve(api.url)
            answer = self._deployed.ask("ingest", "invoke", "demo", "--date", self._day(), "--wait")
        assert answer["outcome"] == "published"

    def keep_a_failure_in_the_queue(self) -> None:
        with self._queued(), serving(lambda *_: Answer(b"<html>", headers={"Content-Type": "text/html"})) as api:
            self._serve(api.url)
            done = self._deployed.run("ingest", "invoke", "demo", "--date", self._day(), "--wait")
            assert done.returncode == 1, done.stderr

    def start_by_the_schedule(self) -> None:
        machine = {"stateMachineArn": self._deployed.outputs["IngestDemo"]}
        states = self._deployed.emulator.root("stepfunctions")
        before = len(states.list_executions(**machine)["executions"])
        with serving(_paged([[{"n": 1}]])) as api:
            self._serve(api.url)
            with self._due():
                _soon(lambda: len(states.list_executions(**machine)["executions"]) > before, "nothing was started")

    def keep_a_start_that_failed_in_the_queue(self) -> None:
        from tests.local.grants import Grant, Policies

        start = Grant("schedule of demo", "states:StartExecution", "states:stateMachine:brigade-dev-ingest-demo")
        with Policies(self._deployed).without(start), self._queued(), self._due():
            pass

    # What a job and its functions do

    def make_a_thumbnail(self) -> None:
        assert self._job("thumbnail", "photographs/a b+c.jpg") == [("succeeded", "")]

    def make_a_thumbnail_of_a_version(self) -> None:
        assert self._job_over_version("thumbnail", "photographs/d.jpg") == [("succeeded", "")]

    def verify_an_object(self) -> None:
        assert self._job("verify", "photographs/d.jpg") == [("succeeded", "")]

    def verify_a_version(self) -> None:
        assert self._job_over_version("verify", "photographs/d.jpg") == [("succeeded", "")]

    def miss_an_object_to_verify(self) -> None:
        assert self._job("verify", "photographs/none.jpg") == [("failed", "NoSuchKey")]

    def miss_an_object_to_make_a_thumbnail_of(self) -> None:
        assert self._job("thumbnail", "photographs/none.jpg") == [("failed", "NoSuchKey")]

    def forget_an_object(self) -> None:
        self._put("forgotten/a b+c")
        assert self._job("forget", "forgotten/a b+c", "mode=delete") == [("succeeded", "")]
        assert not self._keys(self._lake, "forgotten/a")

    def forget_a_version(self) -> None:
        self._put("forgotten/d")
        assert self._job_over_version("forget", "forgotten/d") == [("succeeded", "")]

    def miss_an_object_to_forget(self) -> None:
        assert self._job("forget", "forgotten/none") == [("succeeded", "")]

    def log_forget(self) -> None:
        with _logged(self._deployed, "brigade-dev-operation-forget"):
            self.forget_an_object()

    def rekey_an_object(self) -> None:
        self._put("old/a b+c")
        assert self._job("rekey", "old/a b+c", "to=new/{name}", "delete=true") == [("succeeded", "")]
        assert (self._keys(self._lake, "old/a"), self._keys(self._lake, "new/a")) == ([], ["new/a b+c"])
        self._s3.delete_object(Bucket=self._lake, Key="new/a b+c")

    def rekey_a_version(self) -> None:
        self._put("old/d")
        assert self._job_over_version("rekey", "old/d", "to=new/{name}") == [("succeeded", "")]
        self._s3.delete_object(Bucket=self._lake, Key="new/d")

    def miss_an_object_to_rekey(self) -> None:
        assert self._job("rekey", "old/none", "to=new/{name}") == [("failed", "404")]

    def log_rekey(self) -> None:
        with _logged(self._deployed, "brigade-dev-operation-rekey"):
            self.rekey_an_object()

    def recompress_an_object(self) -> None:
        self._recompress("packed/a b+c", "gz", "zst")

    def recompress_it_back(self) -> None:
        self._recompress("packed/a b+c", "zst", "gz")

    def recompress_a_version(self) -> None:
        self._recompress("packed/d", "gz", "zst", over=self._job_over_version)

    def recompress_a_version_back(self) -> None:
        self._recompress("packed/d", "zst", "gz", over=self._job_over_version)

    def miss_an_object_to_recompress(self) -> None:
        assert self._job("recompress", "packed/none.gz") == [("failed", "NoSuchKey")]

    def log_recompress(self) -> None:
        with _logged(self._deployed, "brigade-dev-operation-recompress"):
            self.recompress_an_object()

    def to_parquet_an_object(self) -> None:
        self._to_parquet("lines/a b+c.jsonl", b'{"n": 1}\n', self._job)

    def to_parquet_a_packed_object(self) -> None:
        self._to_parquet("lines/e.jsonl.gz", gzip.compress(b'{"n": 1}\n'), self._job)

    def to_parquet_a_version(self) -> None:
        self._to_parquet("lines/f.jsonl", b'{"n": 1}\n', self._job_over_version)

    def to_parquet_a_packed_version(self) -> None:
        self._to_parquet("lines/g.jsonl.gz", gzip.compress(b'{"n": 1}\n'), self._job_over_version)

    def miss_an_object_to_to_parquet(self) -> None:
        assert self._job("to_parquet", "lines/none.jsonl") == [("failed", "NoSuchKey")]

    def log_to_parquet(self) -> None:
        with _logged(self._deployed, "brigade-dev-operation-to_parquet"):
            self.to_parquet_an_object()

    def log_a_thumbnail(self) -> None:
        with _logged(self._deployed, "brigade-dev-operation-thumbnail"):
            self.make_a_thumbnail()

    def log_a_verification(self) -> None:
        with _logged(self._deployed, "brigade-dev-operation-verify"):
            self.verify_an_object()

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

    def reset_an_ingest(self) -> None:
        """Of which a killed run left a checkpoint and an upload."""
        day = self._day()
        with serving(_noise(pages=16, fails=12)) as api:
            answer = self._ingest(api.url, day)
        assert "errorMessage" in answer, answer
        self._deployed.ask("ingest", "reset", "demo", "--date", day)
        assert not self._keys(self._state, f"ingest/demo/{day}")
        assert not self._uploads(f"demo/date={day}")

    def ask_athena(self) -> None:
        answer = self._deployed.ask("inventory", "sql", "SELECT count(*) AS n FROM inventory", "--engine", "athena")
        assert int(answer["n"]) >= 0

    def interrupt_athena(self) -> None:
        """In the middle of a query that would take minutes; it is stopped, for it would go on to cost."""
        athena = self._deployed.emulator.root("athena")
        many = "SELECT count(*) FROM " + ", ".join(f"UNNEST(sequence(1, 10000)) AS t{n} (n{n})" for n in range(4))
        asked = subprocess.Popen(
            [BRIGADE, "inventory", "sql", f"{many}, inventory", "--engine", "athena"],
            env=self._deployed.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with _ended(asked):
            _soon(lambda: bool(_running(athena)), "no query runs")
            running = _running(athena)[0]
            asked.send_signal(signal.SIGINT)
            asked.wait(_PATIENCE_S)
        query = athena.get_query_execution(QueryExecutionId=running)["QueryExecution"]
        assert query["Status"]["State"] == "CANCELLED"

    def print_rows(self) -> None:
        assert self._deployed.run("inventory", "rows", "--columns", "key").returncode == 0

    def remember(self) -> None:
        self._deployed.ask("state", "put", "exercises/one", '{"a": 1}')
        assert self._deployed.ask("state", "get", "exercises/one")["value"] == {"a": 1}
        assert "exercises/one" in self._deployed.run("state", "list", "exercises/").stdout

    def look_back(self) -> None:
        for value in ("1", "2"):
            self._deployed.ask("state", "put", "exercises/past", value)
        first = self._deployed.ask("state", "history", "exercises/past")[-1]["version_id"]
        assert self._deployed.ask("state", "get", "exercises/past", "--version-id", first)["value"] == 1

    def forget(self) -> None:
        self._deployed.ask("state", "put", "exercises/brief", "1")
        self._deployed.ask("state", "delete", "exercises/brief", "--yes")
        self._deployed.ask("state", "get", "exercises/brief", exits=1)

    def find_what_is_deployed(self) -> None:
        elsewhere = self._folder / self._day()
        elsewhere.mkdir()
        done = self._deployed.run("state", "list", at=elsewhere)
        assert done.returncode == 0, done.stderr

    def change_a_waiting_job(self) -> None:
        job = self._waiting_job()
        assert self._deployed.ask("jobs", "priority", job, "77")["priority"] == 77
        assert self._deployed.ask("jobs", "cancel", job)["status"] in {"Cancelled", "Cancelling"}
        assert job in self._deployed.run("jobs", "list").stdout

    def let_s3_list_objects(self) -> None:
        assert self._over("verify", "--prefix", "photographs/a", "--suffix", ".jpg") == [("succeeded", "")]

    def measure_a_sample(self) -> None:
        priced = self._deployed.ask(
            "jobs", "estimate", "verify", "--keys", "-", "--sample", "1", given="photographs/d.jpg\n"
        )
        assert "measured on 1 objects" in priced["assumed"]

    def submit_a_manifest(self) -> None:
        body = f"{self._lake},photographs/d.jpg\n".encode()
        self._s3.put_object(Bucket=self._reports, Key="manifests/mine.csv", Body=body)
        chosen = ("--manifest", f"s3://{self._reports}/manifests/mine.csv")
        assert self._deployed.ask("jobs", "submit", "verify", *chosen, "--yes")["objects"] == 1

    def give_up_a_long_manifest(self) -> None:
        """Which was begun in parts when its last line turned out to be of another bucket."""
        lines = "".join(f"photographs/{n:0200}.jpg\n" for n in range(60_000)) + "another-bucket\tkey\n"
        done = self._deployed.run("jobs", "submit", "verify", "--keys", "-", "--yes", given=lines)
        assert done.returncode == 2, done.stderr
        left = self._s3.list_multipart_uploads(Bucket=self._reports).get("Uploads", [])
        assert not left, "the upload was not aborted"

    # Pieces

    def _day(self) -> str:
        return next(self._days).isoformat()

    def _serve(self, url: str) -> None:
        self._deployed.serve("demo", url)

    def _here(self, *arguments: str, url: str) -> Any:
        environment = {**self._deployed.environment, "BRIGADE_BASE_URL": url}
        done = replace(self._deployed, environment=environment).run("--json", "ingest", *arguments)
        assert done.returncode in (0, 3), done.stderr
        return json.loads(done.stdout)

    def _ingest(self, url: str, day: str) -> Any:
        """Invoke the function once; the answer, or the error that it raised."""
        self._serve(url)
        event = json.dumps({"date": day})
        answer = self._lambda.invoke(FunctionName="brigade-dev-ingest-demo", Payload=event)
        return json.load(answer["Payload"])

    def _published(self, url: str, day: str) -> Any:
        answer = self._ingest(url, day)
        assert answer.get("outcome") == "published", answer
        return answer

    def _keys(self, bucket: str, prefix: str) -> list[str]:
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def _uploads(self, prefix: str) -> list[str]:
        listed = self._s3.list_multipart_uploads(Bucket=self._lake, Prefix=prefix)
        return [upload["Key"] for upload in listed.get("Uploads", [])]

    def _put(self, key: str, content: bytes = b"content") -> None:
        self._s3.put_object(Bucket=self._lake, Key=key, Body=content, Tagging="team=a")

    def _recompress(self, stem: str, old: str, new: str, over: Callable[..., Any] | None = None) -> None:
        self._s3.delete_object(Bucket=self._lake, Key=f"{stem}.{new}")
        self._put(f"{stem}.{old}", gzip.compress(b"content") if old == "gz" else zstd.compress(b"content"))
        assert (over or self._job)("recompress", f"{stem}.{old}", f"to={new}") == [("succeeded", "")]
        assert self._keys(self._lake, stem) == [f"{stem}.{new}"]

    def _to_parquet(self, key: str, content: bytes, over: Callable[..., Any]) -> None:
        self._put(key, content)
        made = key.partition(".jsonl")[0] + ".parquet"
        self._s3.delete_object(Bucket=self._lake, Key=made)
        assert over("to_parquet", key) == [("succeeded", "")]
        assert self._keys(self._lake, made)

    def _job(self, operation: str, key: str, *arguments: str) -> list[tuple[str, str]]:
        return self._over(operation, "--keys", "-", *_arguments(arguments), given=f"{key}\n")

    def _job_over_version(self, operation: str, key: str, *arguments: str) -> list[tuple[str, str]]:
        version = self._s3.head_object(Bucket=self._lake, Key=key)["VersionId"]
        body = f"{self._lake},{quote(key)},{version}\n".encode()
        self._s3.put_object(Bucket=self._reports, Key="manifests/versions.csv", Body=body)
        return self._over(
            operation, "--manifest", f"s3://{self._reports}/manifests/versions.csv", *_arguments(arguments)
        )

    def _over(self, operation: str, *selection: str, given: str | None = None) -> list[tuple[str, str]]:
        """Submit, watch and read the report, as a person does: the status and the kind of error of each task."""
        submitted = self._deployed.ask("jobs", "submit", operation, *selection, "--yes", given=given)["id"]
        self._deployed.run("jobs", "watch", submitted)
        report = self._deployed.run("jobs", "report", submitted, "--format", "jsonl")
        rows = [json.loads(line) for line in report.stdout.splitlines()]
        assert rows, report.stderr
        return [(row["status"], "" if row["status"] == "succeeded" else row["message"].split(":")[0]) for row in rows]

    def _waiting_job(self) -> str:
        """A job that somebody made to wait for a confirmation."""
        body = f"{self._lake},photographs/d.jpg\n".encode()
        etag = self._s3.put_object(Bucket=self._reports, Key="manifests/waiting.csv", Body=body)["ETag"]
        control = self._deployed.emulator.root("s3control")
        job: str = control.create_job(
            AccountId="000000000000",
            ConfirmationRequired=True,
            Operation={"LambdaInvoke": {"FunctionArn": self._deployed.outputs["OperationVerify"]}},
            Manifest={
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": f"arn:aws:s3:::{self._reports}/manifests/waiting.csv", "ETag": etag},
            },
            Report={"Enabled": False},
            Priority=1,
            RoleArn=self._deployed.outputs["JobRoleArn"],
        )["JobId"]
        where = {"AccountId": "000000000000", "JobId": job}
        _soon(lambda: control.describe_job(**where)["Job"]["Status"] == "Suspended", "it does not wait")
        return job

    @contextmanager
    def _queued(self) -> Iterator[None]:
        """What the block does leaves a message in the dead-letter queue of the demo source."""
        sqs = self._deployed.emulator.root("sqs")
        queue = sqs.get_queue_url(QueueName="brigade-dev-ingest-demo-failures")["QueueUrl"]
        sqs.purge_queue(QueueUrl=queue)
        yield
        _soon(lambda: "Messages" in sqs.receive_message(QueueUrl=queue), "no message is in the queue")

    @contextmanager
    def _due(self) -> Iterator[None]:
        """A schedule like that of the demo source, with its target and its role, is due now."""
        schedules, group = self._deployed.emulator.root("scheduler"), "brigade-dev"
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


def _arguments(arguments: tuple[str, ...]) -> list[str]:
    return [text for argument in arguments for text in ("--argument", argument)]


def _photograph() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "JPEG")
    return buffer.getvalue()


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


@contextmanager
def _logged(deployed: Deployment, function: str) -> Iterator[None]:
    """What the block does appears in the function's log group, in a stream of its own."""
    logs = deployed.emulator.root("logs")
    settings = deployed.emulator.root("lambda").get_function_configuration(FunctionName=function)
    group = settings["LoggingConfig"]["LogGroup"]

    def lines() -> int:
        return sum(len(page["events"]) for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group))

    before = lines()
    yield
    _soon(lambda: lines() > before, f"nothing was logged to {group}")


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _running(athena: Any) -> list[str]:
    found = athena.list_query_executions(WorkGroup="brigade-dev")["QueryExecutionIds"]
    asked = [athena.get_query_execution(QueryExecutionId=query)["QueryExecution"] for query in found[:5]]
    return [query["QueryExecutionId"] for query in asked if query["Status"]["State"] in {"QUEUED", "RUNNING"}]


def _soon(holds: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)
