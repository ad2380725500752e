"""The command groups, each loaded when it is named: a command in a shell loop does not wait for the others."""

from importlib import import_module

import typer
from typer.core import TyperGroup

NAMES = ("ingest", "inventory", "jobs", "pipe", "state", "database", "local")


class Groups(TyperGroup):
    """The groups as the modules ``brigade.cli.<name>`` hold them, in ``app``."""

    # typer keeps its copy of click to itself: what a context and a command are called is not public.
    def list_commands(self, ctx: object) -> list[str]:
        """Give the names for help and completion."""
        return list(NAMES)

    def get_command(self, ctx: object, cmd_name: str):  # type: ignore[no-untyped-def]  # click's type is private
        """Load the group of this name; None if there is none."""
        if cmd_name not in NAMES:
            return None
        command = typer.main.get_command(import_module(f"brigade.cli.{cmd_name}").app)
        command.name = cmd_name
        return command
