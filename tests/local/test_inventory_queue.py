"""Keys to queues of the local AWS, by the command."""

import json
import uuid

import pytest

from brigade.errors import BrigadeError
from brigade.inventory import open_latest_delivery
from brigade.inventory.export.queue import send_keys
from tests.local.inventory_lake import KEYS, Lake


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_sends_each_key_to_a_queue_and_goes_on_where_it_stopped(lake: Lake) -> None:
    s3, sqs = lake.client("s3"), lake.client("sqs")
    s3.create_bucket(Bucket=f"state-{lake.lake}")
    for name, attributes in (("keys", {}), ("keys.fifo", {"FifoQueue": "true"})):
        url = sqs.create_queue(QueueName=f"{uuid.uuid4().hex[:8]}-{name}", Attributes=attributes)["QueueUrl"]
        shown = lake.run("inventory", "to-queue", url, "--dry-run", "--body", "{key}")
        assert len(shown.stdout.splitlines()) >= 3
        old = "key = 'delete/me.txt' OR key = 'plain/one.txt'"  # a delete marker, and two versions
        shown = lake.run("inventory", "to-queue", url, "--dry-run", "--body", "{key}", "--where", old)
        assert shown.stdout == b"plain/one.txt\n", "what would not be sent is not shown"
        sent = lake.run("--json", "inventory", "to-queue", url, "--yes", "--where", "key <> 'plain/two.txt'")
        assert json.loads(sent.stdout)["messages"] == len(KEYS) - 2
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"])["key"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert sorted(found) == sorted(set(KEYS) - {"delete/me.txt", "plain/two.txt"})


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_right_that_the_settings_queues_give_is_enough_for_those_and_no_other(lake: Lake) -> None:
    sqs, iam, name = lake.client("sqs"), lake.client("iam"), f"keys-{uuid.uuid4().hex[:8]}"
    ours, other = (sqs.create_queue(QueueName=each)["QueueUrl"] for each in (name, f"{name}-other"))
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:us-east-1:000000000000:{name}"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName=name, PolicyName="queues", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    sender = lake.emulator.client("sqs", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    delivery = open_latest_delivery(lake.client("s3"), *lake.place)
    assert send_keys(sender, ours, delivery).messages == len(KEYS) - 1
    with pytest.raises(BrigadeError, match="SQS refuses"):
        send_keys(sender, other, delivery)
