"""Lambda functions that handle events of S3 Batch Operations jobs, and the rule that starts them when a job ends."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade import layout, names
from brigade.settings import Settings
from lambdas.jobs.environment import JobEnvironment
from stacks.parts.bucket import StageBuckets
from stacks.parts.lambda_function import LambdaFunction
from stacks.parts.package import Package
from stacks.parts.permissions import allow, allow_key, allow_list, allow_objects


class JobEndHandler(Construct):
    """A function that reads the completion report of each job that ends: `lambdas/jobs/ended.py`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        buckets: StageBuckets,
        job_role: iam.IRole,
        topic: sns.ITopic,
        root: Path,
    ) -> None:
        """Create the function and its rule.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            settings: The settings of the stage.
            buckets: The buckets and the KMS key of the stage.
            job_role: The role of the jobs that the function reports. It ignores other jobs.
            topic: The topic to notify about failed tasks.
            root: The root folder of the repository.
        """
        super().__init__(scope, construct_id)
        handler = create_job_function(
            self,
            "ended",
            service="jobs",
            settings=settings,
            buckets=buckets,
            topic=topic,
            environment=JobEnvironment(
                stage=settings.stage,
                reports_bucket=buckets.reports.bucket_name,
                job_role=job_role.role_arn,
                alarm_topic=topic.topic_arn,
            ),
            root=root,
        )
        allow_objects(handler.role, buckets.reports, [f"{layout.JOB_REPORTS}/*", f"{layout.ARCHIVE}*"], "s3:GetObject")
        allow_objects(handler.role, buckets.reports, [f"{layout.ARCHIVE}*"], "s3:PutObject")
        add_job_end_rule(self, "AnyEnded", targets.LambdaFunction(handler.function, retry_attempts=4))


def create_job_function(
    scope: Construct,
    module: str,
    *,
    service: str,
    settings: Settings,
    buckets: StageBuckets,
    topic: sns.ITopic,
    environment: JobEnvironment,
    root: Path,
) -> LambdaFunction:
    """Create the function of `lambdas/jobs/<module>.py`.

    It may describe any job, list the reports, use the key and publish to the topic. The caller adds the permissions to
    read and write objects.

    Args:
        scope: The parent construct.
        module: Name of the module in `lambdas/jobs`.
        service: The name under which the function writes logs and metrics.
        settings: The settings of the stage.
        buckets: The buckets and the KMS key of the stage.
        topic: The topic to notify.
        environment: The environment that the handler reads.
        root: The root folder of the repository.
    """
    created = LambdaFunction(
        scope,
        module.capitalize(),
        name=names.jobs(settings.stage, module),
        service=service,
        package=Package.of_jobs(root, settings.target, module),
        environment=environment,
        settings=settings,
    )
    stack = Stack.of(scope)
    jobs = f"arn:{stack.partition}:s3:{stack.region}:{stack.account}:job/*"
    allow(created.role, ["s3:DescribeJob"], [jobs], because="S3 generates the id of a job when the job is created.")
    allow(created.role, ["sns:Publish"], [topic.topic_arn])
    allow_list(created.role, buckets.reports)
    allow_key(created.role, buckets.key, "Decrypt", "GenerateDataKey")
    return created


def add_job_end_rule(scope: Construct, construct_id: str, target: events.IRuleTarget) -> None:
    """Create the rule that starts `target` for each job of the account that completes, fails or is canceled.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-event-bridge-cloud-trail.html
    """
    events.Rule(
        scope,
        construct_id,
        description="An S3 Batch Operations job ended",
        event_pattern=events.EventPattern(
            source=["aws.s3"],
            detail_type=["AWS Service Event via CloudTrail"],
            detail={
                "eventSource": ["s3.amazonaws.com"],
                "eventName": ["JobStatusChanged"],
                "serviceEventDetails": {"status": ["Complete", "Failed", "Cancelled"]},
            },
        ),
        targets=[target],
    )
