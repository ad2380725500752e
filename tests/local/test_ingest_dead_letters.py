"""A permanent failure ends its execution with its own error name and goes to the source's dead-letter queue."""

import json
import time
from typing import Any

from tests.local.deployment import Deployment


def ended(states: Any, execution: str) -> dict[str, Any]:
    for _ in range(1200):
        described: dict[str, Any] = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.1)
    raise AssertionError(f"{execution} runs for ever")


def test_a_failure_for_good_is_named_and_kept(deployed: Deployment) -> None:
    states, sqs = deployed.emulator.root("stepfunctions"), deployed.emulator.root("sqs")
    queue = sqs.get_queue_url(QueueName="brigade-dev-ingest-demo-failures")["QueueUrl"]
    sqs.purge_queue(QueueUrl=queue)  # of what other tests left
    event = {"date": "no date"}
    execution = states.start_execution(stateMachineArn=deployed.outputs["IngestDemo"], input=json.dumps(event))
    described = ended(states, execution["executionArn"])
    assert described["status"] == "FAILED"
    assert described["error"] == "UsageError"
    assert "'no date' is no date; it takes YYYY-MM-DD" in described["cause"]
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    kept = json.loads(message["Body"])
    assert kept["execution"] == execution["executionArn"]
    assert kept["input"] == event
    assert kept["error"] == "UsageError"
    assert kept["cause"] == described["cause"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
