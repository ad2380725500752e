"""`brigade`: the options of every command, the command groups, and the exit status of an error."""

import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated

import typer

from brigade import __version__
from brigade.aws import Connection
from brigade.cli.groups import Groups
from brigade.cli.session import Session
from brigade.errors import BrigadeError, SettingsError
from brigade.masking import MaskedStream, mask

# Errors of botocore, by name and not by class: a command that needs no AWS must not import botocore.
_REMEDIES = {
    "NoRegionError": "no AWS region is set: give --region, set AWS_REGION, or name one in the profile",
    "NoCredentialsError": "no AWS credentials were found: sign in, give --profile, or (for the AWS on this machine) "
    'eval "$(brigade local env)"',
}

app = typer.Typer(
    name="brigade",
    cls=Groups,
    help="Move data into and out of Amazon S3, and work on every object of a bucket of any size.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"brigade {__version__}")
        raise typer.Exit


@app.callback()
def brigade(
    context: typer.Context,
    stage: Annotated[
        str, typer.Option(envvar="BRIGADE_STAGE", metavar="STAGE", help="Stage of cdk.json to work on.")
    ] = "dev",
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", show_default="of the AWS configuration", help="AWS profile.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", show_default="of the AWS configuration", help="AWS region.")
    ] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(metavar="URL", show_default="AWS", help="URL of another server than AWS.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document to stdout, or JSON Lines for a stream.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only errors to stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print a traceback with an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Store the options of every command in the session."""
    _refuse_empty_variables()
    connection = Connection(profile=profile, region=region, endpoint_url=endpoint_url)
    context.obj = Session(stage=stage, connection=connection, json=json, quiet=quiet, debug=debug)


def _refuse_empty_variables() -> None:
    """Raise SettingsError if a `BRIGADE_…` variable is set and empty. An empty option is refused too.

    `BRIGADE_STAGE="$STAGE"` with an unset shell variable would otherwise work on the stage `dev`.
    """
    for name, value in os.environ.items():
        if name.startswith("BRIGADE_") and not value.strip():
            raise SettingsError(f"the environment variable {name} is empty; set a value, or unset it")


def main() -> None:
    """Run the command and exit: 0 done, 1 failed, 2 wrong usage, 3 a condition lost, 130 or 143 interrupted.

    An error is one line on stderr; `--debug` adds a traceback. A reader that closes stdout (`| head`) is no error. A
    stdout that cannot be written is one. The values of secrets are masked on stderr.
    """
    _open_closed_streams()
    signal.signal(signal.SIGTERM, _terminated)
    if sys.stderr is not None:  # errors, notes, progress, warnings, and the log lines of libraries
        sys.stderr = MaskedStream(sys.stderr)
    # Arrow's own allocator keeps the memory that threads free, 80 MiB for the rows of a report, and is not faster.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    gc.freeze()  # imported modules stay, so no garbage collection needs to visit them
    try:
        status = _run()
    except BrigadeError as error:
        status = _failed(error, error.exit_status)
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        status = 0  # the reader of stdout has closed it, which typer reports as a failure
    except KeyboardInterrupt:
        status = 130
    except Exception as error:  # noqa: BLE001 - any other error is one line too
        status = _failed(error, 1)
    with suppress(OSError):  # reported above; the flush at exit must not report it again
        sys.stdout.flush()
        sys.exit(status)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _run() -> int:
    """Run the command and flush stdout, so that a failing write is an error of the command."""
    try:
        status = app(standalone_mode=True)
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            _flush()
        raise
    _flush()
    return int(status or 0)


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise SystemExit(0) from None
    except OSError as error:
        raise BrigadeError(f"stdout: {error.strerror}") from error


def _open_closed_streams() -> None:
    """Open /dev/null for each of stdin, stdout and stderr that the caller has closed (`>&-`).

    Otherwise the first connection gets the free descriptor, and output is sent to the server. stdin and stdout are
    opened in the wrong direction, so that reading and writing fail with "Bad file descriptor", as on a closed one.
    Output to a closed stderr is dropped: print would write it to stdout, into the data.

    Source: gnulib, stdopen.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - a descriptor, open until the process ends
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 - as above


def _failed(error: Exception, status: int) -> int:
    if "--debug" in sys.argv:
        import traceback

        print(mask("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    kind = type(error).__name__
    text = str(error) if isinstance(error, BrigadeError) else _REMEDIES.get(kind, f"{kind}: {error}")
    print(f"brigade: {' '.join(mask(text).split())}", file=sys.stderr)
    return status


def _terminated(signum: int, frame: FrameType | None) -> None:
    sys.exit(128 + signum)
