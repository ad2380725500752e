"""The function that creates the recurring jobs, and the rules and schedules that start it."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade import layout, names
from brigade.catalog import table
from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring
from brigade.settings import Settings
from lambdas.jobs.environment import RecurEnvironment
from stacks.parts.athena_access import allow_queries
from stacks.parts.bucket import StageBuckets
from stacks.parts.job_events import add_job_end_rule, create_job_function
from stacks.parts.permissions import allow, allow_list, allow_objects


class RecurringJobs(Construct):
    """A function that creates the recurring jobs: `lambdas/jobs/recur.py`.

    It starts for each summarized delivery of the lake, for each job that ends, and at the time of each schedule.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        buckets: StageBuckets,
        job_role: iam.IRole,
        topic: sns.ITopic,
        operations: Mapping[str, Operation],
        recurring: Mapping[str, Recurring],
        root: Path,
    ) -> None:
        """Create the function with its rules and schedules.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            settings: The settings of the stage.
            buckets: The buckets and the KMS key of the stage.
            job_role: The role of the jobs that the function creates.
            topic: The topic to notify.
            operations: The declared operations, by name.
            recurring: The declared recurring jobs, by name.
            root: The root folder of the repository.
        """
        super().__init__(scope, construct_id)
        stage = settings.stage
        used = {job.operation: operations[job.operation] for job in recurring.values()}
        sizes = {name: {"memory_mib": each.memory_mib, "price": each.price} for name, each in used.items()}
        self._handler = create_job_function(
            self,
            "recur",
            service="jobs-recur",
            settings=settings,
            buckets=buckets,
            topic=topic,
            environment=RecurEnvironment(
                stage=stage,
                reports_bucket=buckets.reports.bucket_name,
                job_role=job_role.role_arn,
                alarm_topic=topic.topic_arn,
                lake_bucket=buckets.lake.bucket_name,
                state_bucket=buckets.state.bucket_name,
                inventory_prefix=settings.inventory.prefix,
                inventory_id=settings.inventory.id,
                database=names.database(stage),
                table=table(),
                workgroup=names.workgroup(stage),
                operation_arn=self._format_arn("lambda", f"function:{names.operation(stage, '')}"),
                operations=json.dumps(sizes),
            ),
            root=root,
        )
        self._allow(settings, buckets, job_role)
        self._add_rules(stage, buckets.lake)
        for name, job in recurring.items():
            if job.schedule:
                self._add_schedule(name, job.schedule)

    def _allow(self, settings: Settings, buckets: StageBuckets, job_role: iam.IRole) -> None:
        prefix = settings.inventory.prefix
        role = self._handler.role
        allow_queries(role, stage=settings.stage, deliveries=prefix, reports=buckets.reports, table=table())
        allow_list(role, buckets.state)
        allow_objects(
            role, buckets.reports, [f"{layout.MANIFESTS}/*"], "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"
        )
        allow_objects(role, buckets.state, [f"{layout.RECURRING}/*"], "s3:GetObject", "s3:PutObject")
        allow(role, ["s3:CreateJob"], ["*"], because="The action s3:CreateJob supports no resource ARNs.")
        because = "S3 generates the id of a job when the job is created. A job can only have the one role passed below."
        allow(role, ["s3:PutJobTagging"], [self._format_arn("s3", "job/*")], because=because)
        batch_operations = {"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}}
        allow(role, ["iam:PassRole"], [job_role.role_arn], conditions=batch_operations)

    def _add_rules(self, stage: str, lake: s3.IBucket) -> None:
        """Start the function for each summarized delivery of the lake and for each job that ends."""
        target = targets.LambdaFunction(self._handler.function, retry_attempts=4)
        events.Rule(
            self,
            "Delivered",
            description="A delivery of the lake was summarized",
            event_pattern=events.EventPattern(
                source=[names.event_source(stage)],
                detail_type=[names.INVENTORY_SUMMARIZED],
                detail={"bucket": [lake.bucket_name]},
            ),
            targets=[target],
        )
        add_job_end_rule(self, "Ended", target)

    def _add_schedule(self, name: str, expression: str) -> None:
        """Start the function for the recurring job `name` at the times of a schedule expression."""
        title = names.output("", name)
        role = iam.Role(self, f"{title}Scheduler", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        allow(role, ["lambda:InvokeFunction"], [self._handler.function.function_arn])
        scheduler.Schedule(
            self,
            f"{title}Schedule",
            description=f"The recurring job {name}",
            schedule=scheduler.ScheduleExpression.expression(expression),
            target=scheduler_targets.LambdaInvoke(
                self._handler.function,
                input=scheduler.ScheduleTargetInput.from_object({"recurring": name}),
                # CDK would also allow to invoke every version of the function.
                role=role.without_policy_updates(),
            ),
        )

    def _format_arn(self, service: str, resource: str) -> str:
        stack = Stack.of(self)
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"
