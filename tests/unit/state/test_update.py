"""A change of a document by compare-and-swap: nothing of others is lost, and no change happens twice."""

from typing import Any

import msgspec
import pytest
from botocore.exceptions import ConnectionClosedError

from brigade.errors import ConditionLost
from brigade.s3 import Absent, Matches
from brigade.state import State
from brigade.state.lease import Lease, release
from tests.unit.strict_s3 import StrictS3


class Numbers(msgspec.Struct, frozen=True):
    """The document."""

    seen: tuple[int, ...] = ()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brigade.state.store.pause", lambda _: None)
    monkeypatch.setattr("brigade.s3.objects.pause", lambda _: None)


def add(state: State, number: int) -> tuple[int, ...]:
    change = lambda old: Numbers((*old.seen, number))  # noqa: E731 - one line of its own
    return state.update("k", change, default=Numbers(), kind=Numbers).value.seen


@pytest.mark.parametrize("exists", [False, True])
def test_a_change_that_came_between_read_and_write_is_kept(exists: bool) -> None:
    s3: Any = StrictS3()
    state = State(s3, "bucket")
    if exists:
        add(state, 0)
    s3.before["put_object"] = lambda: add(state, 1)
    assert add(state, 2) == ((0, 1, 2) if exists else (1, 2))


@pytest.mark.parametrize("rivals", [0, 1, 3])
def test_a_change_whose_answer_was_lost_is_not_made_again(rivals: int) -> None:
    s3: Any = StrictS3()
    state = State(s3, "bucket")
    real = s3.put_object

    def lost(**arguments: Any) -> Any:
        s3.put_object = real
        s3.put_object(**arguments)
        for number in range(rivals):
            add(state, number)
        raise ConnectionClosedError(endpoint_url="http://127.0.0.1")

    s3.put_object = lost
    assert add(state, 9) == (9, *range(rivals))


@pytest.mark.parametrize("condition", [Absent(), Matches('"e"')])
def test_a_document_is_put_under_its_condition_alone(condition: Absent | Matches) -> None:
    s3: Any = StrictS3()
    state = State(s3, "bucket")
    s3.put("k", b'{"seen":[7]}', Metadata={})
    with pytest.raises(ConditionLost, match="nothing was written"):
        state.put("k", Numbers((8,)), condition)
    found = state.get("k", Numbers)
    assert found
    assert found.value.seen == (7,)


def test_an_object_of_another_writer_is_not_taken_for_an_own_write_whose_answer_was_lost() -> None:
    s3: Any = StrictS3()
    state = State(s3, "bucket")

    def lost(**_: Any) -> Any:
        s3.put("k", b'{"seen":[7]}', Metadata={"brigade-write": "another"})
        raise ConnectionClosedError(endpoint_url="http://127.0.0.1")

    s3.put_object = lost
    with pytest.raises(ConditionLost):
        state.put("k", Numbers((8,)), Absent())


def test_a_released_lease_keeps_its_epoch() -> None:
    assert release(Lease(7, "one", 60.0)) == Lease(7)
