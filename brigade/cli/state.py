"""``brigade state``: JSON documents in the stage's state bucket, changed under compare-and-swap."""

import codecs
import json
import sys
from decimal import Decimal
from typing import Annotated, Any, cast, get_args

import typer

from brigade.cli.combinations import combining
from brigade.cli.session import Session
from brigade.errors import NotFound, UsageError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="What scripts and ingests remember between runs.")

_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the document in the state bucket.")]


@app.command()
@combining(needs={"encoding": "codec=pickle"})
def get(
    context: typer.Context,
    key: _Key,
    version_id: Annotated[str | None, typer.Option(help="As it was then; history lists the ids.")] = None,
    codec: Annotated[str, typer.Option(help="pickle runs code of whoever wrote the document: docs/state.md.")] = "json",
    encoding: Annotated[str, typer.Option(help="Of strings that Python 2 pickled: latin1 with datetimes.")] = "ASCII",
) -> None:
    """Print a document; under --json with its version, which put --if-version takes."""
    from brigade.state.encode import to_json_types

    session: Session = context.obj
    entry = _state(session, codec, encoding).get(key, object, version_id=version_id)
    if entry is None:
        raise NotFound(f"there is no state {key!r} in s3://{session.deployment['StateBucket']}")
    value = to_json_types(entry.value, f"s3://{session.deployment['StateBucket']}/{key}")
    document = {"key": key, "version": entry.version.strip('"'), "value": value}
    session.give(document, json.dumps(value, indent=2, ensure_ascii=False))


@app.command()
@combining(excludes={"if_version": "if_absent"})
def put(
    context: typer.Context,
    key: _Key,
    value: Annotated[str, typer.Argument(help="JSON, or - to read it from stdin.")],
    if_version: Annotated[str | None, typer.Option(help="Store only if the document has this version.")] = None,
    if_absent: Annotated[bool, typer.Option("--if-absent", help="Store only if there is none.")] = False,
) -> None:
    """Store a document, by default whatever is there. A condition that does not hold: exit 3."""
    from brigade.s3 import Absent, Matches

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


@app.command()
def delete(
    context: typer.Context,
    key: _Key,
    if_version: Annotated[str | None, typer.Option(help="Delete only if the document has this version.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a document; what it was stays in its history. A condition that does not hold: exit 3."""
    session: Session = context.obj
    session.confirm(f"Delete the state {key}?", yes=yes)
    _state(session).delete(key, if_version)
    session.give({"key": key, "deleted": True})


@app.command()
def history(context: typer.Context, key: _Key) -> None:
    """List the versions of a document, newest first; get --version-id reads one."""
    session: Session = context.obj
    rows = (
        (each.id, each.modified.isoformat(), each.size if each.etag else None, (each.etag or "deleted").strip('"'))
        for each in _state(session).history(key)
    )
    session.table(("version_id", "modified", "bytes", "version"), rows)


@app.command()
def unlock(
    context: typer.Context,
    key: _Key,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Release the lease that a document holds, of a run that is known to be dead; its epoch stays.

    A run that lives after all finds that the document has changed, and writes nothing more.
    """
    import msgspec

    from brigade.s3 import Matches
    from brigade.state.lease import Lease, release

    session: Session = context.obj
    state = _state(session)
    entry = state.get(key, object)
    if entry is None:
        raise NotFound(f"there is no state {key!r} in s3://{session.deployment['StateBucket']}")
    if not isinstance(entry.value, dict) or not isinstance(entry.value.get("lease"), dict):
        raise UsageError(f"the state {key!r} holds no lease")
    try:
        lease = msgspec.convert(entry.value["lease"], Lease)
    except msgspec.ValidationError as error:
        raise UsageError(f"the state {key!r} holds no lease: {error}") from error
    if lease.holder is None:
        session.give({"key": key, "epoch": lease.epoch, "released": None})
        return
    session.confirm(f"Release the lease of {lease.holder}, epoch {lease.epoch}?", yes=yes)
    state.put(key, entry.value | {"lease": msgspec.to_builtins(release(lease))}, Matches(entry.version))
    session.give({"key": key, "epoch": lease.epoch, "released": lease.holder})


def _state(session: Session, codec: str = "json", encoding: str = "ASCII") -> Any:
    from brigade.state.store import Codec, State

    if codec not in get_args(Codec):
        raise UsageError(f"--codec takes {' or '.join(get_args(Codec))}, not {codec!r}")
    try:
        if encoding != "bytes":
            codecs.lookup(encoding)
    except LookupError:
        raise UsageError(f"--encoding takes an encoding of Python, as latin1, not {encoding!r}") from None
    return State(session.client("s3"), session.deployment["StateBucket"], cast(Codec, codec), encoding)


def _parsed(value: str) -> object:
    """Return the value of JSON text; `-`: of stdin, in UTF-8, whatever the locale.

    Raises:
        UsageError: It is no JSON, names a key twice, or has a number that would be stored as another one.
    """
    from brigade.state.encode import unique_members

    text = sys.stdin.buffer.read() if value == "-" else value
    try:
        parsed: object = json.loads(
            text, parse_constant=_no_number, parse_float=_exact, object_pairs_hook=unique_members
        )
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the value is not JSON ({error}); text needs its quotes, as '\"text\"'") from None
    return parsed


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _exact(text: str) -> float:
    number = float(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError(f"{text} would be stored as {number!r}: give more digits than 64 bits hold as text")
    return number
