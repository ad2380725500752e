"""The command groups. Each is imported when it is named, so that a command in a shell loop does not load the others."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

NAMES = ("ingest", "inventory", "jobs", "pipe", "state", "database", "local")


def command_group(text: str) -> typer.Typer:
    """Return an empty command group whose help is `text`.

    Help is plain text: rich boxes would wrap the examples, and the import of rich would slow down every `--help`.
    """
    return typer.Typer(add_completion=False, no_args_is_help=True, help=text, rich_markup_mode=None)


class Groups(TyperGroup):
    """The root command: finds the group NAME in the module `brigade.cli.NAME.app`, as its `app`."""

    # typer ships a private copy of click: the types of a context and of a command are not public.
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands = dict.fromkeys(NAMES)  # type: ignore[assignment]  # the names alone, for suggestions
        _refuse_empty_options(self)

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names of the groups, for help and completion."""
        return list(NAMES)

    def get_command(self, ctx: object, cmd_name: str):  # type: ignore[no-untyped-def]  # click's type is private
        """Import the group `cmd_name` and return it; None for an unknown name."""
        if cmd_name not in NAMES:
            return None
        group = typer.main.get_command(import_module(f"brigade.cli.{cmd_name}.app").app)
        group.name = cmd_name
        for each in group.commands.values():  # type: ignore[attr-defined]  # it is a group; click's type is private
            _refuse_empty_options(each)
            _show_examples_last(each)
        return group


def _show_examples_last(command: Any) -> None:
    r"""Move the section "Examples:" of the docstring behind the options, with its lines unwrapped (`\b`)."""
    text, _, examples = (command.help or "").partition("\n\nExamples:\n")
    command.help = text
    command.epilog = f"\b\nExamples:\n{examples}" if examples else None


def _refuse_empty_options(command: Any) -> None:
    """Make the command exit 2 if the text of an option is empty, before it does anything.

    `--if-match "$ETAG"` with an unset shell variable would otherwise write without the condition, and
    `--prefix "$PREFIX"` would select every object of the bucket.
    """
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.callback is None:
            parameter.callback = _not_empty


def _not_empty(context: Any, parameter: Any, value: Any) -> Any:
    if "" in (value if isinstance(value, list | tuple) else [value]):
        raise typer.BadParameter("it is empty; set a value, or leave the option out", context, parameter)
    return value
