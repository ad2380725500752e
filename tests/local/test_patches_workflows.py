"""State machines and schedules of the local AWS act with their roles, and are refused what those do not allow."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.local.conftest import Emulator
from tests.local.test_patches_lambda import package, trusting

ACCOUNT = "000000000000"
SOURCE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("wrong")
    return event
"""


@dataclass(frozen=True)
class World:
    """A function and a queue, and roles and state machines made as a test needs them."""

    emulator: Emulator
    function: str
    queue: str

    def role(self, service: str, *allowed: tuple[str, str]) -> str:
        iam = self.emulator.root("iam")
        name = f"w-{uuid4().hex[:8]}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(service))["Role"]["Arn"]
        statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed]
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        return str(arn)

    def machine(self, role: str, states: dict[str, Any]) -> str:
        definition = json.dumps({"StartAt": next(iter(states)), "States": states})
        made = self.emulator.root("stepfunctions").create_state_machine(
            name=f"w-{uuid4().hex[:8]}", definition=definition, roleArn=role
        )
        return str(made["stateMachineArn"])

    def run(self, machine: str, given: dict[str, Any]) -> dict[str, Any]:
        client = self.emulator.root("stepfunctions")
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        found: dict[str, Any] = until(
            lambda: client.describe_execution(executionArn=execution), lambda it: it["status"] != "RUNNING"
        )
        return found

    def invoke(self, **more: Any) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": self.function, "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "End": True,
            **more,
        }

    def send(self) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": self.queue, "MessageBody.$": "$"},
            "End": True,
        }


def until(ask: Callable[[], Any], done: Callable[[Any], Any], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not done(answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {answer}"
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="module")
def world(emulator: Emulator) -> World:
    name = f"w-{uuid4().hex[:8]}"
    queue = emulator.root("sqs").create_queue(QueueName=name)["QueueUrl"]
    world = World(emulator, f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}", queue)
    emulator.root("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=world.role("lambda.amazonaws.com"),
        Code={"ZipFile": package(SOURCE)},
        Timeout=20,
    )
    return world


def test_a_state_machine_invokes_what_its_role_allows(world: World) -> None:
    role = world.role("states.amazonaws.com", ("lambda:InvokeFunction", world.function))
    done = world.run(world.machine(role, {"Call": world.invoke()}), {"n": 1})
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"n": 1})


@pytest.mark.parametrize(
    ("service", "action"),
    [("states.amazonaws.com", "lambda:GetFunction"), ("ec2.amazonaws.com", "lambda:InvokeFunction")],
    ids=["not allowed", "not trusted"],
)
def test_a_state_machine_does_not_invoke_otherwise(world: World, service: str, action: str) -> None:
    role = world.role(service, (action, world.function))
    done = world.run(world.machine(role, {"Call": world.invoke()}), {"n": 1})
    assert (done["status"], done["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert role.rsplit("/", 1)[-1] in done["cause"]


def test_a_state_machine_sends_only_if_its_role_allows(world: World) -> None:
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{world.queue.rsplit('/', 1)[-1]}"
    refused = world.run(world.machine(world.role("states.amazonaws.com"), {"Tell": world.send()}), {"n": 2})
    assert (refused["status"], refused["error"]) == ("FAILED", "SQS.SqsException")
    allowed = world.role("states.amazonaws.com", ("sqs:SendMessage", queue))
    assert world.run(world.machine(allowed, {"Tell": world.send()}), {"n": 3})["status"] == "SUCCEEDED"
    messages = world.emulator.root("sqs").receive_message(QueueUrl=world.queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"]) for message in messages] == [{"n": 3}]


def test_a_failure_is_caught_by_the_name_of_its_exception(world: World) -> None:
    role = world.role("states.amazonaws.com", ("lambda:InvokeFunction", world.function))
    caught = world.invoke(Catch=[{"ErrorEquals": ["ValueError"], "Next": "Caught"}])
    states = {"Call": caught, "Caught": {"Type": "Pass", "Result": "caught", "End": True}}
    done = world.run(world.machine(role, states), {"fail": True})
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", "caught")


def schedule(world: World, role: str, machine: str) -> str:
    name = f"w-{uuid4().hex[:8]}"
    world.emulator.root("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": role, "Input": '{"scheduled": "<aws.scheduler.scheduled-time>"}'},
    )
    return name


def test_a_schedule_starts_what_its_role_allows_and_says_when(world: World) -> None:
    machine = world.machine(world.role("states.amazonaws.com"), {"Done": {"Type": "Succeed"}})
    role = world.role("scheduler.amazonaws.com", ("states:StartExecution", machine))
    client = world.emulator.root("stepfunctions")
    before = datetime.now(UTC).replace(microsecond=0)
    schedule(world, role, machine)
    [execution] = until(lambda: client.list_executions(stateMachineArn=machine)["executions"], len, seconds=30)
    given = json.loads(client.describe_execution(executionArn=execution["executionArn"])["input"])
    assert before <= datetime.fromisoformat(given["scheduled"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("service", "action"),
    [("scheduler.amazonaws.com", "states:DescribeExecution"), ("ec2.amazonaws.com", "states:StartExecution")],
    ids=["not allowed", "not trusted"],
)
def test_a_schedule_starts_nothing_otherwise(world: World, service: str, action: str) -> None:
    machine = world.machine(world.role("states.amazonaws.com"), {"Done": {"Type": "Succeed"}})
    name = schedule(world, world.role(service, (action, machine)), machine)
    log = world.emulator.home / "server.log"
    until(log.read_text, lambda text: f"schedule/default/{name}: " in text)
    assert world.emulator.root("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == []
