"""A run by the clock and against rivals, on a lake in memory: when it stops, its lease, what it replaces."""

import gzip
import json
import random
from typing import Any

import pytest

from brigade.errors import ConditionLost, InvalidData
from brigade.ingest.declare.contract import Contract
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.s3 import Absent
from brigade.state import State
from brigade.state.lease import Lease, acquire
from tests.unit.ingest.memory_lake import AtOnce, Clock, MemoryLake, Pages

THREE = [[{"n": 1}], [{"n": 2}], [{"n": 3}]]
THEIRS = b"of another writer"


def wide(number: int) -> list[dict[str, Any]]:
    """Return a page whose compressed bytes leave the compressor before the next page."""
    return [{"n": number, "noise": random.Random(number).randbytes(200_000).hex()}]


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the run and of its writer, which sends each part before it goes on."""
    made = Clock()
    monkeypatch.setattr("brigade.ingest.run.time", made)
    monkeypatch.setattr("brigade.ingest.write.checkpointed_writer.time", made)
    monkeypatch.setattr("brigade.ingest.write.checkpointed_writer.ThreadPoolExecutor", AtOnce)
    return made


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Each page is a part of an upload, however small."""
    monkeypatch.setattr("brigade.ingest.write.single_object.SMALLEST_PART", 1)
    return {"part_bytes": 1}


