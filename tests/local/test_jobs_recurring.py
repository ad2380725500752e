"""Jobs with nobody watching: made by deliveries over what is new, told of at their end; deployed, under IAM."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.local.deployment import Deployment

RECUR, ENDED = "brigade-dev-jobs-recur", "brigade-dev-jobs-ended"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def told(deployed: Deployment) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The messages of the alarm topic since it was asked last, through a queue that is subscribed to it."""
    sqs, sns = deployed.emulator.root("sqs"), deployed.emulator.root("sns")
    url = sqs.create_queue(QueueName=f"told-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    let_in = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**let_in, "Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscribed = sns.subscribe(TopicArn=deployed.outputs["AlarmTopicArn"], Protocol="sqs", Endpoint=arn)

    def messages() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield messages
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])


def kept(deployed: Deployment) -> dict[str, str]:
    s3, state = deployed.emulator.root("s3"), deployed.outputs["StateBucket"]
    try:
        body = s3.get_object(Bucket=state, Key="recurring/verify_incoming.json")["Body"].read()
    except s3.exceptions.NoSuchKey:
        return {}
    found: dict[str, str] = json.loads(body)
    return found


def put(deployed: Deployment, *keys: str, body: bytes = b"x") -> None:
    for key in keys:
        deployed.emulator.root("s3").put_object(Bucket=deployed.outputs["LakeBucket"], Key=key, Body=body)


def delivered(deployed: Deployment) -> str:
    """Deliver an inventory, wait until the recurring job has settled it, and give its address."""
    deployed.ask("local", "deliver-inventory", deployed.outputs["LakeBucket"])
    newest = deployed.ask("inventory", "deliveries")
    uri = str((newest[0] if isinstance(newest, list) else newest)["manifest"])
    soon(lambda: settled(kept(deployed), uri), lambda: f"{uri} is not settled: {kept(deployed)}")
    return uri


def settled(now: dict[str, str], uri: str) -> bool:
    return max(now.get("done", ""), now.get("failed_over", "")) >= uri and not now["running"]


def soon(holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.5)


def measured(deployed: Deployment) -> dict[str, float]:
    """Return the sum of each metric that counts finished jobs, by metric name."""
    now, dimensions = datetime.now(UTC), [{"Name": "service", "Value": "jobs"}]
    return {
        name: sum(
            point["Sum"]
            for point in deployed.emulator.root("cloudwatch").get_metric_statistics(
                Namespace="Brigade/dev",
                MetricName=name,
                Dimensions=dimensions,
                StartTime=now - timedelta(days=1),
                EndTime=now + timedelta(minutes=1),
                Period=86400,
                Statistics=["Sum"],
            )["Datapoints"]
        )
        for name in ("JobsEnded", "JobsFailed", "TasksSucceeded", "TasksFailed")
    }


def since(deployed: Deployment, before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in measured(deployed).items()}


@contextmanager
def deliveries_unheard(deployed: Deployment) -> Iterator[None]:
    """As long as the block runs, a delivery sets off no recurring job."""
    events = deployed.emulator.root("events")
    rules = [rule for rule in events.list_rules()["Rules"] if "Inventory Summarized" in rule.get("EventPattern", "")]
    for rule in rules:
        events.disable_rule(Name=rule["Name"])
    assert rules
    try:
        yield
    finally:
        for rule in rules:
            events.enable_rule(Name=rule["Name"])


def scheduled(deployed: Deployment) -> None:
    """A schedule that is due, as ``stacks/parts/recurring_jobs.py`` makes one, with a role that may do just that."""
    iam, name = deployed.emulator.root("iam"), f"due-{uuid.uuid4().hex[:8]}"
    function = f"arn:aws:lambda:us-east-1:000000000000:function:{RECUR}"
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="invokes", PolicyDocument=document)
    deployed.emulator.root("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function, "RoleArn": role, "Input": json.dumps({"recurring": "verify_incoming"})},
    )


def jobs(deployed: Deployment) -> dict[str, dict[str, Any]]:
    """The recurring jobs there are, by id."""
    listed = deployed.ask("jobs", "list")
    listed = listed if isinstance(listed, list) else [listed]
    return {job["id"]: job for job in listed if "verify_incoming" in job["description"]}


def keys(deployed: Deployment, job: str) -> set[str]:
    done = deployed.run("jobs", "report", job, "--format", "jsonl")
    return {row["key"] for row in map(json.loads, done.stdout.splitlines())}


