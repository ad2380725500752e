"""Everything that an account of the local AWS holds, as one document to compare."""

import time
from collections.abc import Iterator
from typing import Any

from tests.local.conftest import Emulator

ACCOUNT = "0" * 12
ATHENA = "queries/"
"""What Athena writes for each query, and the rules of the reports bucket remove: the one effect of a question."""


def snapshot(emulator: Emulator) -> dict[str, Any]:
    """Return all that the account holds, by service, name and part: versions, uploads, tags, messages, jobs, tables."""
    return {
        **dict(_buckets(emulator.root("s3"))),
        **dict(_queues(emulator.root("sqs"))),
        **dict(_jobs(emulator.root("s3control"))),
        **dict(_tables(emulator.root("glue"))),
        **dict(_secrets(emulator.root("secretsmanager"))),
        **dict(_executions(emulator.root("stepfunctions"))),
        **{f"stack {each['StackName']}": each["StackStatus"] for each in _stacks(emulator)},
    }


def settled(emulator: Emulator, quiet_s: float = 4, patience_s: float = 120) -> dict[str, Any]:
    """Return a snapshot once nothing has changed for `quiet_s` seconds: events of earlier work come late."""
    last, end = snapshot(emulator), time.monotonic() + patience_s
    while time.monotonic() < end:
        time.sleep(quiet_s)
        now = snapshot(emulator)
        if now == last:
            return now
        last = now
    raise AssertionError(f"the account still changes after {patience_s} s")


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what differs, by name."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _stacks(emulator: Emulator) -> list[Any]:
    stacks: list[Any] = emulator.root("cloudformation").describe_stacks()["Stacks"]
    return stacks


def _buckets(s3: Any) -> Iterator[tuple[str, Any]]:
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        yield (
            f"bucket {bucket}",
            s3.list_bucket_inventory_configurations(Bucket=bucket).get("InventoryConfigurationList"),
        )
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for each in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                if not each["Key"].startswith(ATHENA):
                    yield (
                        f"s3://{bucket}/{each['Key']} {each['VersionId']}",
                        (each.get("ETag"), each["IsLatest"], each["LastModified"]),
                    )
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", []):
                if not each["Key"].startswith(ATHENA) and "assets" not in bucket:
                    tags = s3.get_object_tagging(Bucket=bucket, Key=each["Key"])["TagSet"]
                    yield f"tags of s3://{bucket}/{each['Key']}", tags
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            parts = s3.list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts", [])
            yield f"upload {bucket}/{upload['Key']} {upload['UploadId']}", [part["ETag"] for part in parts]


def _queues(sqs: Any) -> Iterator[tuple[str, Any]]:
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "Policy"]
    for url in sqs.list_queues().get("QueueUrls", []):
        yield f"queue {url}", sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts).get("Attributes")


def _jobs(control: Any) -> Iterator[tuple[str, Any]]:
    listed = control.list_jobs(AccountId=ACCOUNT, MaxResults=1000)
    assert "NextToken" not in listed, "more than 1,000 jobs"
    for each in listed["Jobs"]:
        job = control.describe_job(AccountId=ACCOUNT, JobId=each["JobId"])["Job"]
        progress = {name: value for name, value in job["ProgressSummary"].items() if name != "Timers"}
        yield f"job {each['JobId']}", (job["Status"], job["Priority"], progress)


def _tables(glue: Any) -> Iterator[tuple[str, Any]]:
    for database in glue.get_databases()["DatabaseList"]:
        yield f"database {database['Name']}", database.get("Parameters")
        for table in glue.get_tables(DatabaseName=database["Name"])["TableList"]:
            yield f"table {database['Name']}.{table['Name']}", table
            partitions = glue.get_partitions(DatabaseName=database["Name"], TableName=table["Name"])
            yield (
                f"partitions {database['Name']}.{table['Name']}",
                [each["Values"] for each in partitions["Partitions"]],
            )


def _secrets(secrets: Any) -> Iterator[tuple[str, Any]]:
    for secret in secrets.list_secrets()["SecretList"]:
        versions = secrets.list_secret_version_ids(SecretId=secret["ARN"])["Versions"]
        yield f"secret {secret['Name']}", sorted((each["VersionId"], *each["VersionStages"]) for each in versions)


def _executions(states: Any) -> Iterator[tuple[str, Any]]:
    for machine in states.list_state_machines()["stateMachines"]:
        executions = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        yield f"machine {machine['name']}", sorted((each["executionArn"], each["status"]) for each in executions)
