"""``brigade inventory to-queue``: a message a key."""

import hashlib
import itertools
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli.inventory_delivery import Bucket, opened
from brigade.cli.session import Session
from brigade.layout import SUMMARIES

if TYPE_CHECKING:
    from brigade.inventory import Delivery, WalkCheckpoint


def to_queue(
    context: typer.Context,
    queue_url: Annotated[str, typer.Argument(help="The queue's URL; one that ends in .fifo gets groups and ids.")],
    delivery: Annotated[str, typer.Option(help="latest, s3://…/manifest.json, or a path.")] = "latest",
    where: Annotated[str | None, typer.Option(help="Condition in Athena's SQL: size > 1000000.")] = None,
    body: Annotated[
        str | None, typer.Option(help="What a message says: 's3://{bucket}/{key}'; {key:json} escapes; default: JSON.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Messages a second, at most.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")] = 16,
    bucket: Bucket = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the first messages, send_keys none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send a message for each current object, at least once; stopped and started again, it goes on where it was."""
    from brigade.inventory.export.queue import DOLLARS_PER_MILLION, send_keys

    session: Session = context.obj
    chosen = opened(session, delivery, bucket)
    if dry_run:
        _show(chosen, where, body)
        return
    price = DOLLARS_PER_MILLION[queue_url.endswith(".fifo")]
    session.confirm(
        f"A message for each {'object' if where is None else 'object where ' + where} of {chosen.uri} to {queue_url}, "
        f"at least once: about ${price / 10:.2f} a million, ten a request. Send?",
        yes=yes,
    )
    checkpoint = _checkpoint(session, queue_url, chosen.uri, where or "", body or "")
    if (before := checkpoint.reached(chosen)) and not session.json:
        session.say(f"Goes on after {before:,} messages that went before (state {checkpoint.key}).")
    with session.terminal.status("") if session.terminal.is_terminal else nullcontext() as status:
        sent = send_keys(
            session.client("sqs"),
            queue_url,
            chosen,
            where,
            body,
            rate=rate,
            parallel=parallel,
            checkpoint=checkpoint,
            on_progress=lambda count: status.update(f"{count:,} messages") if status else None,
        )
    document = {
        "messages": sent.messages,
        "requests": sent.requests,
        "dollars": round(sent.dollars, 6),
        "before": before,
    }
    session.give(document, f"{sent.messages:,} messages in {sent.requests:,} requests for about ${sent.dollars:.5f}")


def _show(chosen: "Delivery", where: str | None, body: str | None) -> None:
    from brigade.inventory import read
    from brigade.inventory.export.queue import MessageBody
    from brigade.inventory.sql.dialect import current_condition

    text = MessageBody(body, chosen)
    with closing(read(chosen, text.columns, current_condition(chosen.manifest.columns, where))) as batches:
        for row in itertools.islice((row for batch in batches for row in batch.slice(0, 3).to_pylist()), 3):
            print(text.of(row))


def _checkpoint(session: Session, *walk: str) -> "WalkCheckpoint":
    """Give where this walk is kept: another queue, delivery, condition or body is another one."""
    from brigade.inventory.export.walk import WalkCheckpoint
    from brigade.state import State

    name = hashlib.sha256("\0".join(walk).encode()).hexdigest()[:24]
    state = State(session.client("s3"), session.deployment["StateBucket"])
    return WalkCheckpoint(state, f"{SUMMARIES}/to-queue/{name}.json")
