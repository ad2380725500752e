"""State on the S3 of the local AWS, by the library and by the command."""

import itertools
import pickle
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from brigade.errors import ConditionLost, InvalidData, NotFound
from brigade.s3 import Absent, Matches
from brigade.state import State
from brigade.state.lease import Lease, acquire, release
from brigade.state.store import LIMIT
from tests.local.faults import Faulty, lost, own_412, unsent

KEY = "script/cursor +%/ключ.json"


class Cursor(msgspec.Struct, frozen=True):
    page: int
    note: str = ""


def test_what_is_put_is_got_with_its_version(state: State) -> None:
    assert state.get(KEY, Cursor) is None
    put = state.put(KEY, Cursor(1, "é"), Absent())
    got = state.get(KEY, Cursor)
    assert got
    assert (got.value, got.version) == (put.value, put.version)
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
    with pytest.raises(ConditionLost, match="not deleted") as raised:
        state.delete(KEY, first.version)
    for part in (KEY, first.version, second.version):
        assert part in str(raised.value)
    state.delete(KEY, second.version)
    state.delete(KEY)
    assert state.get(KEY, Cursor) is None


@pytest.mark.parametrize("fault", [lost, own_412])
def test_a_change_whose_answer_is_lost_is_made_once(state: State, fault: Any) -> None:
    state.put(KEY, Cursor(1))
    unsure = State(Faulty(state.client, "put_object", fault), state.bucket)
    assert unsure.update(KEY, lambda now: Cursor(now.page + 1), default=Cursor(0), kind=Cursor).value == Cursor(2)
    entry = state.get(KEY, Cursor)
    assert entry
    assert entry.value == Cursor(2)


