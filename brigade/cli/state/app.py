"""`brigade state`: JSON documents in the state bucket of the stage, changed under compare-and-swap."""

import codecs
import json
import sys
from decimal import Decimal
from typing import Annotated, Any, cast, get_args

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.groups import command_group
from brigade.cli.options import Yes
from brigade.cli.session import Session
from brigade.errors import NotFound, UsageError

app = command_group("Read and write the JSON documents that scripts and ingests keep between runs.")

_Key = Annotated[str, typer.Argument(metavar="KEY", help="Key of the document in the state bucket.")]


@app.command()
@check_combinations(needs={"encoding": "codec=pickle"})
def get(
    context: typer.Context,
    key: _Key,
    version_id: Annotated[
        str | None,
        typer.Option(metavar="ID", show_default="the current one", help="Version to read; `history` lists the ids."),
    ] = None,
    codec: Annotated[
        str,
        typer.Option(
            metavar="CODEC", help="json or pickle. Reading a pickle runs the code of its writer: docs/state.md."
        ),
    ] = "json",
    encoding: Annotated[
        str,
        typer.Option(metavar="ENCODING", help="Encoding of strings that Python 2 pickled: latin1 for datetimes."),
    ] = "ASCII",
) -> None:
    """Print a document.

    Use it to see what a script or an ingest remembers. With `brigade --json` the output also has the version of the
    document, which `put --if-version` accepts.

    Examples:
        brigade state get shop/cursor.json
        brigade --json state get shop/cursor.json
    """
    from brigade.state.encode import to_json_types

    session: Session = context.obj
    entry = _state(session, codec, encoding).get(key, object, version_id=version_id)
    if entry is None:
        raise NotFound(f"there is no state {key!r} in s3://{session.deployment['StateBucket']}")
    value = to_json_types(entry.value, f"s3://{session.deployment['StateBucket']}/{key}")
    document = {"key": key, "version": entry.version.strip('"'), "value": value}
    session.print(document, json.dumps(value, indent=2, ensure_ascii=False))


@app.command()
@check_combinations(excludes={"if_version": "if_absent"})
def put(
    context: typer.Context,
    key: _Key,
    value: Annotated[str, typer.Argument(metavar="JSON|-", help="The document, or - to read it from stdin.")],
    if_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            show_default="no condition",
            help="Store only if the document has this version; else exit 3.",
        ),
    ] = None,
    if_absent: Annotated[
        bool, typer.Option("--if-absent", help="Store only if no document has this key; else exit 3.")
    ] = False,
) -> None:
    """Store a document.

    Use it to keep a value between two runs of a script. Without a condition it replaces the stored document. Read the
    version with `brigade --json state get` and pass it as --if-version to never overwrite another writer.

    Examples:
        brigade state put shop/cursor.json '{"after": 42}' --if-absent
        brigade state put shop/cursor.json - --if-version 5d41402abc4b2a76b9719d911017c592 < cursor.json
    """
    from brigade.s3 import Absent, Matches

    session: Session = context.obj
    condition = Absent() if if_absent else Matches(if_version) if if_version else None
    entry = _state(session).put(key, _parsed(value), condition)
    session.print({"key": key, "version": entry.version.strip('"')})


@app.command("list")
def list_(
    context: typer.Context,
    prefix: Annotated[
        str, typer.Argument(metavar="[PREFIX]", show_default="all", help="Only keys with this prefix.")
    ] = "",
) -> None:
    """List the keys of the documents, in order.

    Use it to find the document of a script, of an ingest or of a resumable upload.

    Examples:
        brigade state list
        brigade state list ingest/demo/
    """
    session: Session = context.obj
    session.print_table(("key",), ((key,) for key in _state(session).list(prefix)))


@app.command()
def delete(
    context: typer.Context,
    key: _Key,
    if_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            show_default="no condition",
            help="Delete only if the document has this version; else exit 3.",
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Delete a document. Its history stays.

    Use it when a script must start anew. It asks first. `history` lists the old versions, and `get --version-id`
    reads one.

    Examples:
        brigade state delete shop/cursor.json
        brigade state delete shop/cursor.json --if-version 5d41402abc4b2a76b9719d911017c592 --yes
    """
    session: Session = context.obj
    session.confirm(f"Delete the state {key}?", yes=yes)
    _state(session).delete(key, if_version)
    session.print({"key": key, "deleted": True})


@app.command()
def history(context: typer.Context, key: _Key) -> None:
    """List the versions of a document, newest first.

    Use it to see when a document changed, or to restore an older version: `get --version-id` reads one.

    Examples:
        brigade state history shop/cursor.json
        brigade --json state history shop/cursor.json
    """
    session: Session = context.obj
    rows = (
        (each.id, each.modified.isoformat(), each.size if each.etag else None, (each.etag or "deleted").strip('"'))
        for each in _state(session).history(key)
    )
    session.print_table(("version_id", "modified", "bytes", "version"), rows)


@app.command()
def unlock(
    context: typer.Context,
    key: _Key,
    yes: Yes = False,
) -> None:
    """Release the lease in a document, because the run that holds it is dead.

    Use it when a run was killed and its lease blocks the next one. The epoch of the lease stays. If the run is alive
    after all, its next write finds that the document has changed, and it writes nothing more.

    Examples:
        brigade state unlock ingest/demo/2026-11-22/checkpoint.json
        brigade state unlock ingest/demo/2026-11-22/checkpoint.json --yes
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
        raise UsageError(f"the document {key!r} has no lease, so there is nothing to unlock")
    try:
        lease = msgspec.convert(entry.value["lease"], Lease)
    except msgspec.ValidationError as error:
        raise UsageError(f"the document {key!r} has no valid lease: {error}") from error
    if lease.holder is None:
        session.print({"key": key, "epoch": lease.epoch, "released": None})
        return
    session.confirm(f"Release the lease of {lease.holder}, epoch {lease.epoch}?", yes=yes)
    state.put(key, entry.value | {"lease": msgspec.to_builtins(release(lease))}, Matches(entry.version))
    session.print({"key": key, "epoch": lease.epoch, "released": lease.holder})


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
    """Return the value of JSON text. `-` reads the text from stdin, as UTF-8 in every locale.

    Raises:
        UsageError: It is not JSON, has a key twice, or has a number that 64 bits cannot store exactly.
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
        raise ValueError(f"{text} would be stored as {number!r}: 64 bits have fewer digits; put it as text")
    return number
