"""`brigade state` and the script of the documentation, on the S3 of the local AWS."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from brigade.errors import ConditionLost
from brigade.state import State
from tests import command
from tests.local.conftest import REPOSITORY, Emulator

KEY = "script/cursor +%/ключ.json"


def test_the_command_gets_puts_and_lists(state: State, emulator: Emulator) -> None:
    environment = {**emulator.environment("root"), "BRIGADE_STATE_BUCKET": state.bucket}

    def brigade(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return command.run(["--json", "state", *arguments], environment={**os.environ, **environment}, stdin=given)

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
    for wrong in ("{not json", '{"a": NaN}', '{"a": 1, "a": 2}', "[-Infinity]", '{"a": [1e400]}', "[" * 100_000):
        refused = brigade("put", KEY, "-", given=wrong)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "the value is not JSON" in refused.stderr
    refused = brigade("put", KEY, f"[{10**30}]")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "$[0] is an integer of more than 64" in refused.stderr
    assert brigade("put", KEY, "1", "--if-absent", "--if-version", "x").returncode == 2


def test_the_command_shows_history_deletes_and_unlocks(state: State, emulator: Emulator) -> None:
    environment = {**os.environ, **emulator.environment("root"), "BRIGADE_STATE_BUCKET": state.bucket}
    client: Any = state.client
    client.put_bucket_versioning(Bucket=state.bucket, VersioningConfiguration={"Status": "Enabled"})

    def brigade(*arguments: str, exits: int = 0) -> Any:
        done = command.run(["--json", "state", *arguments], environment=environment)
        assert done.returncode == exits, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    held = {"lease": {"epoch": 7, "holder": "somebody", "seconds": 900.0}, "page": 3}
    brigade("put", KEY, json.dumps(held))
    brigade("put", KEY + "2", "2")
    brigade("unlock", KEY, exits=2)
    assert brigade("unlock", KEY, "--yes") == [{"key": KEY, "epoch": 7, "released": "somebody"}]
    assert brigade("unlock", KEY) == [{"key": KEY, "epoch": 7, "released": None}]
    assert brigade("get", KEY)[0]["value"] == {"lease": {"epoch": 7, "holder": None, "seconds": 0.0}, "page": 3}
    brigade("unlock", KEY + "2", exits=2)
    brigade("put", KEY + "3", '{"lease": {"epoch": "x"}}')
    brigade("unlock", KEY + "3", "--yes", exits=2)
    brigade("delete", KEY, exits=2)
    brigade("delete", KEY, "--if-version", "wrong", "--yes", exits=3)
    brigade("delete", KEY, "--yes")
    deleted, unlocked, first = brigade("history", KEY)
    assert (deleted["version"], deleted["bytes"]) == ("deleted", None)
    assert brigade("get", KEY, "--version-id", first["version_id"])[0]["value"] == held
    assert unlocked["version"] != first["version"]
    brigade("get", KEY, exits=1)


def test_the_script_of_the_documentation_goes_on_and_works_alone(
    state: State, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**emulator.environment("root"), "STATE_BUCKET": state.bucket}.items():
        monkeypatch.setenv(name, value)
    script = (REPOSITORY / "docs/state.md").read_text().split("```python\n")[2].split("```")[0]
    begun: list[str] = []

    def work_after(cursor: str) -> Iterator[str]:
        begun.append(cursor)
        yield "a"
        if not begun[1:]:
            with pytest.raises(ConditionLost, match=r"my-task is held by process .* \(epoch 1\)"):
                exec(script, {"work_after": work_after, "__name__": "task"})
        yield cursor + "b"

    for _ in range(2):
        exec(script, {"work_after": work_after, "__name__": "task"})
    assert begun == ["", "b"]
    assert (entry := state.get("my-task/progress.json", dict))
    assert entry.value == {"lease": {"epoch": 2, "holder": None, "seconds": 0.0}, "cursor": "bb"}