def test_no_change_of_64_writers_is_lost(state: State) -> None:
    def count() -> None:
        state.update(KEY, lambda now: Cursor(now.page + 1), default=Cursor(0), kind=Cursor)

    writers = [threading.Thread(target=count) for _ in range(64)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entry = state.get(KEY, Cursor)
    assert entry
    assert entry.value.page == 64


def appended(item: object) -> Callable[[list[object]], list[object]]:
    return lambda now: [*now, item]


def test_each_update_is_made_once_though_a_third_of_the_answers_is_lost(state: State) -> None:
    """Four writers append to a list: what was acknowledged is there once, and nothing is there twice."""
    acknowledged: list[str] = []

    def append(writer: int) -> None:
        chance = random.Random(writer)

        def flaky(call: Any) -> Any:
            if chance.random() > 1 / 3:
                return call()
            return chance.choice([lost, own_412])(call)

        unsure = State(Faulty(state.client, "put_object", *([flaky] * 1000)), state.bucket)
        for number in range(20):
            name = f"{writer}-{number}"
            unsure.update(KEY, appended(name), default=[], kind=list)
            acknowledged.append(name)

    writers = [threading.Thread(target=append, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entry = state.get(KEY, list)
    assert entry
    assert sorted(entry.value) == sorted(acknowledged)
    assert len(acknowledged) == 80


@pytest.mark.parametrize(
    ("rivals", "fault", "first"),
    [*itertools.product((0, 1), (lost, own_412, unsent), (True, False)), *((n, lost, False) for n in (62, 63, 64))],
)
def test_an_update_whose_answer_is_lost_is_found_in_what_others_made_of_it(
    state: State, rivals: int, fault: Any, first: bool
) -> None:
    def overtaken(call: Any) -> Any:
        try:
            return fault(call)
        finally:
            for number in range(rivals):
                state.update(KEY, appended(number), default=[], kind=list)

    if not first:
        state.put(KEY, ["begun"])
    unsure = State(Faulty(state.client, "put_object", overtaken), state.bucket)
    try:
        unsure.update(KEY, appended("mine"), default=[], kind=list)
    except ConditionLost as error:
        assert rivals >= 63
        assert "too much was written since to tell" in str(error)  # noqa: PT017
        return
    entry = state.get(KEY, list)
    assert entry
    assert entry.value.count("mine") == 1
    assert [each for each in entry.value if isinstance(each, int)] == list(range(rivals))


@pytest.mark.parametrize("fault", [lost, unsent])
def test_a_put_of_another_kind_in_between_makes_a_lost_update_an_error(state: State, fault: Any) -> None:
    def overtaken(call: Any) -> Any:
        try:
            return fault(call)
        finally:
            entry = state.get(KEY, list)
            state.put(KEY, [*(entry.value if entry else []), "put"])

    state.put(KEY, ["begun"])
    unsure = State(Faulty(state.client, "put_object", overtaken), state.bucket)
    with pytest.raises(ConditionLost, match="Read the document before you repeat the change"):
        unsure.update(KEY, appended("mine"), default=[], kind=list)


def test_a_refusal_that_is_certain_is_no_error_whatever_was_written_in_between(state: State) -> None:
    def overtaken(call: Any) -> Any:
        state.put(KEY, ["put"])
        return call()

    state.put(KEY, ["begun"])
    slow = State(Faulty(state.client, "put_object", overtaken), state.bucket)
    assert slow.update(KEY, appended("mine"), default=[], kind=list).value == ["put", "mine"]


def test_a_document_that_is_too_large_to_read_is_not_written(state: State) -> None:
    with pytest.raises(InvalidData, match=r"cannot be stored: it has 67108865 bytes, more than the 67108864"):
        state.put(KEY, "x" * (LIMIT - 1))
    assert state.get(KEY, str) is None
    state.put(KEY, "x" * (LIMIT - 2))
    entry = state.get(KEY, str)
    assert entry
    assert len(entry.value) == LIMIT - 2
    with pytest.raises(InvalidData, match="cannot be stored: it has"):
        State(state.client, state.bucket, codec="pickle").put("p", b"x" * LIMIT)


def test_a_pickle_of_an_older_script_is_read_by_name_and_moved_over(state: State) -> None:
    body = pickle.dumps({"cursor": 17, "seen": {"a", "b"}})
    state.client.put_object(Bucket=state.bucket, Key="state.pkl", Body=body)
    with pytest.raises(InvalidData):
        state.get("state.pkl", dict)
    old = State(state.client, state.bucket, codec="pickle")
    entry = old.get("state.pkl", dict)
    assert entry
    assert entry.value == {"cursor": 17, "seen": {"a", "b"}}
    old.put("state.pkl", entry.value | {"cursor": 18}, Matches(entry.version))
    again = old.get("state.pkl", dict)
    assert again
    assert again.value["cursor"] == 18
    with pytest.raises(InvalidData, match="a pickle of dict, not list"):
        old.get("state.pkl", list)
    state.client.put_object(Bucket=state.bucket, Key="state.pkl", Body=body[:-3])
    with pytest.raises(InvalidData, match="cannot be unpickled"):
        old.get("state.pkl", dict)


def test_the_first_run_gets_the_default_and_the_next_what_was_stored(state: State) -> None:
    for page in (18, 19):
        entry = state.update(KEY, lambda now: Cursor(now.page + 1), default=Cursor(17, "new"), kind=Cursor)
        assert entry.value.page == page
    got = state.get(KEY, Cursor)
    assert got
    assert (got.value, got.version) == (entry.value, entry.version)


def test_keys_are_listed_in_order_and_a_history_has_every_version(state: State) -> None:
    client: Any = state.client
    client.put_bucket_versioning(Bucket=state.bucket, VersioningConfiguration={"Status": "Enabled"})
    stored = [state.put(KEY, Cursor(page)).version for page in range(3)]
    for key in ("b", KEY + "/2", "a"):
        state.put(key, Cursor(0))
    state.delete(KEY)
    assert [*state.list()] == sorted(("a", "b", KEY + "/2"), key=str.encode)
    assert [*state.list("script/")] == [KEY + "/2"]
    deleted, *versions = state.history(KEY)
    assert (deleted.etag, deleted.latest) == (None, True)
    assert [version.etag for version in versions] == stored[::-1]
    assert [(entry := state.get(KEY, Cursor, version_id=each.id)) and entry.value.page for each in versions] == [
        2,
        1,
        0,
    ]


def test_a_bucket_that_is_not_there_is_no_first_run(state: State) -> None:
    nowhere = State(state.client, f"{state.bucket}-not")
    for call in (
        lambda: nowhere.get(KEY, Cursor),
        lambda: nowhere.put(KEY, Cursor(1)),
        lambda: nowhere.update(KEY, lambda now: now, default=Cursor(0), kind=Cursor),
        lambda: nowhere.delete(KEY),
        lambda: list(nowhere.list()),
        lambda: list(nowhere.history(KEY)),
    ):
        with pytest.raises(NotFound, match=r"-not/.*: there is no such bucket"):
            call()


def test_a_lease_is_held_until_released_or_over_by_the_clock_of_s3(state: State) -> None:
    class Guarded(msgspec.Struct):
        lease: Lease = Lease()

    def take(holder: str, seconds: float) -> Lease:
        entry = state.get(KEY, Guarded)
        lease = entry.value.lease if entry else Lease()
        fresh = acquire(lease, holder, seconds, age=entry.age if entry else 0.0, what=KEY)
        state.put(KEY, Guarded(fresh), Matches(entry.version) if entry else Absent())
        return fresh

    assert take("one", 100) == Lease(1, "one", 100)
    with pytest.raises(ConditionLost, match=r"is held by one \(epoch 1\) for \d+ s more"):
        take("two", 100)
    assert take("one", 0).epoch == 2
    time.sleep(1.1)  # the clock of S3 counts whole seconds
    assert take("two", 100) == Lease(3, "two", 100)
    state.put(KEY, Guarded(release(take("two", 100))))
    assert take("three", 1).epoch == 5


def test_what_is_of_another_shape_is_said(state: State) -> None:
    state.put(KEY, ["not", "a", "cursor"])
    with pytest.raises(InvalidData, match=r"is not the state expected there: Expected `object`, got `array`"):
        state.get(KEY, Cursor)
