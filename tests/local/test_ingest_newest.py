"""An API whose records, or answers, say how far they reach: the next date goes on there, and doubles nothing."""

import json
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brigade.errors import BrigadeError, InvalidData, UsageError
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.incremental import Newest, Since
from brigade.ingest.declare.pagination import Cursor, Offset, Pagination
from brigade.ingest.read import deduplicate
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.jsonl import split_page
from brigade.s3.objects import put
from brigade.state import State
from tests.local.faults import Dying
from tests.local.ingest_dates import Dates, Events, asked, at, event
from tests.local.ingests import wide
from tests.unit.ingest.api import Answer, page, serving


def test_a_date_goes_on_at_the_greatest_value_that_was_published(dates: Dates) -> None:
    events = Events([event(1, 5), event(2, 9), event(3, 2), event(4, 7)])
    with serving(events) as server:
        assert dates.run(server, "2026-11-02").records == 4
        assert dates.receipt("2026-11-02").newest == at(9)
        events.rows.append(event(5, 12))
        with pytest.raises(InvalidData, match="break the contract"):
            dates.run(server, "2026-11-03", contract=Contract(fields={}, tolerated=0.0))
        assert dates.run(server, "2026-11-03").records == 1
        assert dates.run(server, "2026-11-04").records == 0
        assert dates.receipt("2026-11-04").newest == at(12), "no records move nothing"
        events.rows.append(event(6, 12))
        assert dates.run(server, "2026-11-05").records == 1
        assert asked(server) == [None, at(9), at(9), at(12), at(12)]
    assert (dates.ids("2026-11-03"), dates.ids("2026-11-05")) == ([5], [6])
    assert dates.receipt("2026-11-05").left_out == 1, "the API takes the beginning as within"


def test_without_a_key_what_the_api_gives_twice_is_there_twice(dates: Dates) -> None:
    dates.since = Newest(parameter="from", field="at", first=at(1))
    with serving(Events([event(1, 0), event(2, 3)])) as server:
        assert dates.run(server, "2026-11-02").records == 1
        assert dates.run(server, "2026-11-03").records == 1
        assert asked(server) == [at(1), at(3)]


def test_a_position_of_nanoseconds_is_exact(dates: Dates) -> None:
    dates.since = Newest(parameter="from", field="at", overlap=1, key=("id",))
    rows = [
        {"id": 1, "at": "2026-11-01T10:00:00.1234567Z"},
        {"id": 1, "at": "2026-11-01T12:00:00.123456789+02:00"},
        {"id": 1, "at": "2026-11-01T10:00:00.12345670Z"},
    ]
    with serving(lambda *_: page(rows, None)) as server:
        assert dates.run(server, "2026-11-02").records == 3, "the last two differ in text only, and come in one page"
        assert dates.receipt("2026-11-02").newest == rows[1]["at"]
        rows.append({"id": 1, "at": "2026-11-01T10:00:00.1234568Z"})
        assert dates.run(server, "2026-11-03").records == 1, "it differs in the seventh digit"


def test_what_is_asked_again_by_the_millisecond_is_remembered_by_it(dates: Dates) -> None:
    """An overlap asks from 09.123 on where it reaches to 09.123456, so what is between must be known again."""
    dates.since = Newest(parameter="from", field="at", overlap=1, key=("id",))
    events = Events([{"id": 1, "at": "2026-11-01T10:00:09.123100Z"}, {"id": 2, "at": "2026-11-01T10:00:10.123456Z"}])
    with serving(events) as server:
        assert dates.run(server, "2026-11-02").records == 2
        assert dates.run(server, "2026-11-03").records == 0


def test_a_date_in_the_future_moves_no_position(dates: Dates) -> None:
    dates.since = Newest(parameter="from", field="at")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    with serving(Events([event(1, 0)])) as server:
        with pytest.raises(UsageError, match="is incremental and 9062-11-02 is in the future"):
            dates.run(server, "9062-11-02")
        assert server.queries == []
        assert dates.run(server, "2026-11-02").records == 1
        assert dates.run(server, tomorrow.isoformat()).outcome == "published"


def test_an_integer_may_be_what_grows(dates: Dates) -> None:
    dates.since = Newest(parameter="from", field="id", kind="integer", overlap=5, key=("id",))

    def answer(_: int, query: dict[str, str]) -> Answer:
        return page([{"id": number} for number in rows if number >= int(query.get("from", "0"))], None)

    rows = [2, 9, 10]
    with serving(answer) as server:
        dates.run(server, "2026-11-02")
        rows += [7, 11]
        dates.run(server, "2026-11-03")
        rows += [6]
        dates.run(server, "2026-11-04")
        assert asked(server) == [None, "5", "6"]
    assert [dates.ids(f"2026-11-0{day}") for day in (2, 3, 4)] == [[2, 9, 10], [7, 11], [6]]


def test_an_answer_may_say_where_the_next_run_begins(dates: Dates) -> None:
    dates.since = Newest(parameter="from", at="meta.sync")

    def answer(number: int, query: dict[str, str]) -> Answer:
        meta = {"sync": f"token {number}"} if number in (1, 3) else {}
        following = str(number) if number == 1 else None
        return Answer(json.dumps({"rows": [{"n": number}], "meta": meta, "next": following}).encode())

    with serving(answer) as server:
        dates.run(server, "2026-11-02")
        dates.run(server, "2026-11-03")
        with pytest.raises(InvalidData, match=r"no page had 'meta\.sync'"):
            dates.run(server, "2026-11-04")
        assert [query.get("from") for query in server.queries] == [None, None, "token 1", "token 3"]
        assert dates.receipt("2026-11-03").newest == "token 3"


def test_what_comes_late_comes_once_and_what_changed_comes_again(dates: Dates) -> None:
    dates.since = Newest(parameter="from", field="at", overlap=6 * 3600, key=("id",))
    events = Events([event(number, number) for number in range(10)])
    with serving(events) as server:
        assert dates.run(server, "2026-11-02").records == 10
        events.rows += [event(20, 4.5), event(8, 9.5)]
        dates.run(server, "2026-11-03")
        dates.run(server, "2026-11-04")
        assert asked(server)[1:] == ["2026-11-01T03:00:00.000Z", "2026-11-01T03:30:00.000Z"]
    assert (dates.ids("2026-11-03"), dates.ids("2026-11-04")) == ([20, 8], [])
    assert dates.receipt("2026-11-03").left_out == 7
    kept = [key for key in dates.lake.keys(dates.lake.state) if "remembered" in key]
    assert kept == [dates.target("").remembered_key(f"2026-11-0{day}") for day in (3, 4)]


def test_a_window_leaves_out_what_the_last_one_had(dates: Dates) -> None:
    since = Since(parameter="from", until="to", first=at(0), step_s=86400, overlap_s=7200, field="at", key=("id",))
    dates.since = since
    events = Events([event(1, 23), event(2, 24), event(3, 30)])

    def answer(number: int, query: dict[str, str]) -> Answer:
        within = Events([row for row in events.rows if row["at"] <= query["to"].replace(".000", "")])
        return within(number, {**query, "from": query["from"].replace(".000", "")})

    with serving(answer) as server:
        assert dates.run(server, "2026-11-02").records == 2
        events.rows.append(event(4, 22.5))
        assert dates.run(server, "2026-11-03").records == 2
        assert asked(server) == [at(0), "2026-11-01T22:00:00.000Z"]
    assert dates.ids("2026-11-03") == [3, 4]
    assert dates.receipt("2026-11-03").left_out == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": 1}, r"page 1 .*, record 2: at is no instant"),
        ({"id": 1, "at": "yesterday"}, "at is no instant"),
        ({"id": 1, "at": 7}, "at is no instant"),
        ({"at": at(1)}, "record 2: id is missing, and the source needs it to find duplicates"),
        ({"at": {}, "id": 1}, "new records are found by it"),
        (
            {"at": at(1), "id": 1234567890123456789.5},
            r"got `float` - at `\$\.id`; new records are found by it",
        ),
    ],
)
def test_a_record_without_its_place_publishes_nothing(dates: Dates, row: dict[str, Any], said: str) -> None:
    with serving(lambda *_: page([event(0, 0), row], None)) as server, pytest.raises(InvalidData, match=said):
        dates.run(server, "2026-11-02")
    assert not dates.lake.keys(dates.lake.lake)


def test_more_than_can_be_remembered_is_said_and_publishes_nothing(dates: Dates) -> None:
    rows = [event(number, 0) for number in range(deduplicate.MOST + 1)]
    with serving(lambda *_: page(rows, None)) as server:
        with pytest.raises(InvalidData, match="shorten the overlap of the source"):
            dates.run(server, "2026-11-02")
        assert not dates.lake.keys(dates.lake.lake)
        rows[0] = event(0, -1)
        assert dates.run(server, "2026-11-02").records == deduplicate.MOST + 1
        assert dates.run(server, "2026-11-03").records == 1, "that one is asked for by this API only"


