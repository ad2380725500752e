"""Every command of `brigade`, and whether it is a question: `tests/local/test_questions.py` runs each question."""

from typing import Any

import typer

from brigade.cli.main import app

QUESTIONS = frozenset(
    {
        *("ingest list", "ingest check", "ingest show"),
        *("inventory deliveries", "inventory rows", "inventory diff"),
        *("inventory sql", "inventory questions", "inventory ask"),
        *("jobs operations", "jobs list", "jobs show", "jobs watch", "jobs report", "jobs estimate"),
        *("pipe from", "state get", "state list", "state history", "database uri", "local status", "local env"),
    }
)
"""Commands that change nothing, whatever their options; only `jobs estimate --allow-changes` does, and asks."""

ASKS = frozenset(
    {
        *("ingest backfill", "ingest reset", "inventory enable", "inventory disable", "inventory to-queue"),
        *("jobs submit", "jobs retry", "jobs confirm", "state delete", "state unlock", "local reset"),
    }
)
"""Commands that change something large, destroy, or cost money: they ask, or take `--yes`."""

ACTS = {
    "ingest run": "writes one date, once; --replace asks; --dry-run and --to - write nothing",
    "ingest invoke": "runs one date, once; --replace asks",
    "ingest replay": "writes records that are kept back beside their date; nothing is replaced",
    "jobs run": "runs one operation on one named object",
    "jobs cancel": "stops a job, and with it what it costs: a question would only delay that",
    "jobs priority": "changes one number, which changes back",
    "pipe to": "writes one named object",
    "pipe join": "writes one named object; --dry-run writes nothing",
    "pipe uploads": "lists; --abort asks",
    "state put": "writes one document, of which the history stays",
    "database exec": "runs the program that the person names",
    "database load": "loads one object in one transaction, once",
    "local up": "starts a process of this machine",
    "local down": "ends a process of this machine; what it holds is kept",
    "local deploy": "deploys to this machine",
    "local deliver-inventory": "writes a delivery on this machine",
}
"""Commands that act when called, without a question of their own, and why that is enough."""


ROOT: Any = typer.main.get_command(app)  # click's types are private to typer


def every() -> set[str]:
    """Return the name of each command that the application has, as `group command`."""
    groups = ROOT.list_commands(None)
    return {f"{group} {command}" for group in groups for command in ROOT.get_command(None, group).commands}


def command(name: str) -> Any:
    """Return the command `group command`."""
    group, _, own = name.partition(" ")
    return ROOT.get_command(None, group).commands[own]
