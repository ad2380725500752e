"""A date of several objects that is ingested anew on purpose: only what was there at the start gives way."""

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from brigade.errors import ConditionLost, InvalidData, UsageError
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.source import Objects
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.replay import replay
from brigade.ingest.run import Run
from brigade.ingest.state.run_result import RunResult
from tests.local.conftest import Emulator
from tests.local.faults import Dying, Faulty
from tests.local.ingests import Lake, lake_of
from tests.unit.ingest.api import paged, serving, source

BY_DAY = Objects(date_field="day")
LATE = "numbers/date=2026-11-{}/numbers.2026-11-22.jsonl.gz".format
OWN = "numbers/date=2026-11-22/numbers.jsonl.gz"
OLD = [[{"id": "old", "day": f"2026-11-{day}"} for day in (19, 20, 22)]]
NEW = [[{"id": "new", "day": f"2026-11-{day}"} for day in (20, 21, 22)]]


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        with serving(paged(OLD)) as server:
            made.run(server, objects=BY_DAY)
        yield made


def replacing(lake: Lake, pages: list[list[Any]] = NEW, **changes: Any) -> RunResult:
    how: dict[str, Any] = {"objects": BY_DAY, "replace": True} | changes
    with serving(paged(pages)) as server:
        return lake.run(server, **how)


def ids(lake: Lake) -> dict[str, list[Any]]:
    return {key: [row["id"] for row in lake.rows_of(key)] for key in lake.keys(lake.lake)}


DONE = {LATE(19): [], LATE(20): ["new"], LATE(21): ["new"], OWN: ["new"]}


def test_each_object_is_replaced_and_one_that_has_no_records_any_more_is_empty(lake: Lake) -> None:
    before = lake.receipt()
    with serving(paged(NEW)) as server:
        assert lake.run(server, objects=BY_DAY).outcome == "already_published"
    outcome = replacing(lake)
    assert (outcome.outcome, outcome.replace, outcome.records, outcome.objects) == ("published", True, 3, 4)
    assert ids(lake) == DONE
    receipt = lake.receipt()
    assert receipt.replaced
    assert {each.key: each.records for each in receipt.objects} == {key: len(rows) for key, rows in DONE.items()}
    assert not {each.etag for each in receipt.objects} & {each.etag for each in before.objects}
    assert lake.keys(lake.state) == [lake.target.receipt]
    assert replacing(lake, OLD).outcome == "published"
    assert ids(lake) == {LATE(19): ["old"], LATE(20): ["old"], LATE(21): [], OWN: ["old"]}


def test_fewer_objects_by_rotation_leave_the_others_empty(lake: Lake) -> None:
    one = Objects(records=1)
    replacing(lake, [[{"id": 1}, {"id": 2}, {"id": 3}]], objects=one)
    replacing(lake, [[{"id": 4}]], objects=one)
    found = {key.rpartition("/")[2]: rows for key, rows in ids(lake).items() if "date=2026-11-22/" in key}
    assert found == {"numbers.jsonl.gz": [4], "numbers.00002.jsonl.gz": [], "numbers.00003.jsonl.gz": []}


def test_another_writer_before_the_first_object_wins_and_the_next_replaces_theirs(lake: Lake) -> None:
    theirs = gzip.compress(b'{"id": "theirs"}')

    def beside(call: Callable[[], Any]) -> Any:
        lake.s3.put_object(Bucket=lake.lake, Key=LATE(20), Body=theirs)
        return call()

    passed = [lambda call: call()] * 3  # the lease, the stage, the checkpoint
    with pytest.raises(ConditionLost, match=f"{LATE(20)} was changed by another writer"):
        replacing(lake, s3=Faulty(lake.s3, "put_object", *passed, beside))
    assert ids(lake) == {LATE(19): ["old"], LATE(20): ["theirs"], OWN: ["old"]}
    assert lake.keys(lake.state) == [lake.target.receipt]
    replacing(lake)
    assert ids(lake) == DONE


