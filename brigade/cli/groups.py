"""The command groups, each loaded when it is named: a command in a shell loop does not wait for the others."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

NAMES = ("ingest", "inventory", "jobs", "pipe", "state", "database", "local")


class Groups(TyperGroup):
    """The groups, each the `app` of the module `brigade.cli.<name>.app`."""

    # typer keeps its copy of click to itself: what a context and a command are called is not public.
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _refuse_empty_options(self)

    def list_commands(self, ctx: object) -> list[str]:
        """Give the names for help and completion."""
        return list(NAMES)

    def get_command(self, ctx: object, cmd_name: str):  # type: ignore[no-untyped-def]  # click's type is private
        """Load the group of this name; None if there is none."""
        if cmd_name not in NAMES:
            return None
        command = typer.main.get_command(import_module(f"brigade.cli.{cmd_name}.app").app)
        command.name = cmd_name
        for each in command.commands.values():  # type: ignore[attr-defined]  # it is a group; click's type is private
            _refuse_empty_options(each)
        return command


def _refuse_empty_options(command: Any) -> None:
    """Make the command exit 2 if an option's text is empty, before it does anything.

    `--if-match "$ETAG"` of a shell variable that is not set would else be a write without its condition, and
    `--prefix "$PREFIX"` every object of the bucket.
    """
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.callback is None:
            parameter.callback = _not_empty


def _not_empty(context: Any, parameter: Any, value: Any) -> Any:
    if "" in (value if isinstance(value, list | tuple) else [value]):
        raise typer.BadParameter("it is empty; give a value, or leave the option out", context, parameter)
    return value
