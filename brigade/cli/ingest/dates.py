"""`brigade ingest show`, `reset` and `replay`: the receipt, checkpoint and quarantine of a date."""

import json
from typing import Any

import typer

from brigade.cli.ingest import sources
from brigade.cli.options import Yes
from brigade.cli.session import Session
from brigade.errors import ConditionLost, NotFound


def show(context: typer.Context, name: sources.Name, date: sources.Date = None) -> None:
    """Print the receipt and the checkpoint of a date.

    Use it to see how many records a published date has, or how far an unfinished run is. Without --date it shows the
    last published date.

    Examples:
        brigade ingest show demo
        brigade ingest show demo --date 2026-11-22
    """
    import msgspec

    from brigade.ingest.partitions import partition_targets
    from brigade.ingest.state.checkpoint import Checkpoint
    from brigade.ingest.state.receipt import Receipt
    from brigade.state import State

    session: Session = context.obj
    source = sources.find_source(name)
    target = sources.find_target(session, name, source, date or sources.last_published_date(session, name))
    state = State(session.client("s3"), target.state)
    receipt, checkpoint = state.get(target.receipt, Receipt), state.get(target.checkpoint, Checkpoint)
    under_way = {
        each.partition: _brief(entry.value)
        for each in partition_targets(state, target)
        if each.partition and (entry := state.get(each.checkpoint, Checkpoint))
    }
    if receipt is None and checkpoint is None and not under_way:
        raise NotFound(f"{name} {target.date} has neither a receipt nor a checkpoint in s3://{target.state}")
    document: dict[str, Any] = {"source": name, "date": target.date}
    document["receipt"] = msgspec.to_builtins(receipt.value) if receipt else None
    document["checkpoint"] = _brief(checkpoint.value) if checkpoint else None
    if under_way:
        document["partitions"] = under_way
    session.print(document, json.dumps(document, indent=2, ensure_ascii=False))


def reset(context: typer.Context, name: sources.Name, date: sources.Date = None, yes: Yes = False) -> None:
    """Delete the checkpoint of a date and abort its upload, so that the next run starts at the first page.

    Use it when the source has changed since the run stopped. It asks first. Exit 1 without a checkpoint; exit 3 if a
    run holds it. If that run is dead, call `brigade state unlock` first.

    Examples:
        brigade ingest reset demo --date 2026-11-22
        brigade ingest reset demo --date 2026-11-22 --yes
    """
    from brigade.ingest.partitions import partition_targets
    from brigade.ingest.state.checkpoint import Checkpoint
    from brigade.ingest.write.publish import discard_checkpoint
    from brigade.state import State
    from brigade.state.lease import acquire, this_process

    session: Session = context.obj
    whole = sources.find_target(session, name, sources.find_source(name), date)
    s3 = session.client("s3")
    state = State(s3, whole.state)
    found = [
        (each, entry) for each in partition_targets(state, whole) if (entry := state.get(each.checkpoint, Checkpoint))
    ]
    if not found:
        raise NotFound(f"{name} {whole.date} has no checkpoint in s3://{whole.state}; there is nothing to reset")
    session.confirm(f"Drop what {name} of {whole.date} has read so far?", yes=yes)
    for target, entry in found:
        acquire(entry.value.lease, this_process(), 0.0, age=entry.age, what=f"s3://{whole.state}/{target.checkpoint}")
        if not discard_checkpoint(s3, target, entry):
            raise ConditionLost(f"{target}: another run has begun meanwhile; its checkpoint stays")
        which = {"partition": target.partition} if target.partition else {}
        session.print({"source": name, "date": target.date, **which, "forgotten": _brief(entry.value)})


def replay(context: typer.Context, name: sources.Name, date: sources.Date = None) -> None:
    """Read the quarantined records of a date again and publish the valid ones beside the object of the date.

    Use it after a repair of the contract or of the transform that rejected the records. Records that are still invalid
    stay in quarantine.

    Examples:
        brigade ingest replay demo --date 2026-11-22
        brigade --json ingest replay demo --date 2026-11-22
    """
    import msgspec

    from brigade.ingest.clock import now
    from brigade.ingest.partitions import partition_targets
    from brigade.ingest.replay import replay as again
    from brigade.s3.objects import head
    from brigade.state import State

    session: Session = context.obj
    source, s3 = sources.find_source(name), session.client("s3")
    target = sources.find_target(session, name, source, date)
    held = [
        each for each in partition_targets(State(s3, target.state), target) if head(s3, each.state, each.quarantine)
    ]
    for each in held or [target]:
        session.print(msgspec.to_builtins(again(s3, source, each, now())))


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
