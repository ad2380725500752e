"""Runs of the dates of one incremental source, and the API that it reads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from brigade.ingest.declare.incremental import Newest
from brigade.ingest.declare.target import Target
from brigade.ingest.read.reader import ReaderSetup, open_reader
from brigade.ingest.run import Run
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.state.run_result import RunResult
from brigade.state import State
from tests.local.ingests import PART, Lake
from tests.unit.ingest.api import Answer, Server, page, source

START = datetime(2026, 11, 1, tzinfo=UTC)


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def event(number: int, hours: float, **more: Any) -> dict[str, Any]:
    return {"id": number, "at": at(hours), **more}


@dataclass
class Events:
    """An API that returns the events since an instant, that instant included, in pages and in any order."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    size: int = 3

    def __call__(self, number: int, query: dict[str, str]) -> Answer:
        found = [row for row in self.rows if row["at"] >= query.get("from", "")]
        start = int(query.get("after", "0"))
        following = start + self.size
        return page(found[start:following], str(following) if following < len(found) else None)


@dataclass
class Dates:
    """Runs of the dates of one source."""

    lake: Lake
    since: Any = field(default_factory=lambda: Newest(parameter="from", field="at", key=("id",)))

    def target(self, date: str) -> Target:
        return replace(self.lake.target, date=date)

    def run(self, server: Server, date: str, s3: Any = None, **changes: Any) -> RunResult:
        remaining: Callable[[], float] = changes.pop("remaining", lambda: 900.0)
        how = {name: changes.pop(name) for name in ("replace", "holder") if name in changes}
        declared = source(**({"since": self.since} | changes))
        state = State(self.lake.s3, self.lake.state)
        read = open_reader(declared, ReaderSetup(name="numbers", url=server.url, client=lambda _: None, state=state))
        return Run(
            source=declared,
            target=self.target(date),
            api=read(remaining, date),
            s3=s3 or self.lake.s3,
            remaining=remaining,
            say=lambda _: None,
            part_bytes=PART,
            **how,
        )()

    def ids(self, date: str) -> list[Any]:
        return [row["id"] for row in self.lake.rows_of(self.target(date).key)]

    def receipt(self, date: str) -> Receipt:
        entry = State(self.lake.s3, self.lake.state).get(self.target(date).receipt, Receipt)
        assert entry
        return entry.value


def asked(server: Server) -> list[str | None]:
    return [query.get("from") for query in server.queries if "after" not in query]
