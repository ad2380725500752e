"""Ingests of a real HTTP server into the S3 of the local AWS: published once and whole, or not at all."""

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from brigade import __version__
from brigade.codec import decompress_members
from brigade.errors import ConditionLost, InvalidData, NotFound, RetryLater
from brigade.ingest.read.reader import PAGE_LIMIT
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.state import State
from tests.local.conftest import Emulator
from tests.local.ingests import Lake, lake_of, wide
from tests.unit.ingest.api import Answer, page, paged, serving


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


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
    assert "-" in (lake.receipt().etag or "")
    assert lake.keys(lake.state) == [lake.target.receipt]
    assert lake.open_uploads() == []


def circle(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number), {"": "a", "a": "b", "b": "a"}[query.get("after", "")])


def endless(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number), str(number))


def broken_late(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number), str(number)) if number < 4 else Answer(b"<html>busy</html>")


def late(body: bytes) -> Callable[[int, dict[str, str]], Answer]:
    """The fourth page is this."""
    return lambda number, _: page(wide(90, seed=number), str(number)) if number < 4 else Answer(body)


def no_object(number: int, query: dict[str, str]) -> Answer:
    return page(wide(90, seed=number) if number < 4 else [{}, 7], str(number))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (circle, r"page 3 .*token of an earlier page"),
        (endless, r"page 5 .*the limit of 5 pages is reached"),
        (broken_late, r"page 4 .*JSON is malformed.*<html>busy"),
        (no_object, r"page 4 .*record 2: it must be an object, not 7"),
        (late(b'{"rows":[{"n":1},{"n":'), r"page 4 .*truncated"),
        (late(b'{"rows":[{"n":"\xff"}]}'), r"page 4 .*byte 15 is not UTF-8"),
        (late(b'{"rows":[{"n":NaN}]}'), r"page 4 .*JSON is malformed"),
        (late(b'{"rows":[{"n":"' + b"x" * (PAGE_LIMIT + 2**20)), r"larger than 67108864 bytes"),
    ],
)
def test_a_guard_publishes_nothing_and_leaves_nothing(
    lake: Lake, answer: Callable[[int, dict[str, str]], Answer], said: str
) -> None:
    """Each fails after parts were uploaded."""
    with serving(answer) as server, pytest.raises(InvalidData, match=said):
        lake.run(server, page_limit=5)
    assert lake.nothing_is_published_or_left()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Answer(b"busy", 500), r"status 500: 'busy'"),
        (Answer(b'{"rows":[', length=999), r"IncompleteRead"),
        (Answer(b"", 429, {"Retry-After": "86400"}), r"asks to wait 86400 s"),
    ],
)
def test_an_api_that_does_not_come_back_publishes_nothing(lake: Lake, fault: Answer, said: str) -> None:
    """The next run continues with the records that were read."""

    def answer(number: int, _: dict[str, str]) -> Answer:
        return page(wide(90, seed=number), str(number)) if number < 4 else fault

    with serving(answer) as server, pytest.raises(RetryLater, match=said) as raised:
        lake.run(server, tries=2)
    assert "\n" not in str(raised.value)
    assert lake.keys(lake.lake) == []
    left = lake.checkpoint()
    assert left
    assert (left.pages, left.lease.holder) == (3, None)


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


def test_what_is_known_when_an_object_is_written_stands_in_its_metadata(lake: Lake) -> None:
    """A multipart upload's metadata is fixed before its first part; the receipt has the rest."""
    with serving(paged([[{"n": 1}], [{"n": 2}]])) as server:
        lake.run(server, remaining=lambda: 1.0, holder="first")
        lake.run(server, holder="second")
    plain = gzip.decompress(lake.body())
    small, receipt = lake.metadata(lake.target.key), lake.receipt()
    assert (small["brigade-run"], small["brigade-records"]) == ("second", "2")
    assert small["brigade-sha256"] == receipt.plain_sha256 == hashlib.sha256(plain).hexdigest()
    assert receipt.runs == ("first", "second")
    assert receipt.plain_bytes == len(plain)


def test_parts_carry_the_run_and_the_receipt_what_is_known_at_the_end(lake: Lake) -> None:
    pages = [wide(90, seed=number) for number in range(3)]
    with serving(paged(pages)) as server:
        lake.run(server, holder="only")
    metadata = lake.metadata(lake.target.key)
    assert {name: metadata.get(name) for name in ("brigade-run", "brigade-receipt", "brigade-sha256")} == {
        "brigade-run": "only",
        "brigade-receipt": f"s3://{lake.state}/{lake.target.receipt}",
        "brigade-sha256": None,
    }
    assert lake.receipt().plain_sha256 == hashlib.sha256(gzip.decompress(lake.body())).hexdigest()


def test_a_receipt_says_what_the_run_spanned_and_how_long_pages_took(lake: Lake) -> None:
    def slow(number: int, query: dict[str, str]) -> Answer:
        if query.get("after") == "1":
            time.sleep(1)
        return paged([[{"n": 1}], [{"n": 2}], [{"n": 3}]])(number, query)

    with serving(slow) as server:
        lake.run(server, remaining=lambda: 1.0)
        lake.run(server)
    receipt = lake.receipt()
    assert (receipt.first, receipt.last) == ("1", "2")
    assert (receipt.times.slowest, receipt.times.slowest_s >= 1) == (2, True)
    assert receipt.times.slowest_s <= receipt.times.total_s <= receipt.seconds + 0.1
    assert (receipt.requests, receipt.retries, receipt.version) == (3, 0, __version__)


def test_a_source_says_where_and_how_it_is_compressed(lake: Lake) -> None:
    with serving(paged([[{"n": number} for number in range(1000)]])) as server:
        outcome = lake.run(server, prefix="raw/apis", compression="zstd", level=9)
    key = "raw/apis/numbers/date=2026-11-22/numbers.jsonl.zst"
    assert outcome.object == f"s3://{lake.lake}/{key}"
    got = lake.s3.get_object(Bucket=lake.lake, Key=key)
    plain = b"".join(decompress_members("zstd", [got["Body"].read()]))
    assert [json.loads(line)["n"] for line in plain.splitlines()] == list(range(1000))
    assert got["ContentType"] == "application/zstd"
    assert lake.receipt().plain_sha256 == hashlib.sha256(plain).hexdigest()
    with serving(paged([[]])) as server:
        assert lake.run(server, prefix="raw/apis", compression="zstd").outcome == "already_published"


def test_what_is_published_is_compared_with_what_was_sent(lake: Lake) -> None:
    """A checkpoint whose parts are not the object's, as if somebody had changed them: no receipt vouches for it."""
    pages = [wide(90, seed=number) for number in range(3)]
    with serving(paged(pages)) as server:
        while not (checkpoint := lake.checkpoint()) or not checkpoint.parts:
            lake.run(server, remaining=lambda: 1.0)
        state = State(lake.s3, lake.state)
        entry = state.get(lake.target.checkpoint, Checkpoint)
        assert entry
        state.put(lake.target.checkpoint, msgspec.structs.replace(entry.value, digest="0" * 64))
        with pytest.raises(InvalidData, match="does not hold the bytes that were sent"):
            lake.run(server)
    assert lake.keys(lake.state) == []
