"""Two runs of one date, interleaved at every call to S3: the rival comes whole before the first one's k-th call.

Exactly one of them publishes, and nothing of its object, its receipt, its checkpoint or its quarantine is lost.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from brigade.errors import BrigadeError, ConditionLost, NotFound, UsageError
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.incremental import Newest
from brigade.ingest.declare.pagination import Pagination
from brigade.ingest.declare.source import Objects
from brigade.ingest.replay import replay
from tests.local.conftest import Emulator
from tests.local.ingests import Lake, lake_of
from tests.unit.ingest.api import Answer, Server, page, paged, serving, source

ROWS: list[list[Any]] = [[{"n": 1, "day": "2026-11-20"}], [{"n": 2, "day": "2026-11-21"}]]
BROKEN: list[list[Any]] = [
    [{"n": 1, "day": "2026-11-20"}, {"n": "x", "day": "2026-11-20"}],
    [{"n": 2, "day": "2026-11-21"}],
]
CONTRACT = Contract(fields={"n": "integer", "day": "text"}, tolerated=0.9)
KINDS: dict[str, dict[str, Any]] = {
    "one object": {},
    "one answer": {"single": True, "format": "jsonl", "records": "", "pagination": Pagination()},
    "one answer, several objects": {
        "single": True, "format": "jsonl", "records": "", "pagination": Pagination(),
        "objects": Objects(date_field="day"),
    },
    "several objects": {"objects": Objects(date_field="day")},
    "incremental": {"since": Newest(field="n", kind="integer", parameter="since", key=("n",))},
    "quarantine": {"contract": CONTRACT},
}  # fmt: skip


class Interleaved:
    """A client before whose ``nth`` call ``rival`` runs; it counts its calls."""

    def __init__(self, client: Any, nth: int, rival: Callable[[], None]) -> None:
        self.calls = 0
        self._client, self._nth, self._rival = client, nth, rival

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self.calls += 1
            if self.calls == self._nth:
                self._rival()
            return real(**arguments)

        return call


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Callable[[], Lake]]:
    made: list[Any] = []

    def fresh() -> Lake:
        made.append(lake_of(emulator.root("s3")))
        return made[-1].__enter__()  # type: ignore[no-any-return]

    yield fresh
    for each in made:
        each.__exit__(None, None, None)


def answers(kind: str) -> Callable[[int, dict[str, str]], Answer]:
    if KINDS[kind].get("single"):
        lines = "".join(json.dumps(row) + "\n" for rows in ROWS for row in rows)
        return lambda *_: Answer(lines.encode())
    if kind == "incremental":
        return lambda *_: page([row for rows in ROWS for row in rows], None)
    return paged(BROKEN if kind == "quarantine" else ROWS)


def raced(
    lake: Lake, server: Server, nth: int, begun: dict[str, Any], *rivals: dict[str, Any]
) -> tuple[list[str], int]:
    """Run the first, and the rivals one by one before its nth call; give what each came to, and the first's calls."""
    came: list[str] = []

    def run(**changes: Any) -> None:
        try:
            came.append(lake.run(server, **changes).outcome)
        except BrigadeError as error:
            came.append(type(error).__name__)

    def all_rivals() -> None:
        for rival in rivals:
            run(**rival)

    client = Interleaved(lake.s3, nth, all_rivals)
    run(**begun, holder="first", s3=client)
    return came, client.calls


def every(lake: Callable[[], Lake], prepare: Callable[[Lake], None], act: Callable[[Lake, int], int]) -> None:
    """Do ``act`` on a fresh lake before each of the calls that it makes where nobody disturbs it."""
    alone = lake()
    prepare(alone)
    calls = act(alone, 0)
    assert calls > 4, "there is something to interleave"
    for nth in range(1, calls + 1):
        made = lake()
        prepare(made)
        act(made, nth)


