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
from stacks.parts.failures import Failures
from stacks.parts.function import Function
from stacks.parts.loop import Loop
from stacks.parts.package import Package
from stacks.parts.role import allow, allow_key, allow_list, allow_objects, arn


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
        url = settings.source_urls.get(name)
        made = Function(
            self,
            "Function",
            name=names.ingest(settings.stage, name),
            service=f"ingest-{name}",
            package=package,
            environment={
                "BRIGADE_SOURCE": name,
                "BRIGADE_LAKE_BUCKET": lake.bucket_name,
                "BRIGADE_STATE_BUCKET": state.bucket_name,
                **({"BRIGADE_BASE_URL": url} if url else {}),
                # Pages and parts go back to the system when they are done with, however many there were: glibc would
                # else keep them on its heap, full of holes (https://man7.org/linux/man-pages/man3/mallopt.3.html).
                "MALLOC_MMAP_THRESHOLD_": str(2**20),
            },
            memory_mib=source.memory_mib,
            timeout_s=source.timeout_s,
            concurrency=None,
            settings=settings,
        )
        # Which call needs which: lambdas/ingest/handler.py
        folder = f"{source.prefix}/{name}" if source.prefix else name
        allow_objects(made.role, lake, [f"{folder}/*"], "s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload")
        allow_objects(made.role, state, [f"ingest/{name}/*", f"receipts/{name}/*"], "s3:GetObject", "s3:PutObject")
        allow_objects(made.role, state, [f"ingest/{name}/*"], "s3:DeleteObject")
        allow_list(made.role, lake, state)
        allow(made.role, ["s3:ListBucketMultipartUploads"], [arn(lake)])
        allow_key(made.role, key, "Decrypt", "GenerateDataKey")

        _allow_secrets(self, made.role, source)

        failures = Failures(self, "Failures", name=names.ingest_failures(settings.stage, name))
        self.state_machine = Loop(
            self,
            "Loop",
            name=names.ingest(settings.stage, name),
            function=made.function,
            failures=failures,
            partitions=source.partitions,
        ).state_machine
        scheduler.Schedule(
            self,
            "Schedule",
            schedule_group=schedules,
            description=f"Ingest of {name}",
            schedule=scheduler.ScheduleExpression.expression(source.schedule, TimeZone.of(source.time_zone)),
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
