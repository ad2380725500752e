"""Every command of `brigade`, and whether it is a question: `tests/local/test_questions.py` runs each question."""

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


def every() -> set[str]:
    """Return the name of each command that the application has, as `group command`."""
    root = typer.main.get_command(app)
    names = set()
    for group in root.list_commands(None):  # type: ignore[attr-defined]  # the root is a group; click's types are private
        commands = root.get_command(None, group).commands  # type: ignore[attr-defined]  # as above
        names |= {f"{group} {command}" for command in commands}
    return names
