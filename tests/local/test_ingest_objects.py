"""Runs that make several objects: by a date of the records, by a number of them, by bytes; each published once."""

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.ingest.declare.source import Objects
from brigade.ingest.state.receipt import PublishedObject
from brigade.ingest.state.run_result import RunResult
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.faults import Faulty, lost, own_412
from tests.local.ingests import MIB, Lake, lake_of, wide
from tests.unit.ingest.api import paged, serving

BY_DAY = Objects(date_field="day")
FOLDER = "numbers/date="


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


def dated(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Wide records of five days, the run's own among them."""
    return [
        {**record, "day": f"2026-11-{18 + number % 5}T0{number % 10}:00:00Z"}
        for number, record in enumerate(wide(count, seed=seed))
    ]


def check(lake: Lake, pages: list[list[dict[str, Any]]]) -> tuple[PublishedObject, ...]:
    """See that each day has its records, in order, and that the receipt says the truth of each object."""
    records = [record for page in pages for record in page]
    objects = lake.receipt().objects
    assert sorted(each.key for each in objects) == lake.keys(lake.lake)
    for day in {record["day"][:10] for record in records}:
        keys = [each.key for each in objects if f"date={day}/" in each.key]
        rows = [row for key in keys for row in lake.rows_of(key)]
        assert [row["id"] for row in rows] == [record["id"] for record in records if record["day"][:10] == day]
        assert {row["ingest_date"] for row in rows} == {"2026-11-22"}
    for each in objects:
        body = lake.s3.get_object(Bucket=lake.lake, Key=each.key)["Body"].read()
        plain = gzip.decompress(body)
        assert (each.bytes, each.records, each.plain_bytes) == (len(body), plain.count(b"\n"), len(plain))
        assert each.sha256 == hashlib.sha256(body).hexdigest()
        assert each.plain_sha256 == hashlib.sha256(plain).hexdigest()
        assert lake.metadata(each.key)["brigade-records"] == str(each.records)
    versions = lake.s3.list_object_versions(Bucket=lake.lake)["Versions"]
    assert len(versions) == len(objects), "an object was written twice"
    assert lake.keys(lake.state) == [lake.target.receipt], "a checkpoint or a stage is left"
    assert lake.open_uploads() == []
    return objects


def test_records_go_to_the_object_of_their_date_and_stages_go(lake: Lake) -> None:
    pages = [dated(45, seed=number) for number in range(8)]
    with serving(paged(pages)) as server:
        outcome = lake.run(server, objects=BY_DAY)
    objects = check(lake, pages)
    assert [each.key for each in objects] == [
        *(f"{FOLDER}2026-11-{day}/numbers.2026-11-22.jsonl.gz" for day in range(18, 22)),
        f"{FOLDER}2026-11-22/numbers.jsonl.gz",
    ]
    assert (outcome.outcome, outcome.records, outcome.objects, outcome.sha256) == ("published", 360, 5, None)
    assert outcome.object == f"s3://{lake.lake}/numbers/"
    assert outcome.bytes == sum(each.bytes for each in objects)
    assert lake.metadata(objects[0].key)["brigade-sha256"] == objects[0].plain_sha256
    with serving(paged(pages)) as server:
        assert lake.run(server, objects=BY_DAY).outcome == "already_published"
        assert server.queries == []


def test_an_object_of_more_than_one_put_is_in_parts(lake: Lake) -> None:
    pages = [[{**record, "day": "2026-11-22"} for record in wide(90, seed=number)] for number in range(4)]
    with serving(paged(pages)) as server:
        lake.run(server, objects=BY_DAY)
    (only,) = check(lake, pages)
    assert "-" in only.etag
    assert "brigade-sha256" not in lake.metadata(only.key)


def test_no_object_has_more_records_than_are_allowed(lake: Lake) -> None:
    pages = [[{"id": number, "day": "2026-11-22"} for number in range(at, at + 10)] for at in range(0, 30, 10)]
    with serving(paged(pages)) as server:
        lake.run(server, objects=Objects(records=12))
    objects = check(lake, pages)
    assert [(each.key.rpartition("/")[2], each.records) for each in objects] == [
        ("numbers.jsonl.gz", 12),
        ("numbers.00002.jsonl.gz", 12),
        ("numbers.00003.jsonl.gz", 6),
    ]


def test_an_object_that_has_its_bytes_is_followed_by_the_next(lake: Lake) -> None:
    pages = [[{**record, "day": "2026-11-22"} for record in wide(60, seed=number)] for number in range(8)]
    with serving(paged(pages)) as server:
        lake.run(server, objects=Objects(bytes=6 * MIB))
    objects = check(lake, pages)
    assert len(objects) >= 2
    assert all(6 * MIB <= each.bytes < 16 * MIB for each in objects[:-1])


def test_no_records_are_no_object_but_a_receipt(lake: Lake) -> None:
    with serving(paged([[]])) as server:
        assert lake.run(server, objects=BY_DAY).outcome == "published"
        assert lake.run(server, objects=BY_DAY).outcome == "already_published"
    assert lake.keys(lake.lake) == []
    assert lake.receipt().objects == ()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"id": 1}, r"page 3 .*: a record has no date in day"),
        ({"day": None}, "has no date in day"),
        ({"day": 20261122}, "has no date in day"),
        ({"day": "2026-02-30"}, "has no date in day"),
        ({"day": "../../x"}, "has no date in day"),
        ({"day": "2026-11-17"}, "the records are of more than 5 dates; raise objects.dates"),
    ],
)
def test_a_guard_publishes_nothing_and_leaves_no_stage(lake: Lake, record: dict[str, Any], said: str) -> None:
    pages = [dated(90), dated(90), [record]]
    with serving(paged(pages)) as server, pytest.raises(InvalidData, match=said):
        lake.run(server, objects=Objects(date_field="day", dates=5))
    assert lake.nothing_is_published_or_left()