def whole(lake: Lake, *, wanted: list[Any]) -> None:
    """See that the date is published once, whole, with its receipt, and that nothing is left over."""
    keys = lake.keys(lake.lake)
    assert sorted(row["n"] for key in keys for row in lake.rows_of(key)) == wanted
    receipt = lake.receipt()
    told = {each.key: each.etag for each in receipt.objects} or {lake.target.key: receipt.etag or ""}
    there = {key: lake.s3.head_object(Bucket=lake.lake, Key=key)["ETag"] for key in keys}
    assert told == there, "the receipt is of what is there"
    assert lake.open_uploads() == []
    assert not [key for key in lake.keys(lake.state) if key == lake.target.checkpoint or "/2026-11-22/" in key]


RIVALS: dict[str, list[dict[str, Any]]] = {
    "runs": [{"holder": "rival"}],
    "replaces": [{"holder": "rival", "replace": True}],
    # The same holder may take the lease again: as another may, once it ran out while the first was frozen.
    "takes over": [{"holder": "first"}],
    "takes over, and another replaces": [{"holder": "first"}, {"holder": "other", "replace": True}],
}


# Each kind of object, of first and of rival, and the pairs that share the most code; all 48 take a quarter of an hour.
RACES = [
    ("one object", "runs", "runs"),
    ("one answer", "runs", "runs"),
    ("one answer", "replaces", "runs"),
    ("one answer, several objects", "runs", "takes over"),
    ("several objects", "runs", "takes over"),
    ("several objects", "replaces", "takes over, and another replaces"),
    ("one object", "replaces", "replaces"),
    ("incremental", "runs", "takes over"),
    ("quarantine", "runs", "takes over, and another replaces"),
]


@pytest.mark.parametrize(("kind", "first", "rival"), RACES)
def test_of_two_runs_one_publishes_and_loses_nothing(
    lake: Callable[[], Lake], kind: str, rival: str, first: str
) -> None:
    declared = KINDS[kind]

    def act(made: Lake, nth: int) -> int:
        with serving(answers(kind)) as server:
            begun = {**declared, "replace": first == "replaces"}
            came, calls = raced(made, server, nth, begun, *({**declared, **each} for each in RIVALS[rival]))
            assert "published" in came, (nth, came)
            assert set(came) <= {"published", "already_published", "ConditionLost"}, (nth, came)
            assert made.run(server, **declared).outcome == "already_published", (nth, came)
        whole(made, wanted=[1, 2])
        if kind == "quarantine":
            assert [each["record"]["n"] for each in made.set_aside()] == ["x"]
        return calls

    def published(made: Lake) -> None:
        if first == "replaces":
            with serving(answers(kind)) as server:
                made.run(server, **declared, holder="before")

    every(lake, published, act)


@pytest.mark.parametrize("first", ["replay", "replace"])
def test_a_replay_beside_a_replacement_brings_no_record_twice(lake: Callable[[], Lake], first: str) -> None:
    """A replayed record is in the object beside, or in the replaced object, never in both."""
    mended: dict[str, Any] = {"contract": Contract(fields={}, extra="evolve")}

    def published(made: Lake) -> None:
        with serving(answers("quarantine")) as server:
            made.run(server, contract=CONTRACT, holder="before")

    def act(made: Lake, nth: int) -> int:
        def replayed(s3: Any) -> None:
            with contextlib.suppress(ConditionLost, NotFound):
                replay(s3, source(**mended), made.target, "2026-11-23T00:00:00.000Z")

        with serving(answers("quarantine")) as server:

            def replaced(s3: Any) -> None:
                with contextlib.suppress(ConditionLost, UsageError):
                    made.run(server, replace=True, holder="other", s3=s3, **mended)

            one, other = (replayed, replaced) if first == "replay" else (replaced, replayed)
            client = Interleaved(made.s3, nth, lambda: other(made.s3))
            one(client)
        values = [row["n"] for key in made.keys(made.lake) for row in made.rows_of(key)]
        assert sorted(map(str, values)) == ["1", "2", "x"], (nth, values)
        return client.calls

    every(lake, published, act)
