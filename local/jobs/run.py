"""Run one job from its present state to its end: read the manifest, run the tasks, write the report."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from local import identity
from local.jobs import generator, native, report, role, tasks
from local.jobs.job import Job
from local.jobs.ledger import Ledger
from local.jobs.manifest import Refusal, Row, csv_rows, inventory_rows
from local.jobs.task_runner import Limits, TaskRunner
from local.jobs.tasks import Outcome

_UNWRITABLE = "The job report could not be written to your report bucket. Please check your permissions."


class Run:
    """Runs one job. After a restart, a new instance continues where the ledger ends.

    An interrupted manifest is read again from its start, an interrupted report is written again, and a task whose
    outcome is not on disk runs again.
    """

    def __init__(self, job: Job, endpoint: str, limits: Limits, stopping: threading.Event) -> None:
        self._job = job
        self._endpoint = endpoint
        self._limits = limits
        self._stopping = stopping
        self._ledger = Ledger(job.folder)

    def __call__(self) -> None:
        """Run the job to Suspended, to Paused or to its end. Return early, with everything on disk, when stopped."""
        self._job.advance("Active", after="Paused")
        steps: dict[str, Callable[[], None]] = {
            "New": lambda: self._job.advance("Preparing", after="New"),
            "Preparing": self._prepare,
            "Ready": lambda: self._job.advance("Active", after="Ready"),
            "Active": self._execute,
            "Pausing": lambda: self._job.advance("Paused", after="Pausing"),
            "Completing": lambda: self._conclude("Complete"),
            "Cancelling": lambda: self._conclude("Cancelled"),
            "Failing": lambda: self._conclude("Failed"),
        }
        while not self._stopping.is_set() and (step := steps.get(self._job.status)):
            step()

    def _prepare(self) -> None:
        job = self._job
        try:
            total = self._ledger.fill(takewhile(lambda _: self._preparing(), self._rows()))
        except Refusal as refusal:
            job.fail(refusal.code, refusal.reason)
        except identity.Refused as refused:
            job.fail("AccessDenied", refused.message)
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 403:
                job.fail("AccessDenied", f"Reading the manifest is forbidden: {code}")
            else:
                job.fail("InvalidManifestContent", f"The manifest could not be read: {code}")
        except BotoCoreError as error:
            if not self._stopping.is_set():
                job.fail("InternalError", f"The manifest could not be read: {error}")
        else:
            if self._preparing():
                job.record["total"] = total
                confirm = job.record["request"].get("ConfirmationRequired", True)
                job.advance("Suspended" if confirm else "Ready", after="Preparing")

    def _preparing(self) -> bool:
        return self._job.status == "Preparing" and not self._stopping.is_set()

    def _rows(self) -> Iterator[Row]:
        request = self._job.record["request"]
        owner = request["Report"].get("ExpectedBucketOwner")
        if owner and owner != self._job.record["account"]:
            raise Refusal(f"The report bucket does not belong to the expected account {owner}", "AccessDenied")
        s3 = role.client(self._job, "s3", self._endpoint)
        if "ManifestGenerator" in request:
            return self._generated(request["ManifestGenerator"]["S3JobManifestGenerator"], s3)
        spec, location = request["Manifest"]["Spec"], request["Manifest"]["Location"]
        bucket, _, key = location["ObjectArn"].removeprefix("arn:aws:s3:::").partition("/")
        version = {"VersionId": location["ObjectVersionId"]} if "ObjectVersionId" in location else {}
        answer = s3.get_object(Bucket=bucket, Key=key, **version)
        if answer["ETag"].strip('"') != location["ETag"].strip('"'):
            raise Refusal(f"The ETag of the manifest is {answer['ETag']} and not the job's: it has changed since")
        if spec["Format"] == "S3InventoryReport_CSV_20161130":
            return inventory_rows(answer["Body"].read(), lambda of, name: s3.get_object(Bucket=of, Key=name)["Body"])
        return csv_rows(answer["Body"], spec["Fields"])

    def _generated(self, wanted: dict[str, Any], s3: Any) -> Iterator[Row]:
        found = list(generator.rows(wanted, self._job.record["request"]["RoleArn"], self._job.record["arn"]))
        if wanted["EnableManifestOutput"]:
            self._job.record["generated"] = generator.write(found, wanted["ManifestOutputLocation"], self._job.id, s3)
        return iter(found)

    def _execute(self) -> None:
        job = self._job
        operation = job.record["request"]["Operation"]
        service = "lambda" if "LambdaInvoke" in operation else "s3"
        try:
            client = role.client(job, service, self._endpoint, self._limits.workers)
        except identity.Refused as refused:
            job.fail("AccessDenied", refused.message)
            return

        def work(row: Row) -> Outcome:
            if service == "lambda":
                return tasks.run(row, job.id, operation["LambdaInvoke"], client)
            return native.run(row, operation, client)

        TaskRunner(job, self._ledger, self._limits, self._stopping).run(work)
        if not self._stopping.is_set():
            job.advance("Completing", after="Active")

    def _conclude(self, status: str) -> None:
        job = self._job
        wanted = job.record["request"]["Report"]
        try:
            if wanted["Enabled"] and self._ledger.begun:  # no report of a job that ran no task
                s3 = role.client(job, "s3", self._endpoint)
                made = datetime.now(UTC)
                report.write(self._ledger.outcomes(), report=wanted, job_id=job.id, made=made, folder=job.folder, s3=s3)
        except (ClientError, Boto3Error, BotoCoreError, identity.Refused):
            if self._stopping.is_set():
                return
            job.note("ReportNotWritten", _UNWRITABLE)
        job.move(status)
        self._ledger.discard()
