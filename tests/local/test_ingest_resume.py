"""Ingests that stop, fail or are killed on the way, and the next that goes on; and what memory they take."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from brigade.errors import RetryLater
from brigade.ingest.state.run_result import RunResult
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.faults import Faulty, lost, own_412
from tests.local.ingests import MIB, Lake, lake_of, wide
from tests.unit.ingest.api import Answer, paged, serving


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


def test_out_of_time_it_stops_with_all_durable_and_goes_on_in_the_next(lake: Lake) -> None:
    pages = [wide(20, seed=number) for number in range(8)]
    outcomes: list[RunResult] = []
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
    assert "-" not in (lake.receipt().etag or "")


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
        assert checkpoint.pages > 0  # how many were durable by then is the machine's affair
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
