"""Jobs made and watched by boto3, for tests."""

import csv
import hashlib
import io
import json
import time
import uuid
import zipfile
from typing import Any

from tests.local.conftest import Emulator

BUCKET = "batch-bucket"
TRUST = {"Effect": "Allow", "Principal": {"Service": "batchoperations.s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
ENDED = {"Complete", "Failed", "Cancelled"}


class Batch:
    """A bucket, a function and a good role on the emulator, and short ways to make and watch jobs."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.s3 = emulator.root("s3")
        self.iam = emulator.root("iam")
        self.functions = emulator.root("lambda")
        self.control = emulator.root("s3control")
        self.account = "000000000000"
        self.function = ""
        self.role = ""

    def set_up(self, code: str) -> None:
        self.s3.create_bucket(Bucket=BUCKET)
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        self.function = self.make_function("batch-worker", code, self.make_role([], trust))
        self.role = self.make_role([self.reads(), self.writes(), self.invokes()])

    def reads(self) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/manifests/*"}

    def writes(self) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/jobs/*"}

    def invokes(self) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": self.function}

    def make_role(self, statements: list[dict[str, Any]], trust: dict[str, Any] = TRUST) -> str:
        name = f"role-{uuid.uuid4()}"
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if statements:
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            self.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
        return arn

    def make_function(self, name: str, code: str, role: str, timeout: int = 3) -> str:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("index.py", code)
        made = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": package.getvalue()},
            Timeout=timeout,
        )
        arn: str = made["FunctionArn"]
        return arn

    def put(self, body: bytes, name: str | None = None) -> dict[str, str]:
        """Put a manifest; gives its Location."""
        key = f"manifests/{name or uuid.uuid4()}"
        etag = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"]
        return {"ObjectArn": f"arn:aws:s3:::{BUCKET}/{key}", "ETag": etag}

    def request(self, manifest: bytes | list[str] = b"", **changes: Any) -> dict[str, Any]:
        """A CreateJob request for a CSV manifest: whole, or keys (already encoded) of one bucket."""
        if isinstance(manifest, list):
            manifest = "".join(f"lake,{key}\n" for key in manifest).encode()
        spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": changes.pop("fields", ["Bucket", "Key"])}
        invoke = {"FunctionArn": self.function, "InvocationSchemaVersion": "2.0"} | changes.pop("invoke", {})
        scope = changes.pop("scope", "AllTasks")
        report = {
            "Bucket": f"arn:aws:s3:::{BUCKET}",
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "Prefix": "jobs",
            "ReportScope": scope,
        }
        return {
            "AccountId": self.account,
            "ConfirmationRequired": False,
            "Operation": {"LambdaInvoke": invoke},
            "Manifest": changes.get("Manifest") or {"Spec": spec, "Location": self.put(manifest)},
            "Report": report,
            "Priority": 10,
            "RoleArn": self.role,
            "ClientRequestToken": str(uuid.uuid4()),
        } | changes

    def create(self, manifest: bytes | list[str] = b"", **changes: Any) -> str:
        job_id: str = self.control.create_job(**self.request(manifest, **changes))["JobId"]
        return job_id

    def describe(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.control.describe_job(AccountId=self.account, JobId=job_id)["Job"]
        return job

    def await_status(self, job_id: str, *statuses: str, seconds: float = 30) -> dict[str, Any]:
        ends = time.monotonic() + seconds
        while (job := self.describe(job_id))["Status"] not in (statuses or ENDED):
            assert time.monotonic() < ends, f"job is still {job['Status']}"
            time.sleep(0.05)
        return job

    def run(self, manifest: bytes | list[str], **changes: Any) -> dict[str, Any]:
        return self.await_status(self.create(manifest, **changes))

    def report(self, job_id: str) -> dict[str, Any]:
        """The report's manifest, checked by its MD5."""
        base = f"jobs/job-{job_id}"
        body = self.s3.get_object(Bucket=BUCKET, Key=f"{base}/manifest.json")["Body"].read()
        checksum = self.s3.get_object(Bucket=BUCKET, Key=f"{base}/manifest.json.md5")["Body"].read()
        assert checksum.decode().strip() == hashlib.md5(body).hexdigest()
        document: dict[str, Any] = json.loads(body)
        return document

    def results(self, job_id: str) -> dict[str, bytes]:
        """The report's files by status, each checked by its MD5."""
        files = {}
        for entry in self.report(job_id)["Results"]:
            body = self.s3.get_object(Bucket=entry["Bucket"], Key=entry["Key"])["Body"].read()
            assert hashlib.md5(body).hexdigest() == entry["MD5Checksum"]
            files[entry["TaskExecutionStatus"]] = body
        return files

    def rows(self, job_id: str) -> list[list[str]]:
        files = self.results(job_id).values()
        return [row for body in files for row in csv.reader(io.StringIO(body.decode(), newline=""))]
