"""A lake in memory, and a source whose pages and clock a test chooses."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from brigade.ingest.declare.request import Response
from brigade.ingest.declare.target import Target
from brigade.ingest.run import Run
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.state.run_result import RunResult
from brigade.state import State
from tests.unit.ingest.api import source
from tests.unit.strict_s3 import StrictS3


@dataclass
class Clock:
    """A clock that only `sleep` moves, and a budget of seconds that it uses up."""

    budget: float = 900.0
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def remaining(self) -> float:
        return self.budget - self.now


@dataclass
class Pages:
    """A reader of pages of records. The cursor is the number of the page, from 0; `asked` are the cursors so far."""

    pages: Sequence[Sequence[Any]]
    before: Callable[[int], None] = lambda _: None
    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    bytes_in: int = 0
    asked: list[int] = field(default_factory=list)

    def page(self, cursor: str | None) -> Response:
        number = int(cursor or 0)
        self.asked.append(number)
        self.before(number)
        following = str(number + 1) if number + 1 < len(self.pages) else None
        body = json.dumps({"rows": self.pages[number], "next": following}).encode()
        return Response(body, {}, "http://127.0.0.1:1/records")

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Response]:
        raise NotImplementedError("these pages are read whole; a run that streams them is a fault of the test")

    def address(self, cursor: str | None) -> str:
        return f"page {cursor}"

    def close(self) -> None: ...


class AtOnce:
    """An executor that runs each call in the thread that submits it."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def submit(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(call(*arguments, **options))
        return done

    def shutdown(self, **_: Any) -> None: ...


@dataclass
class MemoryLake:
    """The lake and the state of one date of one source."""

    s3: Any = field(default_factory=StrictS3)
    target: Target = field(default_factory=lambda: Target("numbers", "2026-11-22", "lake", "state"))

    def run(self, pages: Pages, clock: Clock | None = None, *, holder: str = "one", **changes: Any) -> RunResult:
        how = {name: changes.pop(name) for name in ("replace", "part_bytes") if name in changes}
        return Run(
            source=source(**changes),
            target=self.target,
            api=pages,
            s3=self.s3,
            remaining=(clock or Clock()).remaining,
            say=lambda _: None,
            holder=holder,
            **how,
        )()

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in gzip.decompress(self.s3.objects[self.target.key][0]).splitlines()]

    def checkpoint(self) -> Checkpoint | None:
        entry = State(self.s3, "state").get(self.target.checkpoint, Checkpoint)
        return entry.value if entry else None

    def receipt(self) -> Receipt | None:
        entry = State(self.s3, "state").get(self.target.receipt, Receipt)
        return entry.value if entry else None
