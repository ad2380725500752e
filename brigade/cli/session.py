"""The session of a command: stage, connection, deployment, and output."""

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
    """One run of the command. `print` and `print_table` write data to stdout, `note` writes messages to stderr."""

    stage: str
    connection: Connection
    json: bool = False
    quiet: bool = False
    debug: bool = False

    @cached_property
    def deployment(self) -> "Deployment":
        """The outputs of the stacks of this stage, read once."""
        from brigade.cli.deployment import Deployment

        return Deployment(stage=self.stage, connection=self.connection)

    @cached_property
    def terminal(self) -> "Console":
        """The console on stderr. It shows a progress bar only on a terminal."""
        from rich.console import Console

        return Console(stderr=True, quiet=self.quiet, highlight=False)

    def client(self, service: str) -> Any:
        """Return the client of an AWS service. Secrets of the local file take precedence over those of AWS."""
        if service in secrets_file.SERVICES and (found := secrets_file.read()):
            return secrets_file.FileClient(*found, lambda: self.connection.client(service), self.note)
        return self.connection.client(service)

    def note(self, text: str) -> None:
        """Print a message to stderr, unless `--quiet`."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def print(self, document: Mapping[str, Any], text: str | None = None) -> None:
        """Print a result: the document with `--json`, else `text`, or one line for each field of the document.

        The values of secrets are masked. `print_unmasked` prints them.
        """
        self.print_unmasked(masked(document), mask(text) if text is not None else None)

    def print_unmasked(self, document: Mapping[str, Any], text: str | None = None) -> None:
        """Print a result as `print` does, with the secrets that the caller asked for."""
        if self.json:
            print(_json(document))
        else:
            print(text if text is not None else "\n".join(f"{name}: {value}" for name, value in document.items()))

    def print_table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print rows: one JSON object a line with `--json`, else a table."""
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
        """Ask `question` on the terminal and abort unless the answer is yes. `--yes` answers it.

        Raises:
            UsageError: Nobody can answer: no `--yes`, and stdin is not a terminal.
        """
        self.require_answer(question, yes=yes)
        if not yes:
            typer.confirm(question, abort=True, err=True)

    def require_answer(self, question: str, *, yes: bool) -> None:
        """Check that a person can answer `question`, before work is done for its price and `confirm` asks it.

        Raises:
            UsageError: There is no `--yes`, and stdin is not a terminal.
        """
        if not yes and not sys.stdin.isatty():
            raise UsageError(
                f"{question} The command cannot ask, because stdin is not a terminal: add --yes to continue"
            )


def _json(document: Mapping[str, Any]) -> str:
    import json

    return json.dumps(document, ensure_ascii=False, default=str)


def _visible(text: str) -> str:
    """Return a key on one line, with control characters as Python escapes."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
