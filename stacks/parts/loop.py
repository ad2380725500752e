"""The state machine that runs an ingest until it says that it is done."""

from typing import Any

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.parts import nag
from stacks.parts.role import allow

# Errors of brigade.errors for which the next try would fare no better.
FINAL_ERRORS = ("UsageError", "SettingsError", "InvalidData", "ConditionLost")
_LONGEST = Duration.days(1)
_WIDTH = 8  # readers of one database at once


class Loop(Construct):
    """Invokes a function: again after a crash, a timeout or a throttle; again, for the same date, while there is more.

    Where the API asks for a long pause it waits by itself, unpaid, until the instant that the function says.

    What fails for good goes to ``failures`` with its input and its error, and the execution ends Failed. After a day it
    is ended as timed out.

    Given ``{"dates": ["YYYY-MM-DD", …], "concurrency": N}`` it does so for each date, N at a time, each in an execution
    of its own, and answers with the outcome of each; a date that fails is kept as above, and the others go on.

    Where the source has ``partitions`` the function names those of the date that are left; each is run to its end in
    the same way, 8 at a time, and the date again, which is then whole. When one fails for good so does the date: those
    that are published stay so, and the next execution goes on with the others.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function: lambda_.IFunction,
        failures: sqs.IQueue,
        partitions: int = 1,
    ) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        allow(role, ["lambda:InvokeFunction"], [function.function_arn])
        allow(role, ["sqs:SendMessage"], [failures.queue_arn])
        # The machine starts an execution of itself for each date, and watches it:
        # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
        itself = Stack.of(self).format_arn(
            service="states", resource="stateMachine", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        allow(role, ["states:StartExecution"], [itself])
        each = Stack.of(self).format_arn(
            service="states", resource="execution", resource_name=f"{name}:*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        because = "The executions that a map starts have names that are made up."
        allow(role, ["states:DescribeExecution", "states:StopExecution"], [each], because=because)
        definition = _definition(_one_date(function.function_arn, failures.queue_url, parted=partitions > 1))
        nag.accept(role, "IAM5[Resource::*]", "X-Ray takes segments for no resource in particular.")
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            role=role,
            definition_body=sfn.DefinitionBody.from_string(Stack.of(self).to_json_string(definition)),
            timeout=_LONGEST,
            tracing_enabled=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        nag.accept(
            self.state_machine,
            "SF1",
            "A standard execution keeps its whole history for 90 days by itself, and a failure is kept in the queue "
            "with its cause; a second copy in CloudWatch would cost and say nothing new.",
        )


def _definition(one_date: dict[str, Any]) -> dict[str, Any]:
    """The machine in Amazon States Language: https://states-language.net/spec.html"""
    return {
        "StartAt": "One date or many?",
        "States": {
            "One date or many?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.dates", "IsPresent": True, "Next": "Each date"}],
                "Default": "Run",
            },
            "Each date": {
                "Type": "Map",
                "Label": "Dates",
                "ItemsPath": "$.dates",
                "ItemSelector": {"date.$": "$$.Map.Item.Value"},
                "MaxConcurrencyPath": "$.concurrency",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    **_named(
                        "{}, of many", {"StartAt": "Run", "States": one_date | {"Done": _DONE, "Failed": _FAILED}}
                    ),
                },
                "Next": "Done",
            },
            **one_date,
            "Done": {"Type": "Succeed"},
            "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
        },
    }


def _named(pattern: str, part: dict[str, Any]) -> dict[str, Any]:
    """A part of a machine with its states named by ``pattern``: a name stands once in a whole machine."""

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(each) for each in value]
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {}
        for key, inner in value.items():
            if key == "States":
                found[key] = {pattern.format(name): named(state) for name, state in inner.items()}
            elif key in ("StartAt", "Next", "Default"):
                found[key] = pattern.format(inner)
            else:
                found[key] = named(inner)
        return found

    renamed: dict[str, Any] = named(part)
    return renamed