def test_out_of_time_it_goes_on_page_by_page_and_object_by_object(lake: Lake) -> None:
    pages = [dated(25, seed=number) for number in range(3)]
    outcomes: list[RunResult] = []
    with serving(paged(pages)) as server:
        while not outcomes or outcomes[-1].outcome == "more":
            outcomes.append(lake.run(server, objects=BY_DAY, remaining=lambda: 1.0))
        assert len(server.queries) == 3
    check(lake, pages)
    assert len(outcomes) == 3 + 5
    assert lake.receipt().invocations == 3


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("complete_multipart_upload", lost),
        ("complete_multipart_upload", own_412),
        ("put_object", lost),
        ("put_object", own_412),
    ],
)
def test_a_lost_reply_publishes_nothing_twice(lake: Lake, operation: str, fault: Callable[..., Any]) -> None:
    pages = [dated(90, seed=number) for number in range(3)]
    pages.append([{**record, "day": "2026-11-22"} for record in wide(160, seed=9)])
    with serving(paged(pages)) as server:
        client = Faulty(lake.s3, operation, *[fault] * 6)
        for _ in range(8):
            try:
                if lake.run(server, s3=client, objects=BY_DAY).outcome != "more":
                    break
            except RetryLater:
                continue
    check(lake, pages)


@pytest.mark.parametrize("nth", range(1, 15))
def test_a_run_that_is_killed_at_any_write_is_finished_by_the_next(lake: Lake, nth: int) -> None:
    """They are: the lease, a stage, the checkpoint, then an object and the checkpoint in turn, then the receipt."""
    pages = [dated(10, seed=number) for number in range(2)]

    def killed(call: Callable[[], Any]) -> Any:
        call()
        raise KeyboardInterrupt

    def passed(call: Callable[[], Any]) -> Any:
        return call()

    client = Faulty(lake.s3, "put_object", *[passed] * (nth - 1), killed)
    with serving(paged(pages)) as server:
        with pytest.raises(KeyboardInterrupt):
            lake.run(server, s3=client, objects=BY_DAY, holder="execution")
        assert lake.run(server, objects=BY_DAY, holder="execution").outcome in {"published", "already_published"}
    check(lake, pages)


def test_a_key_that_something_else_took_is_not_overwritten(lake: Lake) -> None:
    theirs = f"{FOLDER}2026-11-20/numbers.2026-11-22.jsonl.gz"
    lake.s3.put_object(Bucket=lake.lake, Key=theirs, Body=b"theirs")
    with serving(paged([dated(5)])) as server:
        with pytest.raises(ConditionLost, match=f"{theirs} exists already"):
            lake.run(server, objects=BY_DAY)
        assert lake.s3.get_object(Bucket=lake.lake, Key=theirs)["Body"].read() == b"theirs"
        lake.s3.delete_object(Bucket=lake.lake, Key=theirs)
        assert lake.run(server, objects=BY_DAY).outcome == "published"
        assert len(server.queries) == 1


def test_memory_is_a_few_stages_however_many_days_are_open(lake: Lake, emulator: Emulator) -> None:
    measured = subprocess.run(
        [
            *(sys.executable, "-m", "tests.local.ingest_process"),
            *(emulator.endpoint, lake.lake, lake.state, f"40x{4 * MIB}", "day"),
        ],
        cwd=REPOSITORY,
        env=emulator.environment("root"),
        capture_output=True,
        text=True,
        check=True,
    )
    kind, peak = measured.stdout.split()
    assert kind == "published"
    assert len(lake.receipt().objects) == 40
    # 8 MiB of lines, two stages of 5 MiB with a page's gzip more, the page twice, its text when this API makes it.
    assert float(peak) < 8 + 2 * (5 + 2) + 2 * 4 + 2 * 4 + 16, json.dumps(peak)
