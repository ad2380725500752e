"""``brigade database``: a database's URI from its secret, shown, or given to one program."""

import os
import signal
import sys
from typing import Annotated

import typer

from brigade.cli.combinations import combining
from brigade.cli.database_load import load
from brigade.cli.session import Session
from brigade.database.secret import DatabaseSecret
from brigade.database.uri import mask_uri
from brigade.errors import NotFound

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="A database's URI, made from its secret: docs/database.md."
)
app.command("load")(load)

_SecretId = Annotated[str, typer.Argument(metavar="SECRET_ID", help="The secret's name or ARN.")]
_Scheme = Annotated[
    str | None, typer.Option(help="In place of the engine's, for readers that name a driver: postgresql+psycopg.")
]


@app.command()
@combining(excludes={"mask": "show"})
def uri(
    context: typer.Context,
    secret_id: _SecretId,
    scheme: _Scheme = None,
    mask: Annotated[bool, typer.Option("--mask", help="Dots in place of the password, always.")] = False,
    show: Annotated[bool, typer.Option("--show", help="The password too, on a terminal as well.")] = False,
) -> None:
    """Print the URI; on a terminal with dots in place of the password, unless --show.

    A secret that is not there, or lacks a field, exits 1 with a line that names the field and no value.
    """
    session: Session = context.obj
    made = DatabaseSecret(session.client("secretsmanager"), secret_id).uri(scheme=scheme)
    hidden = mask or (sys.stdout.isatty() and not show)
    shown = mask_uri(made) if hidden else made
    session.reveal({"secret": secret_id, "uri": shown, "masked": hidden}, shown)
    if hidden and not mask:
        session.say("The password is masked on a terminal; --show shows it.")


@app.command("exec")
def exec_(
    context: typer.Context,
    secret_id: _SecretId,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND …", help="The program and its arguments.")],
    scheme: _Scheme = None,
) -> None:
    """Become COMMAND, with the URI as DATABASE_URI in its environment, and in no file, argument or log.

    The program's exit status and signals are its own. A program that is not there exits 1, and nothing is run.
    """
    session: Session = context.obj
    made = DatabaseSecret(session.client("secretsmanager"), secret_id).uri(scheme=scheme)
    # Python ignores SIGPIPE, and what is ignored stays so in the program: `| head` would no longer end it.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, {**os.environ, "DATABASE_URI": made})  # noqa: S606 - no shell is wanted
    except OSError as error:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        raise NotFound(f"cannot run {command[0]}: {error.strerror}") from None
