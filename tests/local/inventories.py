"""A bucket with inventory configurations, its reports bucket, and deliveries: what several tests begin with."""

import json
import time
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any

from tests.local.conftest import Emulator, run_local

ACCOUNT = "000000000000"
KEYS = ["plain", "a b+c", "100%/dt=1", "日本/😀", "new\nline", 'quo"te,', "//..//"]
FIELDS = [
    "Size",
    "LastModifiedDate",
    "StorageClass",
    "ETag",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ObjectLockRetainUntilDate",
    "ObjectLockMode",
    "ObjectLockLegalHoldStatus",
    "IntelligentTieringAccessTier",
    "BucketKeyStatus",
    "ChecksumAlgorithm",
    "ObjectAccessControlList",
    "ObjectOwner",
]


OLD_KEYS = ["old/a b+c", "old/日本.jpg"]


class Inventory:
    """A source and a destination bucket of one test."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.s3 = emulator.root("s3")
        name = uuid.uuid4().hex[:8]
        self.source, self.destination = f"source-{name}", f"reports-{name}"
        self.s3.create_bucket(Bucket=self.source)
        self.s3.create_bucket(Bucket=self.destination)

    def allow(self, **conditions: Mapping[str, str]) -> None:
        """Set the bucket policy of S3's user guide on the destination, with other conditions if given."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{self.destination}/*",
            "Condition": conditions
            or {
                "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{self.source}"},
                "StringEquals": {"aws:SourceAccount": ACCOUNT, "s3:x-amz-acl": "bucket-owner-full-control"},
            },
        }
        # What CDK's enforce_ssl adds: it is about every caller, S3 too.
        insecure = {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{self.destination}", f"arn:aws:s3:::{self.destination}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = {"Version": "2012-10-17", "Statement": [statement, insecure]}
        self.s3.put_bucket_policy(Bucket=self.destination, Policy=json.dumps(policy))

    def configure(self, name: str, file_format: str = "CSV", versions: str = "Current", **more: Any) -> None:
        destination = {
            "AccountId": ACCOUNT,
            "Bucket": f"arn:aws:s3:::{self.destination}",
            "Format": file_format,
            "Prefix": "inventory",
        }
        configuration = {
            "Id": name,
            "IsEnabled": True,
            "IncludedObjectVersions": versions,
            "Schedule": {"Frequency": "Daily"},
            "OptionalFields": FIELDS,
            "Destination": {"S3BucketDestination": destination},
            **more,
        }
        self.s3.put_bucket_inventory_configuration(Bucket=self.source, Id=name, InventoryConfiguration=configuration)

    def deliver(self) -> list[dict[str, Any]]:
        given = run_local(self.emulator.home, "deliver-inventory", self.source)
        answer: list[dict[str, Any]] = json.loads(given.stdout)
        return answer

    def read(self, uri: str) -> bytes:
        address = urllib.parse.urlsplit(uri)
        body: bytes = self.s3.get_object(Bucket=address.netloc, Key=address.path[1:])["Body"].read()
        return body

    def written(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.destination)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def query(self, sql: str, database: str, **more: Any) -> list[list[str | None]]:
        """Return the rows of an Athena query that root runs and that must succeed."""
        execution = self.execute(sql, database, **more)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        pages = self.emulator.root("athena").get_paginator("get_query_results")
        rows = [
            [datum.get("VarCharValue") for datum in row["Data"]]
            for page in pages.paginate(QueryExecutionId=execution["QueryExecutionId"])
            for row in page["ResultSet"]["Rows"]
        ]
        return rows[1:]

    def execute(self, sql: str, database: str, athena: Any = None, **more: Any) -> dict[str, Any]:
        """Run an Athena query to its end, as root unless another client is given."""
        athena = athena or self.emulator.root("athena")
        asked = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": database},
            "ResultConfiguration": {"OutputLocation": f"s3://{self.destination}/queries"},
            **more,
        }
        name = athena.start_query_execution(**asked)["QueryExecutionId"]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            time.sleep(0.02)
        raise TimeoutError(sql)

    def configurations(self) -> dict[str, Any]:
        """Return the source's inventory configurations by their ids."""
        listed = self.s3.list_bucket_inventory_configurations(Bucket=self.source)
        return {each["Id"]: each for each in listed.get("InventoryConfigurationList", [])}


def existing(emulator: Emulator) -> Inventory:
    """Make a bucket outside of any stack, with ``OLD_KEYS``, and an inventory configuration of somebody else's."""
    made = Inventory(emulator)
    made.allow()
    for key in OLD_KEYS:
        made.s3.put_object(Bucket=made.source, Key=key, Body=b"x")
    made.configure("theirs", "ORC", Filter={"Prefix": "old/"})
    return made
