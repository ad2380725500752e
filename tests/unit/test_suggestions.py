"""A name that is mistyped: the line that refuses it names the nearest one."""

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from brigade.catalog import question
from brigade.cli.ingest.sources import find_source, find_state_machine
from brigade.cli.jobs.selection import find_job_operation
from brigade.cli.main import app
from brigade.errors import NotFound, UsageError, did_you_mean
from brigade.inventory.rows.scanner import schema
from brigade.operations.arguments import parse_arguments
from lambdas.batch_operations.operations.thumbnail import OPERATION


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["inventroy", "rows"], "'inventory'"),
        (["job", "list"], "'jobs'"),
        (["jobs", "lst"], "'list'"),
        (["pipe", "form", "s3://b/k"], "'from'"),
        (["pipe", "to", "s3://b/k", "--no-overwite"], "--no-overwrite"),
        (["--staeg", "dev", "jobs", "list"], "--stage"),
    ],
)
def test_a_command_and_an_option(words: list[str], suggestion: str) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert suggestion in done.stderr


@pytest.mark.parametrize(
    ("look_up", "name", "suggestion"),
    [
        (find_source, "demmo", "demo"),
        (find_job_operation, "thumbnial", "thumbnail"),
        (find_job_operation, "tag", "s3:tag"),
        (question, "bigest", "largest"),
        (lambda name: parse_arguments(OPERATION.arguments, {name: "64"}), "sise", "size"),
    ],
)
def test_a_source_an_operation_a_question_and_an_argument(look_up: Any, name: str, suggestion: str) -> None:
    with pytest.raises(UsageError) as raised:
        look_up(name)
    assert str(raised.value).endswith(f"did you mean {suggestion!r}?")


def test_a_column_of_a_delivery() -> None:
    manifest = SimpleNamespace(columns={"key": "text", "size": "integer", "last_modified_date": "timestamp"})
    with pytest.raises(NotFound, match=r"no column last_modified; did you mean 'last_modified_date'\?"):
        schema(manifest, ["key", "last_modified"])  # type: ignore[arg-type]  # what it reads of one


def test_a_source_that_is_not_deployed() -> None:
    session: Any = SimpleNamespace(stage="dev", deployment=SimpleNamespace(named=lambda _: {"demo": "arn"}))
    with pytest.raises(NotFound, match=r"'demos' is not deployed in stage 'dev'; did you mean 'demo'\?"):
        find_state_machine(session, "demos")


def test_a_name_that_is_like_no_other_gets_all_of_them() -> None:
    assert did_you_mean("colour", ["key", "size"]) == "there are key, size"
    assert did_you_mean("colour", []) == "there are none"