@pytest.mark.parametrize(
    ("page_s", "part_s", "budget", "pages"),
    [
        # A reserve of 5 s, and twice the slowest page: 25 s.
        ([10.0] * 9, 0.0, 65.0, 5),
        ([10.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 0.0, 37.5, 4),
        # The slowest page and the slowest part, which the page waits for here: 45 s.
        ([0.0] * 9, 10.0, 95.0, 6),
    ],
    ids=["pages", "one slow page", "parts"],
)
def test_a_run_stops_while_twice_its_slowest_page_and_part_still_fit(
    lake: MemoryLake,
    clock: Clock,
    small_parts: dict[str, Any],
    page_s: list[float],
    part_s: float,
    budget: float,
    pages: int,
) -> None:
    clock.budget = budget
    real = lake.s3.upload_part

    def upload_part(**arguments: Any) -> Any:
        clock.sleep(part_s)
        return real(**arguments)

    lake.s3.upload_part = upload_part
    pages_of_source = [wide(number) if part_s else [{"n": number}] for number in range(9)]
    reader = Pages(pages_of_source, lambda number: clock.sleep(page_s[number]))
    result = lake.run(reader, clock, **small_parts)
    assert (result.outcome, result.pages, len(reader.asked)) == ("more", pages, pages)


@pytest.mark.parametrize(("remaining", "seconds"), [(100.0, 130.0), (900.0, 930.0), (86400.0, 3630.0)])
def test_a_lease_outlives_the_invocation_by_30_seconds_and_is_an_hour_at_most(
    lake: MemoryLake, remaining: float, seconds: float
) -> None:
    leases: list[Lease] = []

    def see(_: int) -> None:
        checkpoint = lake.checkpoint()
        assert checkpoint
        leases.append(checkpoint.lease)

    lake.run(Pages(THREE[:1], see), Clock(remaining))
    assert leases == [Lease(1, "one", seconds)]


def test_a_run_that_goes_on_writes_every_record_once_and_grows_the_epoch(lake: MemoryLake) -> None:
    reader = Pages(THREE)
    for pages in (1, 2):
        result = lake.run(reader, Clock(1.0), holder="earlier")
        assert (result.outcome, result.pages) == ("more", pages)
        checkpoint = lake.checkpoint()
        assert checkpoint
        assert checkpoint.lease == Lease(pages)
    result = lake.run(reader)
    assert (result.outcome, result.records, result.pages) == ("published", 3, 3)
    assert reader.asked == [0, 1, 2]
    assert [row["n"] for row in lake.rows()] == [1, 2, 3]
    receipt = lake.receipt()
    assert receipt
    assert (receipt.epoch, receipt.runs) == (3, ("earlier", "one"))
    assert lake.checkpoint() is None


def test_of_two_runs_that_read_the_same_checkpoint_only_one_acquires_the_lease(
    lake: MemoryLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = Checkpoint(write="w", ts="2026-11-22T00:00:00Z", lease=Lease(1, "two", 60.0))

    def late(*arguments: Any, **options: Any) -> Lease:
        monkeypatch.undo()
        lease = acquire(*arguments, **options)
        State(lake.s3, "state").put(lake.target.checkpoint, rival, Absent())
        return lease

    monkeypatch.setattr("brigade.ingest.run.acquire", late)
    reader = Pages(THREE)
    with pytest.raises(ConditionLost, match=r"is held by two \(epoch 1\)"):
        lake.run(reader)
    assert reader.asked == []


@pytest.mark.parametrize("parts", [False, True], ids=["one request", "an upload"])
def test_an_object_that_came_meanwhile_stays(lake: MemoryLake, small_parts: dict[str, Any], parts: bool) -> None:
    def came(number: int) -> None:
        if number == 2:
            lake.s3.put(lake.target.key, THEIRS, Metadata={})

    pages = [wide(number) for number in range(3)] if parts else THREE
    assert lake.run(Pages(pages, came), **(small_parts if parts else {})).outcome == "already_published"
    assert ("complete_multipart_upload" in lake.s3.asked) is parts
    assert lake.s3.objects[lake.target.key][0] == THEIRS
    assert lake.receipt() is None


@pytest.mark.parametrize("changed", [False, True])
def test_a_replacement_replaces_the_object_that_it_found_and_no_other(lake: MemoryLake, changed: bool) -> None:
    lake.run(Pages(THREE[:1]))
    if not changed:
        assert lake.run(Pages(THREE[1:]), holder="two", replace=True).outcome == "published"
        assert [row["n"] for row in lake.rows()] == [2, 3]
        return
    reader = Pages(THREE[1:], lambda _: lake.s3.put(lake.target.key, THEIRS, Metadata={}))
    with pytest.raises(ConditionLost, match="nothing was written"):
        lake.run(reader, holder="two", replace=True)
    assert lake.s3.objects[lake.target.key][0] == THEIRS


def test_a_replacement_does_not_go_on_over_an_object_that_was_changed_since_it_began(lake: MemoryLake) -> None:
    lake.run(Pages(THREE[:1]))
    assert lake.run(Pages(THREE), Clock(1.0), holder="two", replace=True).outcome == "more"
    lake.s3.put(lake.target.key, THEIRS, Metadata={})
    with pytest.raises(ConditionLost, match="was changed by another writer since its replacement began"):
        lake.run(Pages(THREE), holder="two", replace=True)
    assert lake.s3.objects[lake.target.key][0] == THEIRS
    assert lake.checkpoint() is None


def test_a_run_that_was_overtaken_behind_its_publication_writes_no_receipt(lake: MemoryLake) -> None:
    rival = Checkpoint(write="w", ts="2026-11-22T00:00:00Z", lease=Lease(2, "two", 60.0))
    lake.s3.before["list_multipart_uploads"] = lambda: State(lake.s3, "state").put(lake.target.checkpoint, rival)
    lake.run(Pages(THREE))
    assert lake.checkpoint() == rival
    assert lake.receipt() is None


def test_the_records_that_broke_the_contract_are_written_before_the_others_are_published(lake: MemoryLake) -> None:
    there: list[bytes] = []
    real = lake.s3.put_object

    def put_object(**arguments: Any) -> Any:
        if arguments["Key"] == lake.target.key:
            there.append(lake.s3.objects[lake.target.quarantine][0])
        return real(**arguments)

    lake.s3.put_object = put_object
    contract = Contract(fields={"n": "integer"}, tolerated=0.5)
    assert lake.run(Pages([[{"n": 1}, {"n": "x"}]]), contract=contract).broken == 1
    (packed,) = there
    assert b'"x"' in gzip.decompress(packed)
    assert [row["n"] for row in lake.rows()] == [1]


def test_parts_that_s3_joined_wrongly_get_no_receipt(lake: MemoryLake, small_parts: dict[str, Any]) -> None:
    """Only a run that went on reads its object: it has no digest of the parts before."""
    pages = [wide(number) for number in range(3)]
    assert lake.run(Pages(pages), Clock(1.0), **small_parts).outcome == "more"
    real = lake.s3.complete_multipart_upload

    def complete_multipart_upload(*, UploadId: str, **arguments: Any) -> Any:  # noqa: N803 - S3's name
        parts = lake.s3.uploads[UploadId]["parts"]
        parts[1], parts[2] = parts[2], parts[1]
        return real(UploadId=UploadId, **arguments)

    lake.s3.complete_multipart_upload = complete_multipart_upload
    with pytest.raises(InvalidData, match="does not hold the bytes that were sent to it"):
        lake.run(Pages(pages), **small_parts)
    assert lake.receipt() is None


def test_lines_are_json_with_the_date_of_the_run(lake: MemoryLake) -> None:
    lake.run(Pages([[{"n": 1, "text": "\u2028é\n"}]]))
    (line,) = gzip.decompress(lake.s3.objects[lake.target.key][0]).splitlines()
    row = json.loads(line)
    assert (row["n"], row["text"], row["ingest_date"]) == (1, "\u2028é\n", "2026-11-22")