def test_another_writer_in_their_midst_is_said_with_how_many_were_replaced_and_the_next_replaces_all(
    lake: Lake,
) -> None:
    def beside(call: Callable[[], Any]) -> Any:
        lake.s3.put_object(Bucket=lake.lake, Key=OWN, Body=gzip.compress(b'{"id": "theirs"}'))
        return call()

    client = Faulty(lake.s3, "put_object", *[lambda call: call()] * 3, beside)
    with pytest.raises(ConditionLost, match=r"2 objects of numbers 2026-11-22 were replaced before, the others are as"):
        replacing(lake, s3=client)
    assert ids(lake) == {LATE(19): ["old"], LATE(20): ["new"], LATE(21): ["new"], OWN: ["theirs"]}
    half = lake.checkpoint()
    assert half
    assert [*half.former] == [LATE(19), LATE(20), OWN, LATE(21)], "it is kept which objects it is about"
    assert lake.keys(lake.state) == [lake.target.checkpoint, lake.target.receipt]
    with serving(paged(NEW)) as server:
        assert lake.run(server, objects=BY_DAY).outcome == "already_published"
    assert lake.checkpoint(), "a run that replaces nothing leaves that"
    replacing(lake, OLD)
    assert ids(lake) == {LATE(19): ["old"], LATE(20): ["old"], LATE(21): [], OWN: ["old"]}
    assert lake.keys(lake.state) == [lake.target.receipt]


@pytest.mark.parametrize("nth", range(1, 13))
def test_killed_at_any_write_it_replaces_once(lake: Lake, nth: int) -> None:
    """They are: the lease, a stage, the checkpoint, four objects with the checkpoint behind each, the receipt."""
    with pytest.raises(KeyboardInterrupt):
        replacing(lake, s3=Dying(lake.s3, "put_object", nth), holder="execution")
    replacing(lake, holder="execution")
    assert ids(lake) == DONE
    assert len(lake.s3.list_object_versions(Bucket=lake.lake)["Versions"]) == 3 + 4, "one was written twice"
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_out_of_time_it_goes_on_and_a_guard_leaves_what_was_there(lake: Lake) -> None:
    assert replacing(lake, remaining=lambda: 1.0).outcome == "more"
    with serving(paged(NEW)) as server:
        assert lake.run(server, objects=BY_DAY).outcome == "already_published"
    assert lake.checkpoint(), "a run that was not told to leaves the one that was"
    assert replacing(lake).outcome == "published"
    assert ids(lake) == DONE
    with pytest.raises(InvalidData):
        replacing(lake, [[{"id": "newer", "day": "2026-11-20"}], [7]])
    assert ids(lake) == DONE


def test_replayed_records_beside_them_are_not_doubled(lake: Lake) -> None:
    fields: dict[str, Any] = {"id": "text", "day": "text"}
    replacing(lake, [[{"id": 7, "day": "2026-11-18"}, *NEW[0]]], contract=Contract(fields=fields, tolerated=1.0))
    mended = source(contract=Contract(fields={"id": "integer", "day": "text"}), objects=BY_DAY)
    (beside,) = replay(lake.s3, mended, lake.target, "now").objects
    with pytest.raises(
        UsageError, match=f"has {beside.removeprefix(f's3://{lake.lake}/')} beside it, which a replay wrote"
    ):
        replacing(lake)


def test_a_date_that_is_read_in_partitions_is_not_replaced(lake: Lake) -> None:
    table = TableSource(secret="shop", table="events", key=("id",), partitions=2, schedule="rate(1 day)")
    nothing: Any = None
    run = Run(
        source=table,
        target=lake.target,
        api=nothing,
        s3=lake.s3,
        remaining=lambda: 900.0,
        say=lambda _: None,
        replace=True,
    )
    with pytest.raises(UsageError, match="is read in partitions, which are not replaced; delete them first"):
        run()
