"""`brigade inventory to-queue`."""

import hashlib
import itertools
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli.inventory.delivery import Bucket, DeliveryOption, Where, open_delivery
from brigade.cli.options import Yes
from brigade.cli.session import Session
from brigade.layout import SUMMARIES

if TYPE_CHECKING:
    from brigade.inventory import Delivery, WalkCheckpoint


def to_queue(
    context: typer.Context,
    queue_url: Annotated[
        str, typer.Argument(metavar="QUEUE_URL", help="URL of the queue. A FIFO queue gets message groups and ids.")
    ],
    delivery: DeliveryOption = "latest",
    where: Where = None,
    body: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default="a JSON object",
            help="Text of a message: 's3://{bucket}/{key}'. {key:json} is escaped for JSON.",
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, metavar="MESSAGES", show_default="no limit", help="Most messages a second.")
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, metavar="REQUESTS", help="Requests at the same time.")] = 16,
    bucket: Bucket = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the first messages and send none.")] = False,
    yes: Yes = False,
) -> None:
    """Send one SQS message for each current object of a delivery, at least once.

    Use it to let workers of your own process every object. It asks first, with the price. If it is interrupted, the
    same command continues where it stopped. The queue must be in `queues` of cdk.json.

    Examples:
        brigade inventory to-queue https://sqs.us-east-1.amazonaws.com/123456789012/work --dry-run
        brigade inventory to-queue https://sqs.us-east-1.amazonaws.com/123456789012/work --rate 500 --yes
    """
    from brigade.inventory.export.queue import DOLLARS_PER_MILLION, send_keys

    session: Session = context.obj
    chosen = open_delivery(session, delivery, bucket)
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
        session.note(f"Continues after {before:,} messages that were sent before (state {checkpoint.key}).")
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
    session.print(document, f"{sent.messages:,} messages in {sent.requests:,} requests for about ${sent.dollars:.5f}")


def _show(chosen: "Delivery", where: str | None, body: str | None) -> None:
    from brigade.inventory import read
    from brigade.inventory.export.queue import MessageBody
    from brigade.inventory.sql.dialect import current_condition

    text = MessageBody(body, chosen)
    with closing(read(chosen, text.columns, current_condition(chosen.manifest.columns, where))) as batches:
        for row in itertools.islice((row for batch in batches for row in batch.slice(0, 3).to_pylist()), 3):
            print(text.of(row))


def _checkpoint(session: Session, *walk: str) -> "WalkCheckpoint":
    """Return the checkpoint of this command. Another queue, delivery, condition or body has another checkpoint."""
    from brigade.inventory.export.walk import WalkCheckpoint
    from brigade.state import State

    name = hashlib.sha256("\0".join(walk).encode()).hexdigest()[:24]
    state = State(session.client("s3"), session.deployment["StateBucket"])
    return WalkCheckpoint(state, f"{SUMMARIES}/to-queue/{name}.json")
