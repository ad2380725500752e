"""A stack sets the environment variables that the handler of each function reads: no one is missing, none is unused."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from lambdas.environment import FunctionEnvironment
from tests.stacks.conftest import ROOT, Stage
from tests.stacks.database import synthesized

HANDLERS = {
    "lambdas.ingest.handler.handler",
    "lambdas.batch_operations.handler.handler",
    "lambdas.inventory.arrived.handler",
    "lambdas.jobs.ended.handler",
    "lambdas.jobs.recur.handler",
}
AWS_VARIABLES = {"lambdas/trace.py"}
"""Modules that read variables which Lambda itself sets."""


def declared(handler: str) -> dict[str, bool]:
    """The variables of the environment that the module of a handler reads, and whether each is required."""
    module = importlib.import_module(handler.rpartition(".")[0])
    kinds = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, FunctionEnvironment)]
    assert len(kinds) <= 1, handler
    return dict(kinds[0].names()) if kinds else {}


def check(functions: list[dict[str, Any]]) -> None:
    for function in functions:
        variables = function.get("Environment", {}).get("Variables", {})
        given = {name for name in variables if name.startswith("BRIGADE_")}
        known, name = declared(function["Handler"]), function["FunctionName"]
        assert {variable for variable, is_required in known.items() if is_required} <= given, name
        assert given <= known.keys(), name


@pytest.mark.parametrize("which", ["dev", "prod"])
def test_each_function_gets_the_variables_that_its_handler_reads(stage: Stage, which: str) -> None:
    functions = [
        function
        for noun in ("ingest", "batch-operations", "inventory", "jobs")
        for function in stage(which).all(noun, "AWS::Lambda::Function").values()
        if str(function["Handler"]).startswith("lambdas.")
    ]
    assert {function["Handler"] for function in functions} == HANDLERS
    check(functions)


def test_the_rotation_gets_the_variables_that_it_reads(tmp_path: Path) -> None:
    check(list(synthesized(tmp_path, target="aws").all("database", "AWS::Lambda::Function").values()))


def count_stray(text: str) -> int:
    """Return the number of uses of the process's environment in a module, except through its handler's struct."""
    names = {"environ", "getenv", "environb", "getenvb"}
    nodes = list(ast.walk(ast.parse(text)))
    uses = [node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr in names]
    uses += [
        each.name for node in nodes if isinstance(node, ast.ImportFrom) for each in node.names if each.name in names
    ]
    return len(uses) - len(re.findall(r"\b[A-Z]\w*Environment\.read\(os\.environ\)", text))


def test_a_handler_reads_its_environment_by_a_struct_only() -> None:
    for file in sorted((ROOT / "lambdas").rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        if path not in AWS_VARIABLES:
            assert count_stray(file.read_text()) == 0, f"{path}: read the environment by a struct of `environment.py`"


def test_the_stacks_and_handlers_spell_no_variable() -> None:
    for folder in ("lambdas", "stacks"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file != ROOT / "lambdas/environment.py":
                strings = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant))
                spelled = [node.value for node in strings if re.fullmatch(r"BRIGADE_\w*", str(node.value))]
                assert not spelled, f"{file.relative_to(ROOT)} spells {spelled}: name the field of an environment"


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("import os\nSomeEnvironment.read(os.environ)\n", 0),
        ("import os\nos.environ['BRIGADE_STAGE']\n", 1),
        ("import os\nos.getenv('BRIGADE_STAGE')\n", 1),
        ("import os\nSomeEnvironment.read(os.environ)\nos.environ.get('X')\n", 1),
        ("from os import environ\n", 1),
    ],
)
def test_a_handler_without_a_struct_is_found(text: str, stray: int) -> None:
    assert count_stray(text) == stray
