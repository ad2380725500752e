"""State on the S3 of the local AWS, by the library and by the command."""

import json
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from brigade.errors import ConditionLost, InvalidData
from brigade.s3 import Absent, Matches
from brigade.state import State
from tests.local.conftest import REPOSITORY, Emulator
from tests.local.faults import Faulty, lost, own_412

KEY = "script/cursor +%/ключ.json"


class Cursor(msgspec.Struct, frozen=True):
    page: int
    note: str = ""


@pytest.fixture
def state(emulator: Emulator) -> Iterator[State]:
    made = State(emulator.root("s3"), f"state-{uuid.uuid4().hex[:12]}")
    made.client.create_bucket(Bucket=made.bucket)  # type: ignore[attr-defined] # a whole client stands behind it
    yield made
    made.client.close()  # type: ignore[attr-defined] # the same


def test_what_is_put_is_got_with_its_version(state: State) -> None:
    assert state.get(KEY, Cursor) is None
    put = state.put(KEY, Cursor(1, "é"), Absent())
    got = state.get(KEY, Cursor)
    assert got == put
    changed = state.put(KEY, Cursor(2), Matches(put.version))
    assert changed.version != put.version


def test_a_conflict_names_the_key_and_both_versions(state: State) -> None:
    first = state.put(KEY, Cursor(1))
    second = state.put(KEY, Cursor(2))
    with pytest.raises(ConditionLost) as raised:
        state.put(KEY, Cursor(3), Matches(first.version))
    for part in (KEY, first.version, second.version):
        assert part in str(raised.value)
    with pytest.raises(ConditionLost, match="exists already"):
        state.put(KEY, Cursor(3), Absent())
    with pytest.raises(ConditionLost, match="not deleted"):
        state.delete(KEY, first.version)
    state.delete(KEY, second.version)
    state.delete(KEY)
    assert state.get(KEY, Cursor) is None


@pytest.mark.parametrize("fault", [lost, own_412])
def test_a_change_whose_answer_is_lost_is_made_once(state: State, fault: Any) -> None:
    state.put(KEY, Cursor(1))
    unsure = State(Faulty(state.client, "put_object", fault), state.bucket)
    assert unsure.update(KEY, lambda now: Cursor(now.page + 1), default=Cursor(0), kind=Cursor).value == Cursor(2)
    assert state.get(KEY, Cursor) == unsure.get(KEY, Cursor)


def test_no_change_of_many_writers_is_lost(state: State) -> None:
    def count() -> None:
        for _ in range(4):
            state.update(KEY, lambda now: Cursor(now.page + 1), default=Cursor(0), kind=Cursor)

    writers = [threading.Thread(target=count) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entry = state.get(KEY, Cursor)
    assert entry
    assert entry.value.page == 16


def test_what_is_of_another_shape_is_said(state: State) -> None:
    state.put(KEY, ["not", "a", "cursor"])
    with pytest.raises(InvalidData, match=r"is not the state expected there: Expected `object`, got `array`"):
        state.get(KEY, Cursor)


def test_the_command_gets_puts_and_lists(state: State, emulator: Emulator) -> None:
    environment = {**emulator.environment("root"), "BRIGADE_STATE_BUCKET": state.bucket}

    def brigade(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        command = [str(REPOSITORY / ".venv/bin/brigade"), "--json", "state", *arguments]
        return subprocess.run(
            command, input=given, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )

    assert brigade("put", KEY, "-", "--if-absent", given='{"page": 1}').returncode == 0
    lost_race = brigade("put", KEY, "2", "--if-absent")
    assert lost_race.returncode == 3
    assert "exists already" in lost_race.stderr
    got = json.loads(brigade("get", KEY).stdout)
    assert got["value"] == {"page": 1}
    assert brigade("put", KEY, "[2]", "--if-version", got["version"]).returncode == 0
    stale = brigade("put", KEY, "[3]", "--if-version", got["version"])
    assert stale.returncode == 3
    assert KEY in stale.stderr
    assert json.loads(brigade("list", "script/").stdout) == {"key": KEY}
    missing = brigade("get", "nothing")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert brigade("put", KEY, "{not json").returncode == 2
    assert brigade("put", KEY, "1", "--if-absent", "--if-version", "x").returncode == 2
