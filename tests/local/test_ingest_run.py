"""Ingests of a real HTTP server into the S3 of the local AWS: published once, whole, resumed, or not at all."""

import gzip
import hashlib
import json
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from brigade.errors import ConditionLost, InvalidData, NotFound, RetryLater
from brigade.ingest.checkpoint import Checkpoint, Receipt
from brigade.ingest.outcome import Outcome
from brigade.ingest.run import Run
from brigade.ingest.target import Target
from brigade.state import State
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.faults import Faulty, lost, own_412
from tests.unit.ingest.api import Answer, Server, api, page, paged, serving, source

MIB = 1024 * 1024
PART = 5 * MIB


@dataclass
class Lake:
    """Two buckets of this test's own."""

    s3: Any
    lake: str = field(default_factory=lambda: f"lake-{uuid.uuid4().hex[:12]}")
    state: str = field(default_factory=lambda: f"state-{uuid.uuid4().hex[:12]}")

    @property
    def target(self) -> Target:
        return Target("numbers", "2026-11-22", self.lake, self.state)

    def run(self, server: Server, *, remaining: Callable[[], float] = lambda: 900.0, **changes: Any) -> Outcome:
        said: list[str] = changes.pop("said", [])
        s3 = changes.pop("s3", self.s3)
        declared = source(**changes)
        return Run(
            source=declared,
            target=self.target,
            api=api(server, declared, remaining()),
            s3=s3,
            remaining=remaining,
            say=said.append,
            part_bytes=PART,
        )()

    def body(self) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.lake, Key=self.target.key)["Body"].read()
        return body

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in gzip.decompress(self.body()).splitlines()]

    def keys(self, bucket: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def open_uploads(self) -> list[Any]:
        uploads: list[Any] = self.s3.list_multipart_uploads(Bucket=self.lake).get("Uploads", [])
        return uploads

    def checkpoint(self) -> Checkpoint | None:
        entry = State(self.s3, self.state).get(self.target.checkpoint, Checkpoint)
        return entry.value if entry else None

    def receipt(self) -> Receipt:
        entry = State(self.s3, self.state).get(self.target.receipt, Receipt)
        assert entry
        return entry.value

    def nothing_is_published_or_left(self) -> bool:
        return not self.keys(self.lake) and not self.keys(self.state) and not self.open_uploads()


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    made = Lake(emulator.root("s3"))
    made.s3.create_bucket(Bucket=made.lake)
    made.s3.create_bucket(Bucket=made.state)
    made.s3.put_bucket_versioning(Bucket=made.lake, VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.s3.close()


def wide(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Records that barely compress, 64 KiB of text each."""
    chance = random.Random(seed)
    return [{"id": f"{seed}-{number}", "noise": chance.randbytes(32 * 1024).hex()} for number in range(count)]


def test_pages_become_one_object_with_every_record_stamped(lake: Lake) -> None:
    pages = [[{"n": 1}, {"n": 2}], [], [{"n": 3}]]
    with serving(paged(pages)) as server:
        outcome = lake.run(server)
    assert (outcome.outcome, outcome.records, outcome.pages) == ("published", 3, 3)
    rows = lake.rows()
    assert [row["n"] for row in rows] == [1, 2, 3]
    assert {row["ingest_date"] for row in rows} == {"2026-11-22"}
    assert {row["ingest_ts"] for row in rows} == {lake.receipt().ingest_ts}
    assert outcome.bytes == len(lake.body())
    assert outcome.sha256 == hashlib.sha256(lake.body()).hexdigest() == lake.receipt().sha256
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_a_second_run_finds_the_object_and_asks_the_api_nothing(lake: Lake) -> None:
    with serving(paged([[{"n": 1}]])) as server:
        first = lake.run(server)
        second = lake.run(server)
    assert second.outcome == "already_published"
    assert (second.sha256, second.records) == (first.sha256, 1)
    assert len(server.queries) == 1


def test_no_records_at_all_are_an_empty_gzip_file(lake: Lake) -> None:
    with serving(paged([[]])) as server:
        assert lake.run(server).records == 0
    assert lake.body()
    assert lake.rows() == []


def test_more_than_a_part_is_uploaded_in_parts_and_leaves_nothing(lake: Lake) -> None:
    pages = [wide(60, seed=number) for number in range(6)]
    with serving(paged(pages)) as server:
        outcome = lake.run(server)
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert outcome.sha256 == hashlib.sha256(lake.body()).hexdigest()
    assert "-" in lake.receipt().etag
    assert lake.keys(lake.state) == [lake.target.receipt]
    assert lake.open_uploads() == []


def circle(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number), {"": "a", "a": "b", "b": "a"}[query.get("after", "")])


def endless(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number), str(number))


def broken_late(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number), str(number)) if number < 4 else Answer(b"<html>busy</html>")


def no_object(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number) if number < 4 else [{}, 7], str(number))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (circle, r"page 3 .*circle"),
        (endless, r"page 5 .*the limit of 5 pages is reached"),
        (broken_late, r"page 4 .*JSON is malformed.*<html>busy"),
        (no_object, r"page 4 .*record 2: it must be an object, not 7"),
    ],
)
def test_a_guard_publishes_nothing_and_leaves_nothing(
    lake: Lake, answer: Callable[[int, dict[str, str]], Answer], said: str
) -> None:
    """Each fails after parts were uploaded."""
    with serving(answer) as server, pytest.raises(InvalidData, match=said):
        lake.run(server, page_limit=5)
    assert lake.nothing_is_published_or_left()


def test_out_of_time_it_stops_with_all_durable_and_goes_on_in_the_next(lake: Lake) -> None:
    pages = [wide(20, seed=number) for number in range(8)]
    outcomes: list[Outcome] = []
    with serving(paged(pages)) as server:
        while not outcomes or outcomes[-1].outcome == "more":
            outcomes.append(lake.run(server, remaining=lambda: 1.0))
            assert bool(lake.keys(lake.lake)) == (outcomes[-1].outcome == "published")
    assert [outcome.pages for outcome in outcomes] == list(range(1, 9))
    assert [query.get("after", "0") for query in server.queries] == [str(number) for number in range(8)]
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert {row["ingest_ts"] for row in lake.rows()} == {lake.receipt().ingest_ts}
    assert outcomes[-1].sha256 == hashlib.sha256(lake.body()).hexdigest()
    assert outcomes[-1].bytes == len(lake.body())
    assert lake.receipt().invocations == 8
    assert lake.open_uploads() == []
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_small_pages_over_several_invocations_are_one_put(lake: Lake) -> None:
    with serving(paged([[{"n": 1}], [{"n": 2}], [{"n": 3}]])) as server:
        assert lake.run(server, remaining=lambda: 1.0).outcome == "more"
        assert lake.run(server).outcome == "published"
    assert [row["n"] for row in lake.rows()] == [1, 2, 3]
    assert "-" not in lake.receipt().etag


def test_an_api_that_fails_for_a_while_is_gone_on_with(lake: Lake) -> None:
    pages = [wide(60, seed=number) for number in range(4)]
    ill = [True]

    def answer(number: int, query: dict[str, str]) -> Answer:
        if query.get("after") == "3" and ill[0]:
            return Answer(b"", 429, {"Retry-After": "100000"})
        return paged(pages)(number, query)

    with serving(answer) as server:
        with pytest.raises(RetryLater, match="asks to wait"):
            lake.run(server)
        assert lake.keys(lake.lake) == []
        ill[0] = False
        assert lake.run(server).outcome == "published"
    assert [query.get("after", "0") for query in server.queries] == ["0", "1", "2", "3", "3"]
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]


def test_an_upload_that_s3_dropped_is_started_again_and_said(lake: Lake) -> None:
    pages = [wide(90, seed=number) for number in range(4)]
    said: list[str] = []
    with serving(paged(pages)) as server:
        while not (checkpoint := lake.checkpoint()) or not checkpoint.upload:
            assert lake.run(server, remaining=lambda: 1.0).outcome == "more"
        lake.s3.abort_multipart_upload(Bucket=lake.lake, Key=lake.target.key, UploadId=checkpoint.upload)
        assert lake.run(server, said=said).outcome == "published"
    assert any("no longer has the upload; starting again from the first page" in line for line in said)
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert lake.open_uploads() == []


@pytest.mark.parametrize("large", [False, True])
def test_a_date_that_another_run_published_meanwhile_is_already_published(lake: Lake, large: bool) -> None:
    pages = [wide(90, seed=number) for number in range(3)] if large else [[{"n": 1}], [{"n": 2}]]

    def answer(number: int, query: dict[str, str]) -> Answer:
        if query.get("after") == str(len(pages) - 1):
            lake.s3.put_object(Bucket=lake.lake, Key=lake.target.key, Body=b"theirs")
        return paged(pages)(number, query)

    with serving(answer) as server:
        outcome = lake.run(server)
    assert (outcome.outcome, outcome.bytes, outcome.sha256) == ("already_published", 6, None)
    assert lake.body() == b"theirs"
    assert lake.open_uploads() == []
    assert lake.keys(lake.state) == []


def test_of_two_runs_at_once_one_publishes(lake: Lake) -> None:
    pages = [wide(60, seed=number) for number in range(4)]
    ends: list[str] = []
    start = threading.Barrier(2)

    def race() -> None:
        start.wait()
        try:
            ends.append(lake.run(server).outcome)
        except (ConditionLost, NotFound) as error:
            ends.append(type(error).__name__)

    with serving(paged(pages)) as server:
        runs = [threading.Thread(target=race) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert "published" in ends, ends
    assert len(ends) == 2
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert lake.open_uploads() == []
    assert lake.keys(lake.state) == [lake.target.receipt]


@pytest.mark.parametrize(
    ("operation", "fault"),
    [("complete_multipart_upload", lost), ("complete_multipart_upload", own_412), ("upload_part", lost)],
)
def test_a_lost_reply_changes_nothing(lake: Lake, operation: str, fault: Callable[..., Any]) -> None:
    pages = [wide(90, seed=number) for number in range(3)]
    with serving(paged(pages)) as server:
        client = Faulty(lake.s3, operation, fault)
        if operation == "upload_part":
            with pytest.raises(RetryLater):
                lake.run(server, s3=client)
        assert lake.run(server, s3=client).outcome == "published"
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert lake.open_uploads() == []


@pytest.mark.parametrize("after", ["complete_multipart_upload", "receipt"])
def test_a_run_killed_behind_the_publication_is_finished_by_the_next(lake: Lake, after: str) -> None:
    pages = [wide(90, seed=number) for number in range(3)]

    def killed(call: Callable[[], Any]) -> Any:
        call()
        raise KeyboardInterrupt

    client = Faulty(lake.s3, after, killed)
    if after == "receipt":
        client = Faulty(lake.s3, "list_multipart_uploads", killed)
    with serving(paged(pages)) as server:
        with pytest.raises(KeyboardInterrupt):
            lake.run(server, s3=client)
        outcome = lake.run(server)
        assert len(server.queries) == 3
        assert lake.run(server).outcome == "already_published"
    assert (outcome.outcome, outcome.records, outcome.pages) == ("published", 270, 3)
    assert outcome.sha256 == lake.receipt().sha256 == hashlib.sha256(lake.body()).hexdigest()
    assert lake.keys(lake.state) == [lake.target.receipt]


def process(emulator: Emulator, lake: Lake, url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.local.ingest_process", emulator.endpoint, lake.lake, lake.state, url],
        cwd=REPOSITORY,
        env=emulator.environment("root"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_goes_on_from_its_last_durable_part(lake: Lake, emulator: Emulator) -> None:
    pages = [wide(90, seed=number) for number in range(8)]
    killed: list[subprocess.Popen[str]] = []

    def answer(number: int, query: dict[str, str]) -> Answer:
        if number in {4, 9}:
            killed[-1].kill()
        return paged(pages)(number, query)

    with serving(answer) as server:
        for _ in range(2):
            killed.append(process(emulator, lake, server.url))
            killed[-1].communicate()
            assert killed[-1].returncode == -9
            assert lake.keys(lake.lake) == []
        checkpoint = lake.checkpoint()
        assert checkpoint
        assert checkpoint.pages >= 4
        asked = len(server.queries)
        outcome = lake.run(server)
        assert len(server.queries) - asked == 8 - checkpoint.pages
    assert outcome.outcome == "published"
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert {row["ingest_ts"] for row in lake.rows()} == {checkpoint.ts}
    assert outcome.sha256 == hashlib.sha256(lake.body()).hexdigest()
    assert lake.open_uploads() == []


def test_memory_is_parts_and_pages_however_much_comes(lake: Lake, emulator: Emulator) -> None:
    measured = process(emulator, lake, f"40x{4 * MIB}")
    out, talk = measured.communicate()
    assert out.startswith("published"), talk
    # Two parts of 5 MiB, each with at most a page's gzip more, the page twice, its text when this API makes it.
    assert float(out.split()[1]) < 2 * (5 + 2) + 2 * 4 + 2 * 4 + 10