def rows_of(day: int) -> list[dict[str, Any]]:
    """Wide records, most of them with a part of their own, which come again on the next day."""
    records = wide(330, seed=day) if day == 1 else [*wide(330, seed=1)[150:], *wide(240, seed=2)]
    return [{"at": at(number / 100 if record["id"].startswith("1-") else 4), **record} for number, record in
            enumerate(records, 0 if day == 1 else 150)]  # fmt: skip


@pytest.mark.parametrize("nth", range(1, 8))
def test_a_run_that_is_killed_leaves_out_the_same(dates: Dates, nth: int) -> None:
    """At any write: lease, turn, checkpoint of a part and of all, window, what the next date leaves out, receipt."""
    dates.since = Newest(parameter="from", field="at", overlap=6 * 3600, key=("id",))
    rows = rows_of(1)

    def answer(_: int, query: dict[str, str]) -> Answer:
        start = int(query.get("after", "0"))
        return page(rows[start : start + 60], str(start + 60) if start + 60 < len(rows) else None)

    with serving(answer) as server:
        dates.run(server, "2026-11-02")
        rows = rows_of(2)
        with pytest.raises(KeyboardInterrupt):
            dates.run(server, "2026-11-03", s3=Dying(dates.lake.s3, "put_object", nth), holder="execution")
        dates.run(server, "2026-11-03", holder="execution")
        assert dates.run(server, "2026-11-04").records == 0
    assert dates.ids("2026-11-03") == [f"2-{number}" for number in range(240)]
    assert dates.receipt("2026-11-03").left_out == 180


@pytest.mark.parametrize("kind", [Offset(total="total"), Cursor(at="next", parameter="offset", total="total")])
def test_records_that_were_left_out_count_where_pages_are_counted(dates: Dates, kind: Pagination) -> None:
    """Also by a run that goes on: in its checkpoint are the records that came, not those that were written."""
    rows = [event(number, 1) for number in range(8)]

    def answer(_: int, query: dict[str, str]) -> Answer:
        start = int(query.get("offset", "0"))
        following = str(start + 3) if start + 3 < len(rows) else None
        return Answer(json.dumps({"rows": rows[start : start + 3], "total": len(rows), "next": following}).encode())

    with serving(answer) as server:
        dates.run(server, "2026-11-02", pagination=kind)
        rows += [event(number, 1) for number in range(8, 12)]
        outcomes = [dates.run(server, "2026-11-03", pagination=kind, remaining=lambda: 1.0) for _ in range(4)]
        assert [each.outcome for each in outcomes] == ["more", "more", "more", "published"]
    assert dates.ids("2026-11-03") == [8, 9, 10, 11]


def test_in_any_order_every_record_is_published_once(dates: Dates) -> None:
    """Records that come late, within the overlap, are of the next date; none is there twice or lost."""
    chance, events = random.Random(7), Events(size=20)
    dates.since = Newest(parameter="from", field="at", overlap=24 * 3600, key=("id",))
    number = 0
    with serving(events) as server:
        for day in range(2, 8):
            for _ in range(60):
                number += 1
                events.rows.append(event(number, 24 * day - chance.uniform(0, 24)))
            chance.shuffle(events.rows)
            dates.run(server, f"2026-11-{day:02}")
    found = [each for day in range(2, 8) for each in dates.ids(f"2026-11-{day:02}")]
    assert sorted(found) == list(range(1, number + 1))


def test_an_api_that_fails_moves_nothing(dates: Dates) -> None:
    events = Events([event(1, 1)])
    with serving(events) as server:
        dates.run(server, "2026-11-02")
    with serving(lambda *_: Answer(b"", status=404)) as server:
        for _ in range(2):
            with pytest.raises(BrigadeError, match="404"):
                dates.run(server, "2026-11-03")
        assert asked(server) == [at(1), at(1)]


def test_what_is_remembered_takes_no_more_memory_than_said(dates: Dates) -> None:
    state, target = State(dates.lake.s3, dates.lake.state), dates.target("2026-11-03")
    state.put(dates.target("2026-11-02").receipt, {})
    known = b"".join(number.to_bytes(8) + number.to_bytes(16) for number in range(deduplicate.MOST))
    put(state.client, state.bucket, target.remembered_key("2026-11-02"), known)
    rows = [{"id": number, "at": at(number / 3600)} for number in range(deduplicate.MOST // 2)]
    came = split_page(json.dumps(rows).encode(), records="", place="page 1")
    remembering = deduplicate.Deduplicator(dates.since, state, target, Checkpoint(write="w", ts=at(0)))
    tracemalloc.start()
    try:
        assert len(remembering.filter_page(came)) == len(rows)
        assert len(remembering.recent) == 24, "of all but the last the next run asks for none again"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * deduplicate.MOST * 200
