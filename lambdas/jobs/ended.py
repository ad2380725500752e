"""A job has ended: read its report, measure, and notify the alarm topic of failures and the next step.

EventBridge invokes it with S3's "JobStatusChanged", an event of CloudTrail's. Its role needs ``s3:DescribeJob``;
on the reports bucket ``s3:GetObject`` of ``jobs/*`` and Get and Put of ``manifests/job-*``, and ``s3:ListBucket``, by
which a report that is not there yet is told from one that may not be read; ``sns:Publish`` to the topic.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-event-bridge-cloud-trail.html
"""

import functools
import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from brigade.aws import Connection
from brigade.jobs.archive import archive_document, read_archived
from brigade.jobs.client import JobsClient
from brigade.jobs.job import parse_job
from brigade.jobs.notification import build_notification
from lambdas.jobs.environment import JobEnvironment
from lambdas.logs import masking_errors, masking_logger

logger = masking_logger()
metrics = Metrics()


@masking_errors
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the job and its counts. `told` is true if a notification about failures was published: once per job.

    A job is ignored if it is not over, has been handled before, or did not run with this stage's role.
    """
    job_id = event["detail"]["serviceEventDetails"]["jobId"]
    environment = JobEnvironment.read(os.environ)
    role, reports = environment.job_role, environment.reports_bucket
    s3 = _client("s3")
    described = JobsClient(_client("s3control"), role.split(":")[4]).describe(job_id)
    job = parse_job(described)
    if described["RoleArn"] != role or not job.over or read_archived(s3, reports, job_id, "told"):
        return {"id": job_id, "status": job.status, "told": False}
    failed = job.status == "Failed" or job.failed > 0
    if failed:
        ending = build_notification(s3, job, environment.stage)
        _client("sns").publish(TopicArn=environment.alarm_topic, Subject=ending.subject, Message=ending.text)
    archive_document(s3, reports, job_id, "description", described)
    # Kept last: if killed before this, it notifies again rather than never.
    archive_document(s3, reports, job_id, "told", {"failed": failed})
    for name, value in (
        ("JobsEnded", 1),
        ("JobsFailed", int(failed)),
        ("TasksSucceeded", job.succeeded),
        ("TasksFailed", job.failed),
    ):
        metrics.add_metric(name, MetricUnit.Count, value)
    logger.info("ended", extra={"job": job_id, "status": job.status, "failed": job.failed})
    return {"id": job_id, "status": job.status, "succeeded": job.succeeded, "failed": job.failed, "told": failed}


@functools.cache
def _client(service: str) -> Any:
    return Connection().client(service)
