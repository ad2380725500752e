"""``brigade ingest show``, ``reset`` and ``replay``: what a date has left in the buckets."""

import json
from typing import Any

import typer

from brigade.cli import ingest_source as at
from brigade.cli.session import Session
from brigade.errors import ConditionLost, NotFound


def show(context: typer.Context, name: at.Name, date: at.Date = None) -> None:
    """Show the receipt and the checkpoint of a date."""
    import msgspec

    from brigade.ingest.checkpoint import Checkpoint, Receipt
    from brigade.ingest.partitions import parts
    from brigade.state import State

    session: Session = context.obj
    source = at.source(name)
    target = at.target(session, name, source, date or at.last(session, name))
    state = State(session.client("s3"), target.state)
    receipt, checkpoint = state.get(target.receipt, Receipt), state.get(target.checkpoint, Checkpoint)
    under_way = {
        each.partition: _brief(entry.value)
        for each in parts(state, target)
        if each.partition and (entry := state.get(each.checkpoint, Checkpoint))
    }
    if receipt is None and checkpoint is None and not under_way:
        raise NotFound(f"{name} {target.date} has neither a receipt nor a checkpoint in s3://{target.state}")
    document: dict[str, Any] = {"source": name, "date": target.date}
    document["receipt"] = msgspec.to_builtins(receipt.value) if receipt else None
    document["checkpoint"] = _brief(checkpoint.value) if checkpoint else None
    if under_way:
        document["partitions"] = under_way
    session.give(document, json.dumps(document, indent=2, ensure_ascii=False))


def reset(context: typer.Context, name: at.Name, date: at.Date = None, yes: at.Yes = False) -> None:
    """Forget the checkpoint of a date and abort its upload: the next run starts from the first page. Asks first.

    Exit 1 if there is no checkpoint. A checkpoint that a run holds stays, and the command exits 3: `brigade state
    unlock` it first if that run is dead.
    """
    from brigade.ingest.checkpoint import Checkpoint
    from brigade.ingest.partitions import parts
    from brigade.ingest.publish import discard
    from brigade.state import State
    from brigade.state.lease import acquire, this_process

    session: Session = context.obj
    whole = at.target(session, name, at.source(name), date)
    s3 = session.client("s3")
    state = State(s3, whole.state)
    found = [(each, entry) for each in parts(state, whole) if (entry := state.get(each.checkpoint, Checkpoint))]
    if not found:
        raise NotFound(f"{name} {whole.date} has no checkpoint in s3://{whole.state}; there is nothing to reset")
    session.confirm(f"Drop what {name} of {whole.date} has read so far?", yes=yes)
    for target, entry in found:
        acquire(entry.value.lease, this_process(), 0.0, age=entry.age, what=f"s3://{whole.state}/{target.checkpoint}")
        if not discard(s3, target, entry):
            raise ConditionLost(f"{target}: another run has begun meanwhile; its checkpoint stays")
        which = {"partition": target.partition} if target.partition else {}
        session.give({"source": name, "date": target.date, **which, "forgotten": _brief(entry.value)})


def replay(context: typer.Context, name: at.Name, date: at.Date = None) -> None:
    """Put the quarantined records of a date through again; those that hold now are written beside the date's object."""
    import msgspec

    from brigade.ingest.instants import now
    from brigade.ingest.partitions import parts
    from brigade.ingest.replay import replay as again
    from brigade.s3.objects import head
    from brigade.state import State

    session: Session = context.obj
    source, s3 = at.source(name), session.client("s3")
    target = at.target(session, name, source, date)
    held = [each for each in parts(State(s3, target.state), target) if head(s3, each.state, each.quarantine)]
    for each in held or [target]:
        session.give(msgspec.to_builtins(again(s3, source, each, now())))


def _brief(checkpoint: Any) -> dict[str, Any]:
    return {
        "pages": checkpoint.pages,
        "records": checkpoint.records,
        "bytes": checkpoint.bytes,
        "parts": len(checkpoint.parts),
        "upload": checkpoint.upload,
        "next": checkpoint.next,
        "done": checkpoint.done,
        "ingest_ts": checkpoint.ts,
        "invocations": checkpoint.invocations,
        "replaces": checkpoint.replaces,
        "former": checkpoint.former,
        "published": [each.key for each in checkpoint.published],
    }
