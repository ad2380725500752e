"""The core with operations that do what operations do: succeed, raise, hang, and be given nonsense."""

import signal
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import pytest

from brigade.errors import RetryLater, SettingsError
from brigade.operations.invocation import Invocation, Task
from brigade.operations.object import Object
from brigade.operations.operation import NoArguments, Operation
from brigade.operations.perform import perform_tasks
from tests.unit.operations.operations_lake import Lake, refusal


class Size(msgspec.Struct, frozen=True):
    size: Annotated[int, msgspec.Meta(ge=1, le=9)]
    format: Literal["png", "jpeg"] = "png"
    deep: bool = False


def invocation(*keys: str, **arguments: str) -> Invocation:
    tasks = [Task(id=f"task-{key}", bucket="lake", key_text=key, version_id=None) for key in keys]
    return Invocation(schema="2.0", id="i", job_id="j", arguments=arguments, tasks=tasks)


def operation(run: Callable[[Object, Any], str], arguments: type[msgspec.Struct] = NoArguments) -> Operation:
    return Operation(run=run, arguments=arguments, summary="", reads=("*",))


def test_every_task_has_its_own_result_whatever_the_others_did() -> None:
    def run(source: Object, _: Any) -> str:
        if source.key == "bad key":
            raise ValueError("bad")
        if source.key == "busy":
            raise RetryLater("later")
        return f"read {len(source.read(1))}"

    results = perform_tasks(operation(run), invocation("good", "bad+key", "busy", "gone"), Lake(good=b"12"), 60)
    assert [(result.task.id, result.code, result.text) for result in results] == [
        ("task-good", "Succeeded", "read 2"),
        ("task-bad+key", "PermanentFailure", "ValueError: bad"),
        ("task-busy", "TemporaryFailure", "RetryLater: later"),
        ("task-gone", "PermanentFailure", "NoSuchKey: The specified key does not exist. (GetObject)"),
    ]


def test_text_is_cut_to_what_the_operation_declares() -> None:
    def run(source: Object, _: Any) -> str:
        if source.key == "bad":
            raise ValueError("ü" * 500)
        return "ü" * 500

    for limit in (64, 101, 2000):
        declared = Operation(run=run, summary="", reads=("*",), text_bytes=limit)
        for result in perform_tasks(declared, invocation("good", "bad"), Lake(), 60):
            assert min(limit, 900) - 3 < len(result.text.encode()) <= max(limit, 64)
            assert result.text.endswith("…") == (limit < 1000)


@pytest.mark.parametrize("limit", [63, 65_537])
def test_a_limit_of_text_that_makes_no_sense_is_refused(limit: int) -> None:
    with pytest.raises(SettingsError, match="it takes a whole number, 64 to 65536"):
        Operation(run=lambda _source, _arguments: "", summary="", reads=("*",), text_bytes=limit)


def test_arguments_come_typed() -> None:
    seen: list[Any] = []

    def run(_: Object, arguments: Any) -> str:
        seen.append(arguments)
        return ""

    (result,) = perform_tasks(operation(run, Size), invocation("k", size="7", deep="true"), Lake(), 60)
    assert result.code == "Succeeded"
    assert seen == [Size(size=7, format="png", deep=True)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "UsageError: arguments: object missing required field `size`"),
        ({"size": "x"}, "UsageError: argument size: expected `int`, got `str`, not 'x'"),
        ({"size": "10"}, "UsageError: argument size: expected `int` <= 9, not '10'"),
        ({"size": "1", "format": "gif"}, "UsageError: argument format: invalid enum value 'gif'"),
        ({"size": "1", "colour": "red"}, "UsageError: no argument 'colour'; there are size, format, deep"),
    ],
)
def test_a_wrong_argument_is_permanent_and_named(arguments: dict[str, str], text: str) -> None:
    (result,) = perform_tasks(operation(lambda *_: "", Size), invocation("k", **arguments), Lake(), 60)
    assert (result.code, result.text) == ("PermanentFailure", text)


def test_a_key_that_is_not_utf8_is_permanent() -> None:
    (result,) = perform_tasks(operation(lambda *_: ""), invocation("%FF%FE"), Lake(), 60)
    assert result.code == "PermanentFailure"
    assert "not UTF-8" in result.text


def test_a_task_that_would_outlive_the_function_is_stopped_in_time_and_cleaned_up() -> None:
    stopped_after = []

    def run(*_: Any) -> str:
        try:
            time.sleep(30)
        except Exception:  # noqa: BLE001 - what a careless operation does; it must not swallow the deadline
            return "swallowed"
        finally:
            stopped_after.append(time.monotonic() - began)
        return "done"

    began = time.monotonic()
    results = perform_tasks(operation(run), invocation("first", "second"), Lake(), 3)
    assert stopped_after[0] < 3, "its result would come too late"
    assert [result.code for result in results] == ["TemporaryFailure", "TemporaryFailure"]
    assert "OutOfTime" in results[0].text


def test_a_task_that_the_time_does_not_allow_is_not_begun() -> None:
    (result,) = perform_tasks(operation(lambda *_: pytest.fail("begun")), invocation("k"), Lake(), 0)
    assert result.code == "TemporaryFailure"


def test_no_timer_is_left_behind() -> None:
    perform_tasks(operation(lambda *_: "done"), invocation("k"), Lake(), 0.3)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_running_out_of_memory_is_permanent() -> None:
    def run(*_: Any) -> str:
        raise MemoryError

    (result,) = perform_tasks(operation(run), invocation("k"), Lake(), 60)
    assert (result.code, result.text) == ("PermanentFailure", "MemoryError")


def test_throttling_while_reading_is_temporary() -> None:
    lake = Lake(k=b"x")
    lake.fails = [refusal("SlowDown", 503)]
    (result,) = perform_tasks(operation(lambda source, _: str(source.read(1))), invocation("k"), lake, 60)
    assert result.code == "TemporaryFailure"
