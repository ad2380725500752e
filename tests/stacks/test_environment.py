"""A stack sets the environment variables that the handler of each function reads: no one is missing, none is unused."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.conftest import ROOT, Stage
from tests.stacks.database import synthesized

OPTIONAL = {"BRIGADE_BASE_URL"}
"""Read where it is set: a stage may replace the URL of a source."""
FOR_OPERATIONS = {"BRIGADE_LAKE_BUCKET"}
"""Set for the code of an operation that a user writes, which the handler calls."""


def variables_read(handler: str) -> set[str]:
    """The variables that a handler and the `environment.py` beside it name, in one string or as `f"BRIGADE_{each}"`."""
    module = (ROOT / Path(*handler.split(".")[:-1])).with_suffix(".py")
    text = "".join(file.read_text() for file in (module, module.with_name("environment.py")) if file.is_file())
    found = set(re.findall(r"\bBRIGADE_[A-Z_]+[A-Z]", text))
    for words in re.findall(r'f"BRIGADE_\{each\}"\] for each in \(([^)]*)\)', text):
        found |= {f"BRIGADE_{word}" for word in re.findall(r'"([A-Z_]+)"', words)}
    return found


def check(functions: list[dict[str, Any]]) -> None:
    for function in functions:
        variables = function.get("Environment", {}).get("Variables", {})
        given = {name for name in variables if name.startswith("BRIGADE_")}
        read, name = variables_read(function["Handler"]), function["FunctionName"]
        assert read - OPTIONAL <= given, name
        assert given <= read | (FOR_OPERATIONS if "-operation-" in name else set()), name


@pytest.mark.parametrize("which", ["dev", "prod"])
def test_each_function_gets_the_variables_that_its_handler_reads(stage: Stage, which: str) -> None:
    functions = [
        function
        for noun in ("ingest", "batch-operations", "inventory", "jobs")
        for function in stage(which).all(noun, "AWS::Lambda::Function").values()
        if str(function["Handler"]).startswith("lambdas.")
    ]
    assert {function["Handler"] for function in functions} == {
        "lambdas.ingest.handler.handler",
        "lambdas.batch_operations.handler.handler",
        "lambdas.inventory.arrived.handler",
        "lambdas.jobs.ended.handler",
        "lambdas.jobs.recur.handler",
    }
    check(functions)


def test_the_rotation_gets_the_variables_that_it_reads(tmp_path: Path) -> None:
    check(list(synthesized(tmp_path, target="aws").all("database", "AWS::Lambda::Function").values()))
