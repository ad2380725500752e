"""Lambda functions that handle events of S3 Batch Operations jobs, and the rule that starts them when a job ends."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade import layout
from brigade.settings import Settings
from stacks import names
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
        reports: s3.IBucket,
        key: kms.IKey | None,
        job_role: iam.IRole,
        topic: sns.ITopic,
        root: Path,
    ) -> None:
        """Create the function and its rule.

        Args:
            scope: The parent construct.
            construct_id: The id of this construct in `scope`.
            settings: The settings of the stage.
            reports: The bucket with the manifests and the completion reports.
            key: The KMS key of the stage, if it has one.
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
            reports=reports,
            key=key,
            job_role=job_role,
            topic=topic,
            environment={},
            root=root,
        )
        allow_objects(handler.role, reports, [f"{layout.JOB_REPORTS}/*", f"{layout.ARCHIVE}*"], "s3:GetObject")
        allow_objects(handler.role, reports, [f"{layout.ARCHIVE}*"], "s3:PutObject")
        add_job_end_rule(self, "AnyEnded", targets.LambdaFunction(handler.function, retry_attempts=4))


def create_job_function(
    scope: Construct,
    module: str,
    *,
    service: str,
    settings: Settings,
    reports: s3.IBucket,
    key: kms.IKey | None,
    job_role: iam.IRole,
    topic: sns.ITopic,
    environment: Mapping[str, str],
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
        reports: The bucket with the manifests and the completion reports.
        key: The KMS key of the stage, if it has one.
        job_role: The role of the stage's jobs.
        topic: The topic to notify.
        environment: Environment variables besides those that every such function has.
        root: The root folder of the repository.
    """
    created = LambdaFunction(
        scope,
        module.capitalize(),
        name=names.jobs(settings.stage, module),
        service=service,
        package=Package.of_jobs(root, settings.target, module),
        environment={
            "BRIGADE_STAGE": settings.stage,
            "BRIGADE_REPORTS_BUCKET": reports.bucket_name,
            "BRIGADE_JOB_ROLE": job_role.role_arn,
            "BRIGADE_ALARM_TOPIC": topic.topic_arn,
            **environment,
        },
        settings=settings,
    )
    stack = Stack.of(scope)
    jobs = f"arn:{stack.partition}:s3:{stack.region}:{stack.account}:job/*"
    allow(created.role, ["s3:DescribeJob"], [jobs], because="S3 generates the id of a job when the job is created.")
    allow(created.role, ["sns:Publish"], [topic.topic_arn])
    allow_list(created.role, reports)
    allow_key(created.role, key, "Decrypt", "GenerateDataKey")
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
