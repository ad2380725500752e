"""One run of a date at a time: the lease in the checkpoint, a zombie that can change nothing, waits that are stored."""

import datetime
import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from brigade.errors import ConditionLost
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.pagination import Pagination
from brigade.ingest.replay import replay
from brigade.ingest.run import Run
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.s3 import Absent, Matches
from brigade.state import State
from brigade.state.lease import Lease, acquire
from tests.local.conftest import Emulator
from tests.local.ingests import PART, Lake, lake_of, wide
from tests.unit.ingest.api import Answer, Server, api, page, paged, serving, source


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


def run(lake: Lake, server: Server, holder: str, remaining: float = 900.0, **changes: Any) -> Run:
    declared = source(**changes)
    return Run(
        source=declared,
        target=lake.target,
        api=api(server, declared, remaining),
        s3=lake.s3,
        remaining=lambda: remaining,
        say=lambda _: None,
        part_bytes=PART,
        holder=holder,
    )


def test_a_second_run_of_a_date_is_told_who_holds_it(lake: Lake) -> None:
    told: list[str] = []

    def answer(number: int, query: dict[str, str]) -> Answer:
        if number == 2:
            with pytest.raises(ConditionLost) as raised:
                run(lake, server, "two")()
            told.append(str(raised.value))
        return paged([[{"n": 1}], [{"n": 2}]])(number, query)

    with serving(answer) as server:
        assert run(lake, server, "one")().outcome == "published"
    assert "is held by one (epoch 1)" in told[0]
    assert len(server.queries) == 2
    assert lake.receipt().epoch == 1


def test_of_two_that_read_no_lease_the_one_that_loses_is_told_who_holds_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rival takes the lease between the other's reading of it and its writing."""
    rival = Checkpoint(write="w", ts="2026-11-22T00:00:00Z", lease=Lease(1, "one", 60.0))

    def late(*arguments: Any, **options: Any) -> Lease:
        monkeypatch.undo()
        lease = acquire(*arguments, **options)
        State(lake.s3, lake.state).put(lake.target.checkpoint, rival, Absent())
        return lease

    monkeypatch.setattr("brigade.ingest.run.acquire", late)
    with serving(paged([[{"n": 1}]])) as server:
        with pytest.raises(ConditionLost, match=r"is held by one \(epoch 1\)"):
            run(lake, server, "two")()
        assert server.queries == []


def test_a_zombie_changes_nothing_once_another_took_over(lake: Lake) -> None:
    """The first is overtaken while it fetches, as if Lambda had frozen it, and goes on afterwards."""
    pages = [wide(90, seed=number) for number in range(4)]

    def answer(number: int, query: dict[str, str]) -> Answer:
        if number == 3:
            state = State(lake.s3, lake.state)
            entry = state.get(lake.target.checkpoint, Checkpoint)
            assert entry
            expired = msgspec.structs.replace(
                entry.value, lease=msgspec.structs.replace(entry.value.lease, seconds=-1.0)
            )
            state.put(lake.target.checkpoint, expired, Matches(entry.version))
            assert run(lake, server, "two")().outcome == "published"
        return paged(pages)(number, query)

    with serving(answer) as server:
        assert run(lake, server, "zombie")().outcome == "already_published"
    assert [row["id"] for row in lake.rows()] == [record["id"] for records in pages for record in records]
    assert lake.receipt().epoch == 2
    assert lake.open_uploads() == []
    assert lake.keys(lake.state) == [lake.target.receipt]


def test_an_execution_takes_up_what_its_crashed_invocation_held(lake: Lake) -> None:
    state = State(lake.s3, lake.state)
    left = Checkpoint(write="w", ts="2026-11-22T05:30:00.000Z", lease=Lease(3, "execution", 900.0))
    state.put(lake.target.checkpoint, left)
    with serving(paged([[{"n": 1}]])) as server:
        with pytest.raises(ConditionLost, match=r"held by execution \(epoch 3\)"):
            run(lake, server, "another")()
        assert run(lake, server, "execution")().outcome == "published"
    assert lake.receipt().epoch == 4


def test_out_of_time_the_lease_is_released_and_its_epoch_stays(lake: Lake) -> None:
    with serving(paged([[{"n": 1}], [{"n": 2}]])) as server:
        assert run(lake, server, "one", remaining=1.0)().outcome == "more"
        checkpoint = lake.checkpoint()
        assert checkpoint
        assert checkpoint.lease == Lease(1)
        assert run(lake, server, "two")().outcome == "published"
    assert lake.receipt().epoch == 2


