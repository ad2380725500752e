"""An API is asked only for what is new: from where the last published date ended, which a failure does not move."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from brigade.errors import BrigadeError, UsageError
from brigade.ingest.declare.incremental import Since
from brigade.ingest.read.reader import ReaderSetup, open_reader
from brigade.ingest.run import Run
from brigade.ingest.state.run_result import RunResult
from brigade.state import State
from tests.local.conftest import Emulator
from tests.local.ingests import Lake, lake_of
from tests.unit.ingest.api import Answer, Server, page, serving, source

FIRST = "2026-11-01T00:00:00Z"
DECLARED = source(since=Since(parameter="from", until="to", first=FIRST))


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


def run(lake: Lake, server: Server, date: str) -> RunResult:
    read = open_reader(
        DECLARED, ReaderSetup(name="numbers", url=server.url, client=lambda _: None, state=State(lake.s3, lake.state))
    )
    return Run(
        source=DECLARED,
        target=replace(lake.target, date=date),
        api=read(lambda: 900.0, date),
        s3=lake.s3,
        remaining=lambda: 900.0,
        say=lambda _: None,
    )()


def spans(server: Server) -> list[tuple[str, str]]:
    return [(query["from"], query["to"]) for query in server.queries]


def test_each_date_begins_where_the_last_published_one_ended(lake: Lake) -> None:
    def answer(number: int, query: dict[str, str]) -> Answer:
        if number == 3:
            return Answer(b"<html>")
        return page([{"n": number}], "1" if number == 1 else None)

    with serving(answer) as server:
        assert run(lake, server, "2026-11-02").records == 2
        with pytest.raises(BrigadeError):
            run(lake, server, "2026-11-03")
        assert run(lake, server, "2026-11-03").records == 1
        assert run(lake, server, "2026-11-04").records == 1
        one, also_one, failed, again, last = spans(server)
        assert one == also_one  # of both pages
        assert one[0] == FIRST
        assert failed == again
        assert failed[0] == one[1]
        assert last[0] == again[1]
        assert last[0] < last[1]
        assert run(lake, server, "2026-11-03").outcome == "already_published"
        with pytest.raises(UsageError, match="2026-11-04 is published: 2026-11-01 would publish the same rows again"):
            run(lake, server, "2026-11-01")
        assert len(server.queries) == 5


def test_a_command_that_only_looks_moves_nothing(lake: Lake) -> None:
    given: dict[str, Any] = {"client": lambda _: None, "state": State(lake.s3, lake.state)}
    with serving(lambda *_: page([], None)) as server:
        open_reader(DECLARED, ReaderSetup(name="numbers", url=server.url, **given))(lambda: 900.0, None).page(None)
    assert server.queries == [{}]
    assert lake.keys(lake.state) == []
