"""The jobs that recur, and what they start with: a delivery, the clock, the end of one of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade.catalog import table
from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring as Declared
from brigade.settings import Settings
from stacks import names
from stacks.parts.athena_access import allow_asking
from stacks.parts.ended import job_ended
from stacks.parts.job_events import about_jobs
from stacks.parts.permissions import allow, allow_list, allow_objects


class Recurring(Construct):
    """A function that makes the recurring jobs: ``lambdas/jobs/recur.py``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        buckets: Sequence[s3.IBucket],
        key: kms.IKey | None,
        job_role: iam.IRole,
        topic: sns.ITopic,
        operations: Mapping[str, Operation],
        recurring: Mapping[str, Declared],
        root: Path,
    ) -> None:
        """Arguments: ``buckets``, the lake, the reports, the state; ``root``, the repository."""
        super().__init__(scope, construct_id)
        lake, reports, state = buckets
        used = {declared.operation: operations[declared.operation] for declared in recurring.values()}
        sizes = {name: {"memory_mib": each.memory_mib, "price": each.price} for name, each in used.items()}
        self._made = about_jobs(
            self,
            "recur",
            service="jobs-recur",
            settings=settings,
            reports=reports,
            key=key,
            job_role=job_role,
            topic=topic,
            environment={
                **self._place(settings),
                "BRIGADE_LAKE_BUCKET": lake.bucket_name,
                "BRIGADE_STATE_BUCKET": state.bucket_name,
                "BRIGADE_OPERATIONS": json.dumps(sizes),
            },
            root=root,
        )
        self._allow(settings, reports=reports, state=state, job_role=job_role)
        self._start_with(settings.stage, lake)
        for name, declared in recurring.items():
            if declared.schedule:
                self._schedule(name, declared.schedule)

    def _place(self, settings: Settings) -> dict[str, str]:
        """Where the deliveries are, what they are asked by, and what its operations' functions are called."""
        stage, inventory = settings.stage, settings.inventory
        return {
            "BRIGADE_INVENTORY_PREFIX": inventory.prefix,
            "BRIGADE_INVENTORY_ID": inventory.id,
            "BRIGADE_DATABASE": names.database(stage),
            "BRIGADE_TABLE": table(),
            "BRIGADE_WORKGROUP": names.workgroup(stage),
            "BRIGADE_OPERATION_ARN": self._arn("lambda", f"function:{names.operation(stage, '')}"),
        }

    def _allow(self, settings: Settings, *, reports: s3.IBucket, state: s3.IBucket, job_role: iam.IRole) -> None:
        prefix = settings.inventory.prefix
        role = self._made.role
        allow_asking(role, stage=settings.stage, deliveries=prefix, reports=reports, table=table())
        allow_list(role, state)
        allow_objects(role, reports, ["manifests/*"], "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload")
        allow_objects(role, state, ["recurring/*"], "s3:GetObject", "s3:PutObject")
        allow(role, ["s3:CreateJob"], ["*"], because="IAM knows no resource for it.")
        because = "A job's id is made when it is created; what it may touch is bounded by the one role it can have."
        allow(role, ["s3:PutJobTagging"], [self._arn("s3", "job/*")], because=because)
        passed = {"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}}
        allow(role, ["iam:PassRole"], [job_role.role_arn], conditions=passed)

    def _start_with(self, stage: str, lake: s3.IBucket) -> None:
        """With each delivery of the lake that was summarized, and with the end of each job."""
        function = targets.LambdaFunction(self._made.function, retry_attempts=4)
        events.Rule(
            self,
            "Delivered",
            description="A delivery of the lake has been summarized",
            event_pattern=events.EventPattern(
                source=[f"brigade.{stage}"],
                detail_type=["Inventory Summarized"],
                detail={"bucket": [lake.bucket_name]},
            ),
            targets=[function],
        )
        job_ended(self, "Ended", function)

    def _schedule(self, name: str, expression: str) -> None:
        title = names.output("", name)
        role = iam.Role(self, f"{title}Scheduler", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        allow(role, ["lambda:InvokeFunction"], [self._made.function.function_arn])
        scheduler.Schedule(
            self,
            f"{title}Schedule",
            description=f"The recurring job {name}",
            schedule=scheduler.ScheduleExpression.expression(expression),
            target=scheduler_targets.LambdaInvoke(
                self._made.function,
                input=scheduler.ScheduleTargetInput.from_object({"recurring": name}),
                # CDK would also let it invoke every version of the function.
                role=role.without_policy_updates(),
            ),
        )

    def _arn(self, service: str, resource: str) -> str:
        stack = Stack.of(self)
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"
