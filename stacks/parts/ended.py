"""What the end of a job sets off."""

from pathlib import Path

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade.settings import Settings
from stacks.parts.job_events import about_jobs
from stacks.parts.permissions import allow_objects


class Ended(Construct):
    """A function that reads the report of each job that ends: ``lambdas/jobs/ended.py``."""

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
        """Arguments: ``job_role``, that of the jobs which it tells of; ``root``, the repository."""
        super().__init__(scope, construct_id)
        made = about_jobs(
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
        allow_objects(made.role, reports, ["jobs/*", "manifests/job-*"], "s3:GetObject")
        allow_objects(made.role, reports, ["manifests/job-*"], "s3:PutObject")
        job_ended(self, "AnyEnded", targets.LambdaFunction(made.function, retry_attempts=4))


def job_ended(scope: Construct, construct_id: str, target: events.IRuleTarget) -> None:
    """Start ``target`` with each job of the account that has reached its last status.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-event-bridge-cloud-trail.html
    """
    events.Rule(
        scope,
        construct_id,
        description="A job of S3 Batch Operations is over",
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
