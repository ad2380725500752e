"""The resources of one source: function, state machine, schedule and dead-letter queue."""

from aws_cdk import Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from brigade import names
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.declare.target import Target, quarantine_prefix, receipt_prefix, run_prefix
from brigade.settings import Settings
from lambdas.ingest.environment import IngestEnvironment
from stacks.parts.bucket import StageBuckets
from stacks.parts.dead_letter_queue import DeadLetterQueue
from stacks.parts.ingest_state_machine import IngestStateMachine
from stacks.parts.lambda_function import LambdaFunction
from stacks.parts.malloc_environment import MALLOC_ENVIRONMENT
from stacks.parts.package import Package
from stacks.parts.permissions import Grantee, allow, allow_key, allow_list, allow_objects, bucket_arn


class Ingest(Construct):
    """The resources that ingest one source. The function may access only its own keys.

    Attributes:
        state_machine: The state machine that runs the ingest.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        source: BaseSource,
        buckets: StageBuckets,
        package: Package,
        schedules: scheduler.IScheduleGroup,
        settings: Settings,
    ) -> None:
        """Create the resources of the source.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            name: Name of the source.
            source: The declaration of the source.
            buckets: The buckets and the KMS key of the stage.
            package: The code of the function.
            schedules: The schedule group of the stage.
            settings: The settings of the stage.
        """
        super().__init__(scope, construct_id)
        self._name, self._source, self._settings = name, source, settings
        handler = self._create_function(package, buckets)
        self._allow(handler.role, buckets)
        allow_secrets(handler.role, source)
        failures = DeadLetterQueue(self, "Failures", name=names.ingest_failures(settings.stage, name))
        self.state_machine = IngestStateMachine(
            self,
            # A changed id would replace the state machine, and two of one name cannot exist.
            "Loop",
            name=names.ingest(settings.stage, name),
            function=handler.function,
            failures=failures,
            partitions=source.partitions,
        ).state_machine
        self._create_schedule(schedules, failures)

    def _create_function(self, package: Package, buckets: StageBuckets) -> LambdaFunction:
        environment = IngestEnvironment(
            source=self._name,
            lake_bucket=buckets.lake.bucket_name,
            state_bucket=buckets.state.bucket_name,
            base_url=self._settings.source_urls.get(self._name),
        )
        return LambdaFunction(
            self,
            "Function",
            name=names.ingest(self._settings.stage, self._name),
            service=names.ingest_service(self._name),
            package=package,
            environment=environment,
            extra_variables=MALLOC_ENVIRONMENT,
            memory_mib=self._source.memory_mib,
            timeout_s=self._source.timeout_s,
            settings=self._settings,
        )

    def _allow(self, role: iam.Role, buckets: StageBuckets) -> None:
        """Allow what the function calls. `lambdas/ingest/handler.py` lists which call needs which permission."""
        lake, state = buckets.lake, buckets.state
        folder = Target.of(self._source, self._name, "*", "", "").folder
        kept = [f"{place(self._name)}*" for place in (run_prefix, receipt_prefix, quarantine_prefix)]
        allow_objects(role, lake, [f"{folder}*"], "s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload")
        allow_objects(role, state, kept, "s3:GetObject", "s3:PutObject")
        allow_objects(role, state, [f"{run_prefix(self._name)}*"], "s3:DeleteObject")
        allow_list(role, lake, state)
        allow(role, ["s3:ListBucketMultipartUploads"], [bucket_arn(lake)])
        allow_key(role, buckets.key, "Decrypt", "GenerateDataKey")

    def _create_schedule(self, schedules: scheduler.IScheduleGroup, failures: DeadLetterQueue) -> None:
        expression = scheduler.ScheduleExpression.expression(self._source.schedule, TimeZone.of(self._source.time_zone))
        scheduler.Schedule(
            self,
            "Schedule",
            schedule_group=schedules,
            description=f"Ingest of {self._name}",
            schedule=expression,
            target=targets.StepFunctionsStartExecution(
                self.state_machine,
                input=scheduler.ScheduleTargetInput.from_object(
                    {"scheduled": scheduler.ContextAttribute.scheduled_time}
                ),
                dead_letter_queue=failures,
            ),
        )


def allow_secrets(grantee: Grantee, source: BaseSource) -> None:
    """Allow `grantee` to read the secrets that a source declares, and no others."""
    stack = Stack.of(grantee)
    location = f"{stack.region}:{stack.account}"
    for secret in source.secrets:
        action = "ssm:GetParameter" if secret.store == "ssm" else "secretsmanager:GetSecretValue"
        if secret.name.startswith("arn:"):
            allow(grantee, [action], [secret.name])
        elif secret.store == "ssm":
            allow(grantee, [action], [f"arn:{stack.partition}:ssm:{location}:parameter/{secret.name.lstrip('/')}"])
        else:
            arn = f"arn:{stack.partition}:secretsmanager:{location}:secret:{secret.name}-??????"
            allow(
                grantee, [action], [arn], because="Secrets Manager ends the ARN of a secret with six random characters."
            )
