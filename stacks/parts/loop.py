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


class Loop(Construct):
    """Invokes a function: again after a crash, a timeout or a throttle; again, for the same date, while there is more.

    Where the API asks for a long pause it waits by itself, unpaid, until the instant that the function says.

    What fails for good goes to ``failures`` with its input and its error, and the execution ends Failed. After a day it
    is ended as timed out.

    Given ``{"dates": ["YYYY-MM-DD", …], "concurrency": N}`` it does so for each date, N at a time, each in an execution
    of its own, and answers with the outcome of each; a date that fails is kept as above, and the others go on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function: lambda_.IFunction,
        failures: sqs.IQueue,
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
        definition = _definition(function.function_arn, failures.queue_url)
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


def _definition(function_arn: str, failures_url: str) -> dict[str, Any]:
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
                    "StartAt": "Run",
                    "States": _one_date(function_arn, failures_url) | {"Done": _DONE, "Failed": _FAILED},
                },
                "Next": "Done",
            },
            **_one_date(function_arn, failures_url),
            "Done": {"Type": "Succeed"},
            "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
        },
    }


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


def _one_date(function_arn: str, failures_url: str) -> dict[str, Any]:
    """The states between ``Run`` and ``Done`` or ``Failed``."""
    return {
        "Run": {
            "Type": "Task",
            "Resource": function_arn,
            # Of an execution no two invocations run at once: it holds the lease of the date, crashed ones included.
            "Parameters": {"execution.$": "$$.Execution.Id", "event.$": "$"},
            "Retry": [
                {"ErrorEquals": list(FINAL_ERRORS), "MaxAttempts": 0},
                {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 10, "BackoffRate": 3, "MaxAttempts": 4},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Keep the failure"}],
            "Next": "Is there more?",
        },
        "Is there more?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.outcome", "StringEquals": "more", "Next": "Same date again"},
                {"Variable": "$.outcome", "StringEquals": "wait", "Next": "Until the API may be asked"},
            ],
            "Default": "Done",
        },
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
