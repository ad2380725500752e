"""One source, provisioned."""

from aws_cdk import Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from brigade.ingest.feed import Feed
from brigade.settings import Settings
from stacks import names
from stacks.parts.dead_letter_queue import Failures
from stacks.parts.ingest_state_machine import IngestStateMachine
from stacks.parts.lambda_function import Function
from stacks.parts.malloc_environment import HEAP
from stacks.parts.package import Package
from stacks.parts.permissions import allow, allow_key, allow_list, allow_objects, arn


class Ingest(Construct):
    """A source's function, state machine, schedule and dead-letter queue; the function reaches its own keys only."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        source: Feed,
        lake: s3.IBucket,
        state: s3.IBucket,
        key: kms.IKey | None,
        package: Package,
        schedules: scheduler.IScheduleGroup,
        settings: Settings,
    ) -> None:
        super().__init__(scope, construct_id)
        self._name, self._source, self._settings = name, source, settings
        made = self._function(package, lake, state)
        self._allow(made.role, lake, state, key)
        _allow_secrets(self, made.role, source)
        failures = Failures(self, "Failures", name=names.ingest_failures(settings.stage, name))
        self.state_machine = IngestStateMachine(
            self,
            "Loop",
            name=names.ingest(settings.stage, name),
            function=made.function,
            failures=failures,
            partitions=source.partitions,
        ).state_machine
        self._schedule(schedules, failures)

    def _function(self, package: Package, lake: s3.IBucket, state: s3.IBucket) -> Function:
        url = self._settings.source_urls.get(self._name)
        return Function(
            self,
            "Function",
            name=names.ingest(self._settings.stage, self._name),
            service=f"ingest-{self._name}",
            package=package,
            environment={
                "BRIGADE_SOURCE": self._name,
                "BRIGADE_LAKE_BUCKET": lake.bucket_name,
                "BRIGADE_STATE_BUCKET": state.bucket_name,
                **({"BRIGADE_BASE_URL": url} if url else {}),
                **HEAP,
            },
            memory_mib=self._source.memory_mib,
            timeout_s=self._source.timeout_s,
            settings=self._settings,
        )

    def _allow(self, role: iam.Role, lake: s3.IBucket, state: s3.IBucket, key: kms.IKey | None) -> None:
        """Grant what the function calls; which call needs which: lambdas/ingest/handler.py."""
        name, prefix = self._name, self._source.prefix
        folder = f"{prefix}/{name}" if prefix else name
        allow_objects(role, lake, [f"{folder}/*"], "s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload")
        allow_objects(role, state, [f"ingest/{name}/*", f"receipts/{name}/*"], "s3:GetObject", "s3:PutObject")
        allow_objects(role, state, [f"ingest/{name}/*"], "s3:DeleteObject")
        allow_list(role, lake, state)
        allow(role, ["s3:ListBucketMultipartUploads"], [arn(lake)])
        allow_key(role, key, "Decrypt", "GenerateDataKey")

    def _schedule(self, schedules: scheduler.IScheduleGroup, failures: Failures) -> None:
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


def _allow_secrets(scope: Construct, role: iam.Role, source: Feed) -> None:
    """Let a source's function read the secrets that it declares, and no others."""
    stack = Stack.of(scope)
    place = f"{stack.region}:{stack.account}"
    for secret in source.secrets:
        if secret.store == "ssm":
            arn_ = f"arn:{stack.partition}:ssm:{place}:parameter/{secret.name.lstrip('/')}"
            allow(role, ["ssm:GetParameter"], [arn_])
        else:
            # Secrets Manager puts six random characters behind a name.
            arn_ = f"arn:{stack.partition}:secretsmanager:{place}:secret:{secret.name}-??????"
            allow(role, ["secretsmanager:GetSecretValue"], [arn_], because="The end of a secret's ARN is made up.")
