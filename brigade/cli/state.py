"""``brigade state``: JSON documents in the stage's state bucket, changed under compare-and-swap."""

import json
import sys
from typing import Annotated, Any

import typer

from brigade.cli.session import Session
from brigade.errors import NotFound, UsageError

app = typer.Typer(no_args_is_help=True, help="What scripts and ingests remember between runs.")

_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the document in the state bucket.")]


@app.command()
def get(context: typer.Context, key: _Key) -> None:
    """Print a document; under --json with its version, which put --if-version takes."""
    session: Session = context.obj
    entry = _state(session).get(key, object)
    if entry is None:
        raise NotFound(f"there is no state {key!r} in s3://{session.deployment['StateBucket']}")
    document = {"key": key, "version": entry.version.strip('"'), "value": entry.value}
    session.give(document, json.dumps(entry.value, indent=2, ensure_ascii=False))


@app.command()
def put(
    context: typer.Context,
    key: _Key,
    value: Annotated[str, typer.Argument(help="JSON, or - to read it from stdin.")],
    if_version: Annotated[str | None, typer.Option(help="Store only if the document has this version.")] = None,
    if_absent: Annotated[bool, typer.Option("--if-absent", help="Store only if there is none.")] = False,
) -> None:
    """Store a document, by default whatever is there. A condition that does not hold: exit 3."""
    from brigade.s3 import Absent, Matches

    if if_version and if_absent:
        raise UsageError("--if-version and --if-absent exclude each other")
    session: Session = context.obj
    condition = Absent() if if_absent else Matches(if_version) if if_version else None
    entry = _state(session).put(key, _parsed(value), condition)
    session.give({"key": key, "version": entry.version.strip('"')})


@app.command("list")
def list_(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(help="Only keys that start with this.")] = "",
) -> None:
    """List the keys, in order."""
    session: Session = context.obj
    session.table(("key",), ((key,) for key in _state(session).list(prefix)))


def _state(session: Session) -> Any:
    from brigade.state import State

    return State(session.client("s3"), session.deployment["StateBucket"])


def _parsed(value: str) -> object:
    text = sys.stdin.read() if value == "-" else value
    try:
        parsed: object = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the value is not JSON ({error}); text needs its quotes, as '\"text\"'") from None
    return parsed