def invoke(deployed: Deployment, function: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = deployed.emulator.root("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, document
    return document


def test_a_delivery_has_one_job_over_what_is_new_or_changed(deployed: Deployment) -> None:
    folder = f"incoming/{uuid.uuid4().hex[:8]}"
    put(deployed, f"{folder}/one +%", f"{folder}/two", "elsewhere/not asked for")
    before = jobs(deployed)
    delivered(deployed)
    (first,) = jobs(deployed).keys() - before.keys()
    assert keys(deployed, first) >= {f"{folder}/one +%", f"{folder}/two"}
    assert "elsewhere/not asked for" not in keys(deployed, first)

    put(deployed, f"{folder}/two", body=b"changed")
    put(deployed, f"{folder}/three")
    uri = delivered(deployed)
    (second,) = jobs(deployed).keys() - before.keys() - {first}
    assert keys(deployed, second) == {f"{folder}/two", f"{folder}/three"}

    event = {"detail": {"bucket": deployed.outputs["LakeBucket"], "delivery": uri}}
    for _ in range(2):
        assert invoke(deployed, RECUR, event)["verify_incoming"]["done"] == uri
    assert invoke(deployed, RECUR, {"recurring": "verify_incoming"})["verify_incoming"]["done"] == uri
    delivered(deployed)  # nothing is new in it
    assert jobs(deployed).keys() == before.keys() | {first, second}


def test_a_schedule_makes_a_job_over_the_newest_delivery_and_its_end_is_measured(deployed: Deployment) -> None:
    """Scheduler, function, job, event of its end, function, metrics: all as deployed."""
    delivered(deployed)  # what other tests put is done with
    folder = f"incoming/{uuid.uuid4().hex[:8]}"
    put(deployed, f"{folder}/by the clock +%")
    before, counted = jobs(deployed), measured(deployed)
    with deliveries_unheard(deployed):
        deployed.ask("local", "deliver-inventory", deployed.outputs["LakeBucket"])
        newest = str(deployed.ask("inventory", "deliveries")[0]["manifest"])
        assert kept(deployed)["done"] < newest
        scheduled(deployed)
        soon(lambda: settled(kept(deployed), newest), lambda: f"{newest} is not settled: {kept(deployed)}")
    (job,) = jobs(deployed).keys() - before.keys()
    assert keys(deployed, job) == {f"{folder}/by the clock +%"}
    wanted = {"JobsEnded": 1, "JobsFailed": 0, "TasksSucceeded": 1, "TasksFailed": 0}
    soon(lambda: since(deployed, counted) == wanted, lambda: f"measured {since(deployed, counted)}")


def test_a_failed_job_is_told_once_and_done_again_with_what_is_new(
    deployed: Deployment, told: Callable[[], list[dict[str, Any]]]
) -> None:
    folder = f"incoming/{uuid.uuid4().hex[:8]}"
    put(deployed, f"{folder}/broken.gz", f"{folder}/sound")
    before, counted = jobs(deployed), measured(deployed)
    delivered(deployed)
    (job,) = jobs(deployed).keys() - before.keys()
    messages: list[dict[str, Any]] = []

    def heard() -> bool:
        messages.extend(told())
        return bool(messages)

    soon(heard, lambda: "nobody was told")
    (message,) = messages
    assert (message["Subject"], job in message["Message"]) == (f"Job {job} is Complete, 1 tasks failed", True)
    assert f"brigade --stage dev jobs retry {job} --all" in message["Message"]
    assert "1 × PermanentFailure: InvalidData: gzip ends in the middle" in message["Message"]
    wanted = {"JobsEnded": 1, "JobsFailed": 1, "TasksSucceeded": 1, "TasksFailed": 1}
    soon(lambda: since(deployed, counted) == wanted, lambda: f"measured {since(deployed, counted)}")
    again = invoke(deployed, ENDED, {"detail": {"serviceEventDetails": {"jobId": job}}})
    assert (again["told"], told()) == (False, [])

    deployed.emulator.root("s3").delete_object(Bucket=deployed.outputs["LakeBucket"], Key=f"{folder}/broken.gz")
    put(deployed, f"{folder}/fresh")
    delivered(deployed)
    (repeated,) = jobs(deployed).keys() - before.keys() - {job}
    assert keys(deployed, repeated) == {f"{folder}/sound", f"{folder}/fresh"}
    assert (kept(deployed)["failed"], told()) == ("", [])


def test_a_retry_that_does_the_rest_settles_the_failed_one(deployed: Deployment) -> None:
    folder = f"incoming/{uuid.uuid4().hex[:8]}"
    put(deployed, f"{folder}/late.gz")
    uri = delivered(deployed)
    failed = kept(deployed)["failed"]
    assert failed
    put(deployed, f"{folder}/late.gz", body=bytes.fromhex("1f8b08000000000000ff03000000000000000000"))
    retried = deployed.ask("jobs", "retry", failed, "--all", "--yes")
    soon(lambda: kept(deployed)["done"] >= uri, lambda: f"{retried} settled nothing: {kept(deployed)}")
    assert kept(deployed)["failed"] == ""
