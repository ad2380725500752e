"""The state machine that runs an ingest until it says that it is done."""

from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
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
        "StartAt": "Run",
        "States": {
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
            "Same date again": {"Type": "Pass", "Parameters": {"date.$": "$.date"}, "Next": "Run"},
            "Done": {"Type": "Succeed"},
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
            "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
        },
    }
