"""The state machine that invokes an ingest function until the date, or each of many dates, is complete."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.parts import nag
from stacks.parts.permissions import allow

FINAL_ERRORS = ("UsageError", "SettingsError", "InvalidData", "ConditionLost")
"""Errors of `brigade.errors` that a retry cannot repair. Lambda reports an error by the name of its class."""
_PARTITION_CONCURRENCY = 8
"""Partitions of one date that are read at the same time, each by one connection to the database."""


class IngestStateMachine(Construct):
    """A state machine that invokes one ingest function until its date is complete.

    It invokes the function again after a crash, a timeout or a throttle, and for the same date while there is more to
    read. Where the API asks for a long pause, the state machine waits until the instant that the function returned.

    A failure that no retry repairs goes to the queue `failures`, with the input and the error of the execution. The
    execution then ends as Failed.

    With the input `{"dates": ["YYYY-MM-DD", …], "concurrency": N}` it runs each date in an execution of its own, N at
    a time, and its output lists the outcome of each date. A date that fails does not stop the other dates.

    The function of a source with `partitions` returns the partitions of the date that are not published yet. The state
    machine runs each one to its end, 8 at a time, and then the date again. If one partition fails permanently, the
    date fails too. Published partitions stay published, and the next execution continues with the others.

    Attributes:
        state_machine: The state machine, a standard workflow.
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
        """Create the state machine and its role.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            name: Name of the state machine.
            function: The ingest function.
            failures: The dead-letter queue of the source.
            partitions: How many partitions the source divides a date into. 1 means that it divides no date.
        """
        super().__init__(scope, construct_id)
        self._function, self._failures, self._has_partitions = function, failures, partitions > 1
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            # The role's own policy is narrower than CDK's, which also allows to invoke every version of the function
            # and to redrive a map.
            role=self._create_role(name).without_policy_updates(),
            definition_body=sfn.DefinitionBody.from_chainable(self._create_definition()),
            tracing_enabled=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # CDK's policy for the distributed map, which is attached to no role. The security rules would report it.
        self.state_machine.node.try_remove_child("DistributedMapPolicy")
        nag.accept(
            self.state_machine,
            "SF1",
            "Step Functions keeps the history of a standard execution for 90 days, and the dead-letter queue keeps "
            "each failure with its cause. Logs in CloudWatch would repeat both at a cost.",
        )

    def _create_role(self, name: str) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        allow(role, ["lambda:InvokeFunction"], [self._function.function_arn])
        allow(role, ["sqs:SendMessage"], [self._failures.queue_arn])
        # The distributed map starts an execution of the same state machine for each date, and watches it:
        # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
        allow(role, ["states:StartExecution"], [self._format_arn("stateMachine", name)])
        allow(
            role,
            ["states:DescribeExecution", "states:StopExecution"],
            [self._format_arn("execution", f"{name}:*")],
            because="Step Functions generates the names of the executions that a map starts.",
        )
        sampling = ["GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments"]
        allow(
            role, [f"xray:{action}" for action in sampling], ["*"], because="X-Ray's actions support no resource ARNs."
        )
        return role

    def _format_arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="states", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )

    def _create_definition(self) -> sfn.Choice:
        done = sfn.Succeed(self, "Done")
        failed = sfn.Fail(self, "Failed", error_path="$.failure.Error", cause_path="$.failure.Cause")
        each_date = self._create_map_of_dates()
        each_date.next(done)
        first = sfn.Choice(self, "One date or many?")
        first.when(sfn.Condition.is_present("$.dates"), each_date)
        return first.otherwise(self._create_states_of_date(done, failed))

    def _create_map_of_dates(self) -> sfn.DistributedMap:
        # The output holds the outcome of every date, and Step Functions limits it to 256 KiB. Keep each outcome short.
        suffix = ", of many"
        done = sfn.Pass(
            self, f"Done{suffix}", parameters={"date.$": "$.date", "outcome.$": "$.outcome", "records.$": "$.records"}
        )
        failed = sfn.Pass(
            self,
            f"Failed{suffix}",
            parameters={"date.$": "$.date", "outcome": "failed", "failure.$": "$.failure.Error"},
        )
        each_date = sfn.DistributedMap(
            self,
            "Each date",
            label="Dates",
            items_path="$.dates",
            item_selector={"date.$": "$$.Map.Item.Value"},
            max_concurrency_path="$.concurrency",
            map_execution_type=sfn.StateMachineType.STANDARD,
        )
        return each_date.item_processor(self._create_states_of_date(done, failed, suffix))

    def _create_states_of_date(self, done: sfn.State, failed: sfn.State, suffix: str = "") -> sfn.State:
        """Return the first of the states that run one date, which end in `done` or `failed`.

        Args:
            done: The state that follows when the date is complete.
            failed: The state that follows when the date failed for good.
            suffix: End of the name of each state, because a name must be unique in the whole state machine.
        """
        queue_failure = self._create_failure_message(f"Queue the failure{suffix}")
        queue_failure.next(failed)
        run = self._create_invocation(f"Run{suffix}", {"execution.$": "$$.Execution.Id", "event.$": "$"})
        run.add_catch(queue_failure, result_path="$.failure")
        same_date = sfn.Pass(
            self, f"Continue the date{suffix}", parameters={"date.$": "$.date", "replace.$": "$.replace"}
        )
        wait = sfn.Wait(self, f"Wait for the API{suffix}", time=sfn.WaitTime.timestamp_path("$.until"))
        is_more = sfn.Choice(self, f"Is there more?{suffix}")
        is_more.when(sfn.Condition.string_equals("$.outcome", "more"), same_date)
        is_more.when(sfn.Condition.string_equals("$.outcome", "wait"), wait.next(same_date))
        if self._has_partitions:
            each_partition = self._create_map_of_partitions(suffix)
            each_partition.add_catch(queue_failure, result_path="$.failure")
            is_more.when(sfn.Condition.string_equals("$.outcome", "partitions"), each_partition.next(same_date))
        is_more.otherwise(done)
        same_date.next(run)
        run.next(is_more)
        return run

    def _create_map_of_partitions(self, suffix: str) -> sfn.Map:
        event = {"date.$": "$.date", "partition.$": "$.partition"}
        run = self._create_invocation(
            f"Run the partition{suffix}",
            {"execution.$": "$$.Execution.Id", "event": event},
            # The input stays beside the answer, because the next invocation needs it again.
            result_path="$.answer",
        )
        wait = sfn.Wait(self, f"Wait for the database{suffix}", time=sfn.WaitTime.timestamp_path("$.answer.until"))
        # The output holds the answers of all partitions, and Step Functions limits it to 256 KiB.
        done = sfn.Pass(self, f"Partition done{suffix}", parameters={"partition.$": "$.partition"})
        is_more = sfn.Choice(self, f"Is there more of the partition?{suffix}")
        is_more.when(sfn.Condition.string_equals("$.answer.outcome", "more"), run)
        is_more.when(sfn.Condition.string_equals("$.answer.outcome", "wait"), wait.next(run))
        is_more.otherwise(done)
        run.next(is_more)
        each_partition = sfn.Map(
            self,
            f"Each partition{suffix}",
            items_path="$.partitions",
            item_selector={"date.$": "$.date", "partition.$": "$$.Map.Item.Value"},
            max_concurrency=_PARTITION_CONCURRENCY,
            result_path="$.ended",
        )
        return each_partition.item_processor(run)

    def _create_invocation(
        self, name: str, payload: dict[str, object], result_path: str | None = None
    ) -> tasks.LambdaInvoke:
        """Return a state that invokes the function and retries what a retry may repair.

        The payload names the execution, which holds the lease of the date or of the partition. Two invocations of one
        execution never run at the same time for the same date and partition.
        """
        invocation = tasks.LambdaInvoke(
            self,
            name,
            lambda_function=self._function,
            payload=sfn.TaskInput.from_object(payload),
            payload_response_only=True,
            result_path=result_path,
            retry_on_service_exceptions=False,
        )
        invocation.add_retry(errors=list(FINAL_ERRORS), max_attempts=0)
        invocation.add_retry(errors=["States.ALL"], interval=Duration.seconds(10), backoff_rate=3, max_attempts=4)
        return invocation

    def _create_failure_message(self, name: str) -> tasks.SqsSendMessage:
        """Return a state that sends the input and the error of the execution to the dead-letter queue."""
        message = {
            "execution.$": "$$.Execution.Id",
            "input.$": "$$.Execution.Input",
            "error.$": "$.failure.Error",
            "cause.$": "$.failure.Cause",
        }
        return tasks.SqsSendMessage(
            self,
            name,
            queue=self._failures,
            message_body=sfn.TaskInput.from_object(message),
            # The failure stays in the data, because the next state reads it.
            result_path="$.message",
        )
