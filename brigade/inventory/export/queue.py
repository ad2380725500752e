"""Send the keys of a delivery to an SQS queue: one message per key, ten messages per request."""

import hashlib
import json
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from brigade.errors import BrigadeError, RetryLater, UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.export.walk import Row, WalkCheckpoint, walk
from brigade.retry import RETRYABLE_CODES, RateLimit, backoff

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef as _Entry

DOLLARS_PER_MILLION = {False: 0.40, True: 0.50}
"""Dollars a request, standard and FIFO; at most 10 messages and 64 KiB each (aws.amazon.com/sqs/pricing, us-east-1)."""

LARGEST = 1 << 20
"""Bytes of a message, and of the messages of a request."""

_MESSAGES = 10
_TRIES = 8
_IDENTITY = ("bucket", "key", "version_id")


class MessageBody:
    """The text of each message: a template with `{key}` and any other column of the delivery.

    Times are ISO 8601 in UTC, booleans `true` and `false`, null an empty text. `{key:json}` writes the value as JSON,
    `{{` is a brace. Without a template the text is a JSON object of `bucket`, `key` and, if the delivery has it,
    `version_id`.

    Raises:
        UsageError: The template names something that is not a column of the delivery, or another format.
    """

    def __init__(self, template: str | None, delivery: Delivery) -> None:
        there = delivery.manifest.columns
        self._template = template
        self._identity = [name for name in _IDENTITY if name in there]
        try:
            parts = [] if template is None else list(string.Formatter().parse(template))
        except ValueError as error:
            raise UsageError(f"--body {template!r}: {error}; to write a brace, double it") from error
        named = [name for _, name, _, _ in parts if name is not None]
        for _, name, form, conversion in parts:
            if name is not None and name not in there:
                raise UsageError(f"--body names {{{name}}}; the delivery has {', '.join(there)}")
            if form not in (None, "", "json") or conversion:
                raise UsageError(f"--body formats {{{name}}} in another way: it takes {{{name}}} or {{{name}:json}}")
        self.columns = list(dict.fromkeys([*self._identity, *named]))

    def of(self, row: Row) -> str:
        """Return the text of the message for a row."""
        if self._template is None:
            return json.dumps({name: row[name] for name in self._identity if row[name] is not None})
        return self._template.format_map({name: _Value(value) for name, value in row.items()})


class _Value:
    def __init__(self, value: Any) -> None:
        self._value = value

    def __format__(self, form: str) -> str:
        value = self._value
        if isinstance(value, datetime):  # as `rows` writes it
            value = f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
        if form == "json" or isinstance(value, bool):
            return json.dumps(value)
        return "" if value is None else str(value)


@dataclass(frozen=True)
class SendResult:
    """The number of messages and requests sent, and their approximate price in US dollars."""

    messages: int
    requests: int
    dollars: float


def send_keys(
    sqs: "SQSClient",
    url: str,
    delivery: Delivery,
    where: str | None = None,
    template: str | None = None,
    *,
    rate: float | None = None,
    parallel: int = 16,
    checkpoint: WalkCheckpoint | None = None,
    on_progress: Callable[[int], None] = lambda count: None,
) -> SendResult:
    """Send a message for each current object of a delivery that matches `where`.

    At least once: a request without an answer is sent again, and a walk resumed from its `checkpoint` repeats the
    messages of the last seconds. A FIFO queue (`….fifo`) drops repeats within its five minutes: the deduplication id is
    made of delivery, bucket, key and version, and the key selects one of 256 message groups.

    Args:
        template: Template of a message; see `MessageBody`.
        rate: Messages per second at most; None: no limit.
        parallel: Requests at the same time.
        on_progress: Called with the number of rows done.

    Raises:
        UsageError: A message is longer than `LARGEST`.
        BrigadeError: SQS rejects a message or the queue.
        RetryLater: SQS still fails after a minute of retries.
    """
    body, fifo, limit = MessageBody(template, delivery), url.endswith(".fifo"), RateLimit(rate)
    requests: list[int] = []  # the 64 KiB pieces that each was

    def entry(number: int, row: Row) -> "_Entry":
        text = body.of(row)
        message: _Entry = {"Id": str(number), "MessageBody": text}
        if fifo:
            name = json.dumps([delivery.partition, *(row[column] for column in _IDENTITY if column in row)])
            digest = hashlib.sha256(name.encode()).hexdigest()
            group = hashlib.sha256(row["key"].encode()).hexdigest()[:2]
            message |= {"MessageGroupId": group, "MessageDeduplicationId": digest}
        return message

    def do(found: list[Row]) -> None:
        entries = [entry(number, row) for number, row in enumerate(found)]
        limit.wait(len(entries))
        requests.extend(_sent(sqs, url, entries))

    messages = walk(
        delivery, do, lambda found: _requests(found, body), body.columns, where, parallel, checkpoint, on_progress
    )
    return SendResult(messages, len(requests), sum(requests) / 1e6 * DOLLARS_PER_MILLION[fifo])


def _requests(found: Iterator[Row], body: MessageBody) -> Iterator[list[Row]]:
    group: list[Row] = []
    total = 0
    for row in found:
        size = len(body.of(row).encode())
        if size > LARGEST:
            raise UsageError(
                f"the message of {row['key']!r} has {size} bytes, more than the {LARGEST} of SQS: shorten --body"
            )
        if group and (len(group) == _MESSAGES or total + size > LARGEST):
            yield group
            group, total = [], 0
        group.append(row)
        total += size
    if group:
        yield group


def _sent(sqs: "SQSClient", url: str, entries: list["_Entry"]) -> list[int]:
    """Send until SQS has accepted all entries; return the 64 KiB chunks that each request is billed as."""
    pieces = []
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(backoff(attempt, 0.1, 10.0, least=1))
        pieces.append(-(-sum(len(entry["MessageBody"].encode()) for entry in entries) // 65536) or 1)
        try:
            answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        except ClientError as error:
            code, message = (str(error.response.get("Error", {}).get(name, "")) for name in ("Code", "Message"))
            if "Throttl" in code or code in RETRYABLE_CODES:
                continue
            raise BrigadeError(f"SQS refuses {url} ({code}): {message}") from error
        failed = {each["Id"]: each for each in answer.get("Failed", [])}
        entries = [entry for entry in entries if entry["Id"] in failed]
        for entry in entries:
            why = failed[entry["Id"]]
            if why.get("SenderFault"):
                raise BrigadeError(
                    f"SQS refuses the message {entry['MessageBody'][:200]!r} ({why.get('Code')}): {why.get('Message')}"
                )
        if not entries:
            return pieces
    raise RetryLater(f"SQS accepts no messages for {url} now; start again to go on from here")
