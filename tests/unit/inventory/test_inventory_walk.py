"""Every key handed on at least once: in parallel, after failures, after a stop, and no faster than asked."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brigade.errors import BrigadeError, UsageError
from brigade.inventory import Delivery
from brigade.inventory.export.queue import MessageBody, send_keys
from brigade.inventory.export.walk import WalkCheckpoint, for_each_key
from brigade.state import Entry
from tests.fake_client import FakeClient
from tests.unit.inventory.conftest import of_keys

KEYS = [f"a/{number} +.jpg" for number in range(2500)]


class Queue(FakeClient):
    """SQS as far as sending goes, with the faults that it has when it is asked much."""

    def __init__(self, faults: int = 0, refuses: str | None = None) -> None:
        self.bodies: list[str] = []
        self.entries: list[dict[str, str]] = []
        self.largest = 0
        self._faults, self._refuses = faults, refuses
        self._lock = threading.Lock()

    def send_message_batch(self, *, QueueUrl: str, Entries: Any) -> Any:  # noqa: N803 - boto3's names
        failed = []
        with self._lock:
            self.largest = max(self.largest, len(Entries))
            for number, entry in enumerate(Entries):
                if self._refuses and self._refuses in entry["MessageBody"]:
                    failed.append({"Id": entry["Id"], "SenderFault": True, "Code": "InvalidMessageContents"})
                elif self._faults and number % 2:
                    self._faults -= 1
                    failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"})
                else:
                    self.entries.append(entry)
                    self.bodies.append(entry["MessageBody"])
        return {"Failed": failed}


class Remembered:
    """A state in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str, kind: Any) -> Any:
        return Entry(self.kept[key], "1") if key in self.kept else None

    def put(self, key: str, value: Any) -> None:
        self.kept[key] = value


def checkpoint() -> WalkCheckpoint:
    return WalkCheckpoint(Remembered(), "walk.json")  # type: ignore[arg-type]  # as much of a state as a checkpoint asks


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return of_keys(tmp_path_factory.mktemp("walk"), "CSV", KEYS)


def test_each_key_is_sent_once_when_nothing_fails(delivery: Delivery) -> None:
    queue, told = Queue(), list[int]()
    sent = send_keys(queue, "https://sqs/q", delivery, template="s3://{bucket}/{key}", on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 2500
    assert sorted(queue.bodies) == sorted(f"s3://b/{key}" for key in KEYS)
    assert (sent.messages, sent.requests, queue.largest) == (2500, 250, 10)
    assert sent.dollars == pytest.approx(250 * 0.40 / 1e6)


def test_messages_that_failed_are_sent_again_alone(delivery: Delivery) -> None:
    queue = Queue(faults=40)
    sent = send_keys(queue, "https://sqs/q", delivery)
    assert sorted(json.loads(body)["key"] for body in queue.bodies) == sorted(KEYS)
    assert sent.requests > 250


def test_a_message_that_sqs_refuses_ends_it_with_its_reason(delivery: Delivery) -> None:
    with pytest.raises(BrigadeError, match=r"SQS refuses the message .*a/77 \+\.jpg.*InvalidMessageContents"):
        send_keys(Queue(refuses="a/77 "), "https://sqs/q", delivery)


def test_a_queue_that_is_not_there_is_said(delivery: Delivery) -> None:
    class Gone(FakeClient):
        def send_message_batch(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": "no such queue"}}, "SendMessageBatch")

    with pytest.raises(BrigadeError, match=r"SQS refuses https://sqs/q \(QueueDoesNotExist\): no such queue"):
        send_keys(Gone(), "https://sqs/q", delivery)


def test_a_fifo_queue_gets_groups_and_ids_that_a_second_sending_has_too(delivery: Delivery) -> None:
    first, second = Queue(), Queue()
    for queue in (first, second):
        send_keys(queue, "https://sqs/q.fifo", delivery, where="size < 1000")
    ids = {entry["MessageDeduplicationId"] for entry in first.entries}
    assert len(ids) == len(first.entries) == 100
    assert ids == {entry["MessageDeduplicationId"] for entry in second.entries}
    assert len({entry["MessageGroupId"] for entry in first.entries}) > 50


def test_large_messages_share_no_request_over_a_mebibyte(delivery: Delivery) -> None:
    queue = Queue()
    send_keys(queue, "https://sqs/q", delivery, where="size < 100", template="x" * 300_000 + "{key}")
    assert queue.largest == 3
    with pytest.raises(UsageError, match="more than the 1048576 of SQS"):
        send_keys(queue, "https://sqs/q", delivery, template="x" * (1 << 20) + "{key}")


@pytest.mark.parametrize("template", ["{colour}", "{key", "{}", "}"])
def test_a_template_that_names_no_column_is_refused(delivery: Delivery, template: str) -> None:
    with pytest.raises(UsageError, match="--body"):
        MessageBody(template, delivery)


def test_a_template_escapes_for_json(delivery: Delivery) -> None:
    body = MessageBody('{{"k": {key:json}, "v": {version_id:json}}}', delivery)
    assert json.loads(body.of({"bucket": "b", "key": 'a"\n', "version_id": None})) == {"k": 'a"\n', "v": None}


def test_a_walk_that_was_stopped_goes_on_and_misses_nothing(delivery: Delivery) -> None:
    seen: list[str] = []
    kept = checkpoint()

    def call(key: str) -> None:
        if len(seen) == 1200:
            raise BrigadeError("stopped")
        seen.append(key)

    with pytest.raises(BrigadeError, match="stopped"):
        for_each_key(delivery, call, parallel=4, checkpoint=kept)
    reached = kept.reached(delivery)
    assert 1000 < reached <= 1200
    again: list[str] = []
    assert for_each_key(delivery, again.append, parallel=4, checkpoint=kept) == 2500 - reached
    assert set(seen) | set(again) == set(KEYS)
    assert kept.reached(delivery) == 0, "a walk that is done begins anew"


def test_a_checkpoint_of_another_delivery_is_refused(delivery: Delivery, tmp_path: Path) -> None:
    kept = checkpoint()
    kept.save(of_keys(tmp_path, "CSV", ["k"]), 1)
    with pytest.raises(UsageError, match="belongs to another walk"):
        for_each_key(delivery, print, checkpoint=kept)


def test_no_more_a_second_than_asked(delivery: Delivery) -> None:
    began = time.monotonic()
    send_keys(Queue(), "https://sqs/q", delivery, where="size < 1000", rate=200)
    assert time.monotonic() - began > 0.4
