"""Every way out of a function passes the mask: its log, its error, what libraries log. A sweep finds new ways."""

import ast
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import msgspec
import psycopg
import pytest
import urllib3

from brigade import masking
from brigade.errors import BrigadeError, ConditionLost, InvalidData, RetryLater
from brigade.masking import MASK
from brigade.operations.outcome import classify_error, report_text
from lambdas.logs import masking_errors, masking_logger
from tests.unit.leaks import SECRET, leaks, spellings

REPOSITORY = Path(__file__).parents[2]
CONTEXT: Any = None


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_values", set())
    masking.register(SECRET)


def _decoding() -> Exception:
    try:
        msgspec.json.decode(f'{{"{SECRET}'.encode())
    except msgspec.DecodeError as error:
        return error
    raise AssertionError


def errors() -> list[Exception]:
    return [
        BrigadeError(f"refused: {SECRET}"),
        InvalidData(f"refused: {SECRET}"),
        ConditionLost(f"refused: {SECRET}"),
        RetryLater(f"later: {spellings()['percent-encoded']}", after_s=3),
        KeyError(SECRET),
        ValueError(SECRET, {"deep": SECRET}),
        OSError(2, "No such file", f"/tmp/{SECRET}"),
        UnicodeDecodeError("utf-8", SECRET.encode() + b"\xff", 0, 1, SECRET),
        _decoding(),
        urllib3.exceptions.LocationParseError(f"http://h/?key={spellings()['percent-encoded']}"),
        psycopg.OperationalError(f'missing "=" after "mysql://u:{spellings()["percent-encoded"]}@h/d"'),
        botocore.exceptions.ClientError({"Error": {"Code": "X", "Message": SECRET}}, "GetObject"),
        botocore.exceptions.EndpointConnectionError(endpoint_url=f"http://h/{SECRET}"),
    ]


@pytest.mark.parametrize("error", errors(), ids=lambda error: type(error).__name__)
def test_an_error_leaves_a_handler_with_its_name_and_without_the_secret(error: Exception) -> None:
    cause = ValueError(SECRET)

    def handler(_: Any, __: Any) -> None:
        raise error from cause

    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, this is about its text
        masking_errors(handler)({}, CONTEXT)
    assert type(raised.value).__name__ == type(error).__name__  # Step Functions retries by the name
    assert isinstance(raised.value, BrigadeError) == isinstance(error, BrigadeError)
    assert not leaks(f"{raised.value} {raised.value!r} {raised.value.args}")
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or not leaks(repr(raised.value.__context__))


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    out = io.StringIO()
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "of-this-test")  # a logger of its own, on this stream
    root = logging.StreamHandler(out)  # as Lambda's own
    logging.getLogger().addHandler(root)
    yield out
    logging.getLogger().removeHandler(root)


def test_a_log_line_is_masked_whatever_part_of_it_has_the_secret(
    logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", logged)  # here: pytest sets its own when a test begins
    logger = masking_logger()
    logger.append_keys(job=SECRET)
    for error in errors():
        logger.warning("failed: %s", SECRET, extra={"told": {"text": [SECRET, error]}, "n": 1.5}, exc_info=error)
    logging.getLogger("urllib3.connectionpool").warning(
        "Failed to parse headers (url=%s)", SECRET, exc_info=BrigadeError(SECRET)
    )
    lines = logged.getvalue().splitlines()
    ours = [json.loads(line) for line in lines if line.startswith("{")]
    assert [line["message"] for line in ours] == [f"failed: {MASK}"] * len(errors())
    assert {line["n"] for line in ours} == {1.5}
    assert f"Failed to parse headers (url={MASK})" in logged.getvalue()
    assert not leaks(logged.getvalue()), [line for line in lines if leaks(line)]


@pytest.mark.parametrize("how", spellings())
def test_what_a_report_of_a_job_says_of_a_task_is_masked_before_it_is_cut(how: str) -> None:
    text = "x" * 100 + spellings()[how]
    for limit in (110, 1024):
        assert not leaks(classify_error(ValueError(text), limit)[1])
        assert not leaks(report_text(text, limit))


def _handlers() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for file in sorted((REPOSITORY / "lambdas").glob("*/*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name == "handler":
                yield file, node


def test_every_handler_masks_its_errors_first_and_nobody_makes_another_logger() -> None:
    found = list(_handlers())
    assert len(found) >= 6
    for file, handler in found:
        assert handler.decorator_list, file
        assert ast.unparse(handler.decorator_list[0]) == "masking_errors", file
    for file in (REPOSITORY / "lambdas").rglob("*.py"):
        text = file.read_text()
        if file.name != "logs.py":
            assert "Logger(" not in text.replace("masking_logger(", ""), file
            assert "getLogger(" not in text, file
            assert "print(" not in text, file


def _calls(name: str) -> Iterator[str]:
    for file in (REPOSITORY / "brigade").rglob("*.py"):
        for number, text in enumerate(file.read_text().splitlines(), 1):
            if name in text:
                yield f"{file.relative_to(REPOSITORY)}:{number}"


@pytest.mark.parametrize("name", ["sys.__stderr__", "os.write(2", "faulthandler", "print_exc", "print_exception("])
def test_nothing_writes_past_the_stream_that_masks(name: str) -> None:
    assert list(_calls(name)) == []


def test_secrets_are_read_only_where_they_are_registered() -> None:
    readers: dict[str, Callable[[str], bool]] = {
        "get_secret_value(": lambda text: "register" in text or "FileClient" in text,
        ".get_parameter(": lambda text: "register" in text or "FileClient" in text,
        "SecretsProvider(": lambda text: "register_fields" in text,
        "access_token": lambda text: "register(" in text,
    }
    for file in [*(REPOSITORY / "brigade").rglob("*.py"), *(REPOSITORY / "lambdas").rglob("*.py")]:
        text = file.read_text()
        for call, registers in readers.items():
            assert call not in text or registers(text), f"{file} reads a secret and does not register it"
