"""A variable of `brigade` that is set and empty is refused, whichever it is, as an empty option is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import brigade
from brigade.cli.main import app
from brigade.errors import SettingsError
from tests.unit.commands import every

SOURCES = Path(brigade.__file__).parent


def options() -> Iterator[Any]:
    """Yield every option of every command."""
    root: Any = typer.main.get_command(app)
    yield from root.params
    for name in every():
        group, _, command = name.partition(" ")
        yield from root.get_command(None, group).commands[command].params


def variables() -> set[str]:
    """Return the variables that options or the code of the command read, and one that overrides an output."""
    declared = {option.envvar for option in options() if option.envvar}
    named = {
        name for file in SOURCES.rglob("*.py") for name in re.findall(r'"(BRIGADE_[A-Z_]+[A-Z])"', file.read_text())
    }
    return {*declared, *named, "BRIGADE_LAKE_BUCKET"}


def test_the_sweep_finds_the_variables_of_options_and_of_code() -> None:
    assert variables() >= {"BRIGADE_STAGE", "BRIGADE_LOCAL_PORT", "BRIGADE_BASE_URL", "BRIGADE_SECRETS_FILE"}


@pytest.mark.parametrize("text", ["", " "])
@pytest.mark.parametrize("name", sorted(variables()))
def test_an_empty_variable_is_refused_before_anything_is_done(name: str, text: str) -> None:
    done = CliRunner().invoke(app, ["ingest", "list"], env={name: text})
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception) == f"the environment variable {name} is empty; set a value, or unset it"
    assert done.stdout == ""


def test_every_option_that_a_variable_sets_has_one_of_this_command() -> None:
    assert all(option.envvar.startswith("BRIGADE_") for option in options() if option.envvar)