def test_a_long_wait_is_stored_and_nobody_asks_before_it_is_over(lake: Lake) -> None:
    def answer(number: int, query: dict[str, str]) -> Answer:
        if number == 2:
            return Answer(b"", 429, {"Retry-After": "4"})
        return paged([[{"n": 1}], [{"n": 2}]])(number, query)

    with serving(answer) as server:
        waiting = run(lake, server, "one", remaining=6.0)()
        assert (waiting.outcome, waiting.pages) == ("wait", 1)
        assert waiting.until
        until = datetime.datetime.fromisoformat(waiting.until)
        assert 0 < (until - datetime.datetime.now(datetime.UTC)).total_seconds() <= 4
        again = run(lake, server, "one", remaining=6.0)()
        assert (again.outcome, again.until, len(server.queries)) == ("wait", waiting.until, 2)
        time.sleep(4)
        outcome = run(lake, server, "one")()
    assert (outcome.outcome, outcome.records, len(server.queries)) == ("published", 2, 3)


@pytest.mark.parametrize("rule", ["restart", "fail"])
def test_a_cursor_that_has_expired_is_the_source_s_to_decide(lake: Lake, rule: str) -> None:
    expired = [True]

    def answer(number: int, query: dict[str, str]) -> Answer:
        if query.get("after") == "1" and expired[0] and number > 1:
            expired[0] = False
            return Answer(b"cursor expired", 400)
        return paged([[{"n": 1}], [{"n": 2}]])(number, query)

    with serving(answer) as server:
        assert run(lake, server, "one", remaining=1.0, expired_cursor=rule)().outcome == "more"
        if rule == "restart":
            assert run(lake, server, "one", expired_cursor=rule)().outcome == "published"
            assert [query.get("after") for query in server.queries] == [None, "1", None, "1"]
            assert [row["n"] for row in lake.rows()] == [1, 2]
        else:
            with pytest.raises(Exception, match="status 400: 'cursor expired'"):
                run(lake, server, "one", expired_cursor=rule)()
            assert lake.keys(lake.lake) == []


def test_a_single_answer_of_any_size_is_published_in_parts(lake: Lake) -> None:
    rows = [row for seed in range(4) for row in wide(60, seed=seed)]
    with serving(lambda *_: page(rows, None)) as server:
        outcome = lake.run(server, single=True, pagination=Pagination())
    assert outcome.records == len(rows)
    assert [row["id"] for row in lake.rows()] == [row["id"] for row in rows]
    assert "-" in (lake.receipt().etag or "")


def test_a_receipt_tells_how_the_records_drifted(lake: Lake) -> None:
    with serving(paged([[{"a": 1}]])) as server:
        lake.run(server)
    receipt = lake.receipt()
    before = lake.target.receipt.replace("2026-11-22", "2026-11-21")
    lake.s3.copy_object(Bucket=lake.state, Key=before, CopySource={"Bucket": lake.state, "Key": lake.target.receipt})
    lake.s3.delete_object(Bucket=lake.lake, Key=lake.target.key)
    assert (receipt.drift, receipt.requests, receipt.retries) == ((), 1, 0)
    assert receipt.profile.fields == {"a": {"number": 1}}
    with serving(paged([[{"a": 1, "b": "x" * 99}]])) as server:
        outcome = lake.run(server)
    assert outcome.drift == lake.receipt().drift
    assert "field b came" in outcome.drift
    assert any("records grew from 8 to" in line for line in outcome.drift)


def test_quarantine_is_published_with_the_data_or_not_at_all(lake: Lake) -> None:
    contract = Contract(fields={"n": "integer"}, tolerated=0.5)
    with serving(paged([[{"n": 1}, {"n": "x"}], [{"n": 2}]])) as server:
        outcome = lake.run(server, contract=contract)
        assert (outcome.records, outcome.broken) == (2, 1)
    assert [row["n"] for row in lake.rows()] == [1, 2]
    assert lake.keys(lake.lake) == [lake.target.key], "a table over the lake reads good records only"
    assert lake.keys(lake.state) == [lake.target.quarantine, lake.target.receipt]
    assert lake.receipt().broken == 1

    still = replay(lake.s3, source(contract=contract), lake.target, "now")
    assert (still.mended, still.broken, still.objects) == (0, 1, ())
    mended = replay(lake.s3, source(contract=Contract(fields={"n": "text"})), lake.target, "now")
    assert (mended.mended, mended.broken) == (1, 0)
    body = lake.s3.get_object(Bucket=lake.lake, Key=mended.objects[0].split("/", 3)[3])["Body"].read()
    assert json.loads(gzip.decompress(body)) == {"n": "x", "ingest_date": "2026-11-22", "ingest_ts": "now"}
    assert replay(lake.s3, source(), lake.target, "now").mended == 0
