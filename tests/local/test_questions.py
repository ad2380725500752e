"""A question changes nothing: each one is asked, and all that the account holds is compared before and after."""

import json
import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests import command
from tests.local.conftest import running
from tests.local.deployment import Deployment, deploy
from tests.local.jobs import finished
from tests.local.snapshots import changes, settled
from tests.unit.commands import ASKS, QUESTIONS

DAY, CUT = "2026-11-20", "2026-11-19"
"""A date that is published, and one whose run was cut off."""
SECRET = "questions"
MORE = {"ingest run", "ingest invoke", "jobs run", "pipe to", "pipe join", "pipe uploads"}
"""Commands that act, which have a form that is a question: --dry-run, or an act that asks first."""


@dataclass
class World:
    """A deployed stage with something of everything in it, and the last snapshot of it."""

    deployed: Deployment
    names: dict[str, str]
    environment: dict[str, str]
    last: dict[str, Any] = field(default_factory=dict)

    def ask(self, line: str, *, given: str = "", answer: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command line with this world's names filled in; `answer` is typed at a terminal."""
        words = ["--stage", self.deployed.stage, *(word.format(**self.names) for word in line.split())]
        if answer is None:
            return command.run(words, environment=self.environment, stdin=given)
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answer.encode())
            return command.run(words, environment=self.environment, stdin=theirs)
        finally:
            os.close(ours)
            os.close(theirs)

    def changes(self) -> list[str]:
        """Return what has changed in the account since the last call, once it is quiet."""
        before, self.last = self.last, settled(self.deployed.emulator, quiet_s=0.5)
        return changes(before, self.last)


@contextmanager
def api() -> Iterator[str]:
    """An API with one page of two records."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"rows": [{"id": 1}, {"id": 2}], "next": null}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stage on an AWS of its own. The whole account is compared, and other tests leave any key in theirs."""
    with running(tmp_path_factory.mktemp("questions")) as emulator:
        yield deploy(emulator)


