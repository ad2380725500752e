"""A date that is ingested anew on purpose: only what was there at the start gives way, and once."""

import gzip
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from brigade.errors import ConditionLost, InvalidData, UsageError
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.source import Objects
from brigade.ingest.declare.transform import Transform
from brigade.ingest.replay import replay
from tests.local.conftest import Emulator
from tests.local.faults import Faulty, lost, own_412
from tests.local.ingests import Lake, lake_of, wide
from tests.unit.ingest.api import Answer, paged, serving, source

LARGE = [wide(90, seed=number) for number in range(3)]
SMALL: list[list[Any]] = [[{"id": 1}], [{"id": 2}]]


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        with serving(paged([[{"id": "old"}]])) as server:
            made.run(server)
        yield made


def ids(lake: Lake) -> list[Any]:
    return [row["id"] for row in lake.rows()]


def versions(lake: Lake) -> int:
    return len(lake.s3.list_object_versions(Bucket=lake.lake, Prefix=lake.target.key)["Versions"])


@pytest.mark.parametrize("pages", [SMALL, LARGE])
def test_it_is_replaced_when_told_so_and_the_receipt_names_what_was(lake: Lake, pages: list[list[Any]]) -> None:
    before = lake.receipt()
    with serving(paged(pages)) as server:
        assert lake.run(server).outcome == "already_published"
        outcome = lake.run(server, replace=True)
    assert (outcome.outcome, outcome.replace) == ("published", True)
    assert ids(lake) == [record["id"] for page in pages for record in page]
    assert (lake.receipt().replaced, lake.receipt().etag == before.etag) == (before.etag, False)
    assert lake.receipt().sha256 == hashlib.sha256(lake.body()).hexdigest()
    assert versions(lake) == 2
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_a_date_that_is_not_there_is_published(lake: Lake) -> None:
    lake.s3.delete_object(Bucket=lake.lake, Key=lake.target.key)
    with serving(paged(SMALL)) as server:
        outcome = lake.run(server, replace=True)
    assert (outcome.outcome, outcome.replace, ids(lake)) == ("published", False, [1, 2])


@pytest.mark.parametrize("pages", [SMALL, LARGE])
def test_another_writer_in_between_wins_and_nothing_is_left(lake: Lake, pages: list[list[Any]]) -> None:
    def answer(number: int, query: dict[str, str]) -> Answer:
        if query.get("after") == str(len(pages) - 1):
            lake.s3.put_object(Bucket=lake.lake, Key=lake.target.key, Body=gzip.compress(b'{"id": "theirs"}'))
        return paged(pages)(number, query)

    with serving(answer) as server, pytest.raises(ConditionLost, match="was changed by another writer"):
        lake.run(server, replace=True)
    assert ids(lake) == ["theirs"]
    assert lake.open_uploads() == []
    assert lake.keys(lake.state) == [lake.target.receipt]
    with serving(paged(pages)) as server:
        assert lake.run(server, replace=True).outcome == "published"


def test_out_of_time_it_goes_on_replacing_the_same_and_no_other(lake: Lake) -> None:
    with serving(paged(LARGE)) as server:
        first = lake.run(server, replace=True, remaining=lambda: 1.0)
        assert (first.outcome, first.replace, ids(lake)) == ("more", True, ["old"])
        assert lake.run(server).outcome == "already_published", "a run that was not told to does not replace"
        assert lake.checkpoint(), "and leaves the one that was"
        lake.s3.put_object(Bucket=lake.lake, Key=lake.target.key, Body=gzip.compress(b'{"id": "theirs"}'))
        with pytest.raises(ConditionLost, match="was changed by another writer since its replacement began"):
            lake.run(server, replace=True)
    assert ids(lake) == ["theirs"]
    assert lake.open_uploads() == []
    assert not lake.checkpoint()


@pytest.mark.parametrize("operation", ["put_object", "complete_multipart_upload"])
@pytest.mark.parametrize("fault", [lost, own_412])
def test_a_lost_reply_replaces_once(lake: Lake, operation: str, fault: Callable[..., Any]) -> None:
    passed = [lambda call: call()] * (1 if operation == "put_object" else 0)  # the lease before it
    client = Faulty(lake.s3, operation, *passed, fault)
    with serving(paged([[{"id": 1}]] if operation == "put_object" else LARGE)) as server:
        assert lake.run(server, s3=client, replace=True).outcome == "published"
    assert versions(lake) == 2


@pytest.mark.parametrize("after", ["put_object", "list_multipart_uploads", "delete_object"])
def test_an_execution_that_was_killed_behind_it_does_not_replace_again(lake: Lake, after: str) -> None:
    def killed(call: Callable[[], Any]) -> Any:
        call()
        raise KeyboardInterrupt

    passed = [lambda call: call()] * (2 if after == "put_object" else 0)  # lease and checkpoint before it
    client = Faulty(lake.s3, after, *passed, killed)
    with serving(paged(SMALL)) as server:
        with pytest.raises(KeyboardInterrupt):
            lake.run(server, s3=client, replace=True, holder="execution")
        lake.run(server, replace=True, holder="execution")
        assert len(server.queries) == 2
    assert ids(lake) == [1, 2]
    assert versions(lake) == 2
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_a_guard_leaves_what_was_there(lake: Lake) -> None:
    with serving(paged([*LARGE, [7]])) as server, pytest.raises(InvalidData):
        lake.run(server, replace=True)
    assert ids(lake) == ["old"]
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_a_quarantine_is_replaced_with_the_data_and_a_replay_beside_it_is_not_doubled(lake: Lake) -> None:
    contract = Contract(fields={"id": "integer"}, tolerated=1.0)
    with serving(paged([[{"id": "x"}]])) as server:
        lake.run(server, replace=True, contract=contract)
        assert lake.set_aside()
        lake.run(server, replace=True)
        assert lake.set_aside() == []
        beside = lake.target.key.replace(".jsonl", ".abc.jsonl")
        lake.s3.put_object(Bucket=lake.lake, Key=beside, Body=b"")
        with pytest.raises(UsageError, match=f"has {beside} beside it"):
            lake.run(server, replace=True)


def test_a_replay_that_was_broken_off_is_finished_only_with_the_same_records(lake: Lake) -> None:
    """The first is killed behind its object; what another version of the source would mend beside it would be lost."""
    aside = Contract(fields={"id": "integer"}, tolerated=1.0)

    def killed(call: Callable[[], Any]) -> Any:
        call()
        raise KeyboardInterrupt

    text, by_day = Contract(fields={"id": "text"}), Objects(date_field="day")
    with serving(paged([[{"id": "x", "day": "2026-11-20"}, {"id": "y", "day": "2026-11-21"}]])) as server:
        lake.run(server, replace=True, contract=Contract(fields={"id": "integer", "day": "text"}, tolerated=1.0))
    mended = source(contract=msgspec.structs.replace(text, extra="evolve"), objects=by_day)
    with pytest.raises(KeyboardInterrupt):
        replay(Faulty(lake.s3, "put_object", lambda call: call(), killed), mended, lake.target, "then")
    other = source(
        contract=msgspec.structs.replace(aside, fields={}, extra="evolve"), transform=Transform(drop=("id",))
    )
    other = msgspec.structs.replace(other, objects=by_day)
    with pytest.raises(ConditionLost, match="has other records than are valid now"):
        replay(lake.s3, other, lake.target, "now")
    done = replay(lake.s3, mended, lake.target, "now")
    assert (done.mended, done.broken, len(done.objects)) == (2, 0, 2)
    keys = [each.removeprefix(f"s3://{lake.lake}/") for each in done.objects]
    assert [key.split("/")[1] for key in keys] == ["date=2026-11-20", "date=2026-11-21"]
    assert [row["id"] for key in keys for row in lake.rows_of(key)] == ["x", "y"]
    assert lake.set_aside() == []