# How a date of many ends: few bytes, since the outcomes of all must fit into one answer of 256 KiB.
_DONE = {
    "Type": "Pass",
    "Parameters": {"date.$": "$.date", "outcome.$": "$.outcome", "records.$": "$.records"},
    "End": True,
}
_FAILED = {
    "Type": "Pass",
    "Parameters": {"date.$": "$.date", "outcome": "failed", "failure.$": "$.failure.Error"},
    "End": True,
}
_ENDS = {"Done": _DONE, "Failed": _FAILED}


_CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Keep the failure"}]


def _invoke(function_arn: str) -> dict[str, Any]:
    """A state that invokes the function with its input, again after what may pass."""
    return {
        "Type": "Task",
        "Resource": function_arn,
        # Of an execution no two invocations run at once, but for other partitions: it holds the lease of the date, or
        # of the partition, crashed ones included.
        "Parameters": {"execution.$": "$$.Execution.Id", "event.$": "$"},
        "Retry": [
            {"ErrorEquals": list(FINAL_ERRORS), "MaxAttempts": 0},
            {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 10, "BackoffRate": 3, "MaxAttempts": 4},
        ],
    }


def _each_partition(function_arn: str) -> dict[str, Any]:
    """The state that runs each partition that the function has named, and gives the date back for its end."""
    return {
        "Type": "Map",
        "ItemsPath": "$.partitions",
        "ItemSelector": {"date.$": "$.date", "partition.$": "$$.Map.Item.Value"},
        "MaxConcurrency": _WIDTH,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Run the partition",
            "States": {
                # The input stays beside the answer, so that it can be given again.
                "Run the partition": _invoke(function_arn)
                | {
                    "Parameters": {
                        "execution.$": "$$.Execution.Id",
                        "event": {"date.$": "$.date", "partition.$": "$.partition"},
                    },
                    "ResultPath": "$.answer",
                    "Next": "Is there more of it?",
                },
                "Is there more of it?": {
                    "Type": "Choice",
                    "Choices": [
                        {"Variable": "$.answer.outcome", "StringEquals": "more", "Next": "Run the partition"},
                        {"Variable": "$.answer.outcome", "StringEquals": "wait", "Next": "Until it may be asked"},
                    ],
                    "Default": "Partition done",
                },
                "Until it may be asked": {
                    "Type": "Wait",
                    "TimestampPath": "$.answer.until",
                    "Next": "Run the partition",
                },
                # Few bytes: the answers of all must fit into 256 KiB.
                "Partition done": {"Type": "Pass", "Parameters": {"partition.$": "$.partition"}, "End": True},
            },
        },
        "ResultPath": "$.ended",
        "Catch": _CATCH,
        "Next": "Same date again",
    }


def _one_date(function_arn: str, failures_url: str, *, parted: bool) -> dict[str, Any]:
    """The states between ``Run`` and ``Done`` or ``Failed``."""
    parts = [{"Variable": "$.outcome", "StringEquals": "partitions", "Next": "Each partition"}]
    return {
        "Run": _invoke(function_arn) | {"Catch": _CATCH, "Next": "Is there more?"},
        "Is there more?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.outcome", "StringEquals": "more", "Next": "Same date again"},
                {"Variable": "$.outcome", "StringEquals": "wait", "Next": "Until the API may be asked"},
                *(parts if parted else []),
            ],
            "Default": "Done",
        },
        **({"Each partition": _each_partition(function_arn)} if parted else {}),
        "Until the API may be asked": {"Type": "Wait", "TimestampPath": "$.until", "Next": "Same date again"},
        "Same date again": {
            "Type": "Pass",
            "Parameters": {"date.$": "$.date", "replace.$": "$.replace"},
            "Next": "Run",
        },
        "Keep the failure": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {
                "QueueUrl": failures_url,
                "MessageBody": {
                    "execution.$": "$$.Execution.Id",
                    "input.$": "$$.Execution.Input",
                    "error.$": "$.failure.Error",
                    "cause.$": "$.failure.Cause",
                },
            },
            # Beside the failure, which the end still has to name. (A null would be lost on the way to JSON.)
            "ResultPath": "$.kept",
            "Next": "Failed",
        },
    }
