"""A function that S3's jobs are the affair of."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from brigade.settings import Settings
from stacks import names
from stacks.parts.lambda_function import Function
from stacks.parts.package import Package
from stacks.parts.permissions import allow, allow_key, allow_list


def about_jobs(
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
) -> Function:
    """Make the function of ``lambdas/jobs/<module>.py``, which looks at jobs and at what is kept of them, and tells.

    Arguments: ``service``, under which it logs and measures; ``job_role``, which its jobs run as; ``environment``, what
    it has besides; ``root``, the repository. It may look at any job, list the reports, use the key, and publish to the
    topic; what of the objects it reads and writes is for the caller to allow.
    """
    made = Function(
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
    allow(made.role, ["s3:DescribeJob"], [jobs], because="A job's id is made when it is created.")
    allow(made.role, ["sns:Publish"], [topic.topic_arn])
    allow_list(made.role, reports)
    allow_key(made.role, key, "Decrypt", "GenerateDataKey")
    return made
