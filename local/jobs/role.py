"""Clients with the role of a job, assumed as S3 Batch Operations assumes it."""

from typing import Any

import boto3
from botocore.config import Config

from local import identity
from local.jobs.job import Job

SERVICE = "batchoperations.s3.amazonaws.com"
_SESSION_S = 12 * 3600
# A function may run for 15 minutes; an invocation is never repeated without the scheduler.
_PATIENT = {"read_timeout": 920, "retries": {"total_max_attempts": 1}}


def client(job: Job, service: str, endpoint: str, connections: int = 10) -> Any:
    """Return a boto3 client for `s3` or `lambda` with the credentials of the job role, valid for 12 hours.

    Raises:
        identity.Refused: The role does not exist, or does not trust S3 Batch Operations for this account and job.
    """
    role_arn = job.record["request"]["RoleArn"]
    region = job.record["arn"].split(":")[3]
    sent = {"aws:SourceAccount": job.record["account"], "aws:SourceArn": job.record["arn"]}
    credentials = identity.assume_for_service(role_arn, SERVICE, f"s3-batch-operations_{job.id}", sent, _SESSION_S)
    config = Config(
        signature_version="s3v4" if service == "s3" else "v4",
        s3={"addressing_style": "path"},
        max_pool_connections=connections,
        connect_timeout=10,
        proxies={},  # a proxy of the environment does not lead to this machine
        **(_PATIENT if service == "lambda" else {}),
    )
    return boto3.client(service, endpoint_url=endpoint, region_name=region, config=config, **credentials)