@pytest.fixture(scope="module")
def world(deployed: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    declared = deployed.dated("demo", tmp_path_factory.mktemp("declared"))  # a backfill needs a date in the request
    emulator, lake = deployed.emulator, deployed.outputs["LakeBucket"]
    s3 = emulator.root("s3")
    for number in range(3):
        s3.put_object(Bucket=lake, Key=f"questions/{number}.txt", Body=b"only copy", Tagging="a=b")
    upload = s3.create_multipart_upload(Bucket=lake, Key="questions/unfinished")["UploadId"]
    s3.upload_part(Bucket=lake, Key="questions/unfinished", UploadId=upload, PartNumber=1, Body=b"x")
    beside = "questions-beside"
    s3.create_bucket(Bucket=beside)
    queue = emulator.root("sqs").create_queue(QueueName="questions")["QueueUrl"]
    database = {"engine": "postgres", "username": "u", "password": "p", "host": "127.0.0.1", "port": 1, "dbname": "d"}
    emulator.root("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(database))
    with api() as url:
        environment = {**emulator.environment("root"), "BRIGADE_BASE_URL": url}
        environment["PYTHONPATH"] = declared.environment["PYTHONPATH"]
        names = {"lake": lake, "beside": beside, "queue": queue, "day": DAY, "cut": CUT, "secret": SECRET}
        made = World(deployed, names, environment)
        assert made.ask("ingest run demo --date {day}").returncode == 0
        assert made.ask("pipe to s3://{lake}/segments --segments", given="only copy").returncode == 0
        lease = json.dumps({"lease": {"holder": "h", "epoch": 1, "seconds": 60.0}})
        state = deployed.outputs["StateBucket"]
        s3.put_object(Bucket=state, Key="questions.json", Body=lease.encode())
        checkpoint = json.dumps({"write": "w", "ts": f"{CUT}T05:30:00.000Z", "pages": 1, "lease": {"epoch": 1}})
        s3.put_object(Bucket=state, Key=f"ingest/demo/{CUT}.json", Body=checkpoint.encode())
        names["job"] = finished(deployed, "verify", "--keys", "-", given="questions/0.txt\nquestions/gone\n", exits=1)
        deployed.ask("local", "deliver-inventory", lake)
        deliveries = deployed.ask("inventory", "deliveries")
        names["delivery"] = (deliveries if isinstance(deliveries, dict) else deliveries[-1])["manifest"]
        made.last = settled(emulator)
        yield made
    s3.abort_multipart_upload(Bucket=lake, Key="questions/unfinished", UploadId=upload)


OVER = "--where key<'questions/2'"
CASES = [
    "ingest list",
    "ingest check demo",
    "ingest show demo --date {day}",
    "ingest run demo --dry-run",
    "ingest run demo --to -",
    "ingest run demo --date {day} --replace",
    "ingest invoke demo --date {day} --replace",
    "ingest backfill demo --from {day} --to 2026-11-21",
    "ingest reset demo --date {cut}",
    "inventory deliveries",
    "inventory rows",
    "inventory diff {delivery}",
    "inventory sql SELECT/**/count(*)/**/FROM/**/inventory",
    "inventory sql SELECT/**/count(*)/**/FROM/**/inventory --engine athena",
    "inventory questions",
    "inventory ask by-storage-class",
    "inventory ask by-storage-class --engine athena",
    "inventory enable {beside}",
    "inventory enable {beside} --dry-run",
    "inventory disable {beside}",
    "inventory to-queue {queue}",
    "inventory to-queue {queue} --dry-run",
    "jobs operations",
    "jobs list",
    "jobs show {job}",
    "jobs watch {job}",
    "jobs report {job}",
    "jobs report {job} --format csv",
    "jobs estimate verify --keys -",
    f"jobs estimate verify {OVER}",
    f"jobs estimate verify {OVER} --engine athena",
    "jobs estimate verify --keys - --sample 2",
    "jobs estimate forget --keys - --argument mode=delete",
    "jobs estimate forget --keys - --argument mode=delete --sample 2",
    "jobs estimate forget --keys - --argument mode=delete --sample 2 --yes",
    "jobs estimate forget --keys - --argument mode=delete --sample 2 --allow-changes",
    "jobs run verify s3://{lake}/questions/0.txt",
    "jobs run forget s3://{lake}/questions/0.txt",
    "jobs submit forget --keys - --argument mode=delete",
    "jobs submit verify --inventory latest",
    "jobs submit verify --inventory {delivery} --dry-run",
    "jobs submit verify --prefix questions/",
    "jobs submit verify --prefix questions/ --dry-run",
    f"jobs submit verify {OVER}",
    f"jobs submit verify {OVER} --engine athena",
    f"jobs submit verify {OVER} --engine athena --dry-run",
    "jobs submit s3:tag --keys - --argument a=b",
    "jobs submit verify --keys - --dry-run",
    "jobs retry {job} --all",
    "jobs retry {job} --all --dry-run",
    "jobs confirm {job}",
    "pipe from s3://{lake}/questions/0.txt",
    "pipe to s3://{lake}/questions/new --dry-run",
    "pipe uploads s3://{lake}/questions/",
    "pipe uploads s3://{lake}/questions/ --abort",
    "pipe uploads s3://{lake}/questions/ --abort --dry-run",
    "pipe join s3://{lake}/segments s3://{lake}/questions/joined --dry-run",
    "state list",
    "state get questions.json",
    "state history questions.json",
    "state delete questions.json",
    "state unlock questions.json",
    "database uri {secret}",
    "database uri {secret} --mask",
    "local status",
    "local env",
    "local reset",
]
REFUSED = {"inventory disable {beside}"}
"""A question about what is not there: exit 1."""
TASK_FAILED = {"jobs watch {job}", "jobs report {job}", "jobs report {job} --format csv"}
"""They exit 1 because a task of the job failed."""


DECLINED = [
    f"jobs submit verify {OVER}",
    f"jobs submit verify {OVER} --engine athena",
    "jobs submit verify --prefix questions/",
    "jobs submit verify --inventory {delivery}",
    "jobs retry {job} --all",
    f"jobs estimate forget {OVER} --sample 2 --allow-changes",
    "inventory enable {beside}",
    "inventory to-queue {queue}",
    "ingest backfill demo --from {day} --to 2026-11-21",
    "ingest reset demo --date {cut}",
    "state delete questions.json",
    "state unlock questions.json",
    "pipe uploads s3://{lake}/questions/ --abort",
]
"""Acts that ask: each one is declined."""


def asks(case: str) -> bool:
    """Return whether the command changes something and must refuse: no terminal to ask, and no `--yes`."""
    group, command, *options = case.split()
    if "--dry-run" in options or case in REFUSED:
        return False
    name = f"{group} {command}"
    return name in ASKS or (not {"--replace", "--abort", "--sample"}.isdisjoint(options) and "verify" not in options)


@pytest.mark.parametrize("group", sorted({case.split()[0] for case in CASES}))
def test_a_question_changes_nothing(world: World, group: str) -> None:
    """Athena's results are the one effect: they lie under `queries/`, where a rule of the bucket removes them."""
    cases = [case for case in CASES if case.split()[0] == group]
    for case in cases:
        done = world.ask(case, given="questions/0.txt\nquestions/1.txt\n")
        said = f"{case}: {done.stderr}{done.stdout}"
        assert done.returncode == (2 if asks(case) else int(case in REFUSED | TASK_FAILED)), said
        if asks(case):  # and is not refused for another reason
            assert "--yes" in done.stderr or "--allow-changes" in done.stderr, said
    assert world.changes() == [], cases


@pytest.mark.parametrize("group", sorted({case.split()[0] for case in DECLINED}))
def test_what_is_declined_at_a_terminal_changes_nothing(world: World, group: str) -> None:
    cases = [case for case in DECLINED if case.split()[0] == group]
    for case in cases:
        done = world.ask(case, answer="n\n")
        assert done.returncode == 1, f"{case}: {done.stderr}{done.stdout}"
        assert "[y/N]" in done.stderr, case
    assert world.changes() == [], cases


def test_every_command_that_is_or_has_a_question_is_asked_here() -> None:
    asked = {" ".join(case.split()[:2]) for case in CASES}
    assert asked == QUESTIONS | ASKS | MORE
