"""`brigade database`: the URI of a database, made from its secret."""

import os
import signal
import sys
from typing import Annotated

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.database.load import load
from brigade.cli.groups import command_group
from brigade.cli.session import Session
from brigade.database.secret import DatabaseSecret
from brigade.database.uri import mask_uri
from brigade.errors import NotFound

app = command_group("Connect to a database with the URI made from its secret: docs/database.md.")
app.command("load")(load)

_SecretId = Annotated[str, typer.Argument(metavar="SECRET_ID", help="Name or ARN of the secret.")]
_Scheme = Annotated[
    str | None,
    typer.Option(
        metavar="SCHEME",
        show_default="of the engine",
        help="URI scheme, for a library that needs a driver in it: postgresql+psycopg.",
    ),
]


@app.command()
@check_combinations(excludes={"mask": "show"})
def uri(
    context: typer.Context,
    secret_id: _SecretId,
    scheme: _Scheme = None,
    mask: Annotated[bool, typer.Option("--mask", help="Always print dots instead of the password.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the password, even on a terminal.")] = False,
) -> None:
    """Print the URI of the database. On a terminal the password is masked, unless --show.

    Use it for a program that needs the URI as an argument or in a file. `exec` is safer: it passes the URI in the
    environment of one program. A missing secret or a missing field exits 1 with the name of the field.

    Examples:
        brigade database uri prod/shop/reader --mask
        brigade database uri prod/shop/reader --scheme postgresql+psycopg > uri.txt
    """
    session: Session = context.obj
    made = DatabaseSecret(session.client("secretsmanager"), secret_id).uri(scheme=scheme)
    hidden = mask or (sys.stdout.isatty() and not show)
    shown = mask_uri(made) if hidden else made
    session.print_unmasked({"secret": secret_id, "uri": shown, "masked": hidden}, shown)
    if hidden and not mask:
        session.note("The password is masked on a terminal; --show shows it.")


@app.command("exec")
def exec_(
    context: typer.Context,
    secret_id: _SecretId,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND …", help="Program and its arguments.")],
    scheme: _Scheme = None,
) -> None:
    """Run COMMAND with the URI in its environment as DATABASE_URI, and in no file, argument or log.

    Use it to run a migration or a shell on a database. The program replaces this process, so its exit status and its
    signals are its own. A program that does not exist exits 1.

    Examples:
        brigade database exec prod/shop/reader -- sh -c 'psql "$DATABASE_URI"'
        brigade database exec prod/shop/owner -- alembic upgrade head
    """
    session: Session = context.obj
    made = DatabaseSecret(session.client("secretsmanager"), secret_id).uri(scheme=scheme)
    # Python ignores SIGPIPE, and the program would inherit that: `| head` would no longer end it.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, {**os.environ, "DATABASE_URI": made})  # noqa: S606 - no shell is wanted
    except OSError as error:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        raise NotFound(f"cannot run {command[0]}: {error.strerror}") from None
