"""What a command has in hand: the stage, the connection, what is deployed, and how to talk to the person."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from brigade.aws import Connection
from brigade.cli import secrets_file
from brigade.errors import UsageError
from brigade.masking import mask, masked

if TYPE_CHECKING:
    from rich.console import Console

    from brigade.cli.deployment import Deployment


@dataclass(frozen=True)
class Session:
    """One run of the command. Data goes to stdout by ``give`` and ``table``, talk to stderr by ``say``."""

    stage: str
    connection: Connection
    json: bool = False
    quiet: bool = False
    debug: bool = False

    @cached_property
    def deployment(self) -> "Deployment":
        """What is deployed in this stage, read once."""
        from brigade.cli.deployment import Deployment

        return Deployment(stage=self.stage, connection=self.connection)

    @cached_property
    def terminal(self) -> "Console":
        """Where talk goes: stderr; a progress bar shows only if this is a terminal."""
        from rich.console import Console

        return Console(stderr=True, quiet=self.quiet, highlight=False)

    def client(self, service: str) -> Any:
        """Return the client of an AWS service; secrets of the file on this machine come before those of AWS."""
        if service in secrets_file.SERVICES and (found := secrets_file.read()):
            return secrets_file.FileClient(*found, lambda: self.connection.client(service), self.note)
        return self.connection.client(service)

    def note(self, text: str) -> None:
        """Tell the person something that is not data, on stderr, unless ``--quiet``."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def print(self, document: Mapping[str, Any], text: str | None = None) -> None:
        """Print the result: the document under ``--json``, else ``text`` or the document's fields a line each.

        Values of secrets are masked in both. ``reveal`` shows them.
        """
        self.print_unmasked(masked(document), mask(text) if text is not None else None)

    def print_unmasked(self, document: Mapping[str, Any], text: str | None = None) -> None:
        """Print a result that the person asked to see with its secrets, as ``give`` prints others."""
        if self.json:
            print(_json(document))
        else:
            print(text if text is not None else "\n".join(f"{name}: {value}" for name, value in document.items()))

    def print_table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print rows: a JSON object a line under ``--json``, else a table as wide as it needs to be."""
        from rich.console import Console
        from rich.table import Table

        if self.json:
            for row in rows:
                print(_json(dict(zip(columns, row, strict=True))))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=not sys.stdout.isatty())
        for row in rows:
            table.add_row(*("" if value is None else _visible(str(value)) for value in row))
        Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 1000).print(table)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only if the person agrees: ``--yes``, or ``y`` at a terminal; without either, exit 2."""
        self.require_answer(question, yes=yes)
        if not yes:
            typer.confirm(question, abort=True, err=True)

    def require_answer(self, question: str, *, yes: bool) -> None:
        """Raise UsageError when nobody can answer `question`: no `--yes`, and stdin is no terminal.

        A command calls this before its first effect, where `confirm` comes later: the question needs a price, and the
        price needs work.
        """
        if not yes and not sys.stdin.isatty():
            raise UsageError(f"{question} Not asked, since stdin is no terminal: add --yes to go on")


def _json(document: Mapping[str, Any]) -> str:
    import json

    return json.dumps(document, ensure_ascii=False, default=str)


def _visible(text: str) -> str:
    """Show a key on one line whatever bytes it has: control characters as Python escapes."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
