"""Jobs: each operation over an object, over a version, over what is not there; the life of a job."""

import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from backports import zstd

from tests.local.exercises.base import Base, logged, soon, traced


class Jobs(Base):
    """Each public method is an exercise: it returns when all went as promised and raises AssertionError when not."""

    # What a job and its functions do

    def make_a_thumbnail(self) -> None:
        assert self._job("thumbnail", "photographs/a b+c.jpg") == [("succeeded", "")]

    def make_a_thumbnail_of_a_version(self) -> None:
        assert self._job_over_version("thumbnail", "photographs/d.jpg") == [("succeeded", "")]

    def verify_an_object(self) -> None:
        assert self._job("verify", "photographs/d.jpg") == [("succeeded", "")]

    def tag_an_object(self) -> None:
        self._put("tagged/a b+c")
        assert self._job("s3:tag", "tagged/a b+c", "team=red") == [("succeeded", "")]

    def tag_a_version(self) -> None:
        self._put("tagged/d")
        assert self._job_over_version("s3:tag", "tagged/d", "team=red") == [("succeeded", "")]

    def verify_a_whole_delivery(self) -> None:
        job = self._deployed.ask("jobs", "submit", "verify", "--inventory", "latest", "--yes")
        if self._deployed.run("jobs", "cancel", job["id"]).returncode:  # it may be done already
            assert self._deployed.ask("jobs", "show", job["id"])["status"] == "Complete"

    def verify_a_delivery_under_the_key(self) -> None:
        """One that S3 takes for the manifest as it is, of a configuration beside the stage's own, which is Parquet."""
        reports = f"arn:aws:s3:::{self._reports}"
        place = {"Bucket": reports, "AccountId": "000000000000", "Format": "CSV", "Prefix": "inventory"}
        beside = {
            "Id": "beside",
            "IsEnabled": True,
            "IncludedObjectVersions": "Current",
            "Schedule": {"Frequency": "Daily"},
            "Destination": {"S3BucketDestination": place},
        }
        self._s3.put_bucket_inventory_configuration(Bucket=self._lake, Id="beside", InventoryConfiguration=beside)
        try:
            self.deliver_the_inventory()
        finally:
            self._s3.delete_bucket_inventory_configuration(Bucket=self._lake, Id="beside")
        folder = f"s3://{self._reports}/inventory/{self._lake}/beside"
        given = self._deployed.ask("inventory", "deliveries", folder)
        newest = (given[0] if isinstance(given, list) else given)["manifest"]
        job = self._deployed.ask("jobs", "submit", "verify", "--inventory", newest, "--yes")
        assert self._deployed.run("jobs", "cancel", job["id"]).returncode == 0

    def verify_a_version(self) -> None:
        assert self._job_over_version("verify", "photographs/d.jpg") == [("succeeded", "")]

    def miss_an_object_to_verify(self) -> None:
        assert self._job("verify", "photographs/none.jpg") == [("failed", "NoSuchKey")]

    def miss_an_object_to_make_a_thumbnail_of(self) -> None:
        assert self._job("thumbnail", "photographs/none.jpg") == [("failed", "NoSuchKey")]

    def forget_an_object(self) -> None:
        self._put("forgotten/a b+c")
        assert self._job("forget", "forgotten/a b+c", "mode=delete") == [("succeeded", "")]
        assert not self._keys(self._lake, "forgotten/a")

    def forget_a_version(self) -> None:
        self._put("forgotten/d")
        assert self._job_over_version("forget", "forgotten/d") == [("succeeded", "")]

    def miss_an_object_to_forget(self) -> None:
        assert self._job("forget", "forgotten/none") == [("succeeded", "")]

    def log_forget(self) -> None:
        with logged(self._deployed, self._deployed.name("operation-forget")):
            self.forget_an_object()

    def trace_forget(self) -> None:
        with traced(self._deployed, self._deployed.name("operation-forget")):
            self.forget_an_object()

    def rekey_an_object(self) -> None:
        self._put("old/a b+c")
        assert self._job("rekey", "old/a b+c", "to=new/{name}", "delete=true") == [("succeeded", "")]
        assert (self._keys(self._lake, "old/a"), self._keys(self._lake, "new/a")) == ([], ["new/a b+c"])
        self._s3.delete_object(Bucket=self._lake, Key="new/a b+c")

    def rekey_a_version(self) -> None:
        self._put("old/d")
        assert self._job_over_version("rekey", "old/d", "to=new/{name}") == [("succeeded", "")]
        self._s3.delete_object(Bucket=self._lake, Key="new/d")

    def miss_an_object_to_rekey(self) -> None:
        assert self._job("rekey", "old/none", "to=new/{name}") == [("failed", "404")]

    def log_rekey(self) -> None:
        with logged(self._deployed, self._deployed.name("operation-rekey")):
            self.rekey_an_object()

    def trace_rekey(self) -> None:
        with traced(self._deployed, self._deployed.name("operation-rekey")):
            self.rekey_an_object()

    def recompress_an_object(self) -> None:
        self._recompress("packed/a b+c", "gz", "zst")

    def recompress_it_back(self) -> None:
        self._recompress("packed/a b+c", "zst", "gz")

    def recompress_a_version(self) -> None:
        self._recompress("packed/d", "gz", "zst", over=self._job_over_version)

    def recompress_a_version_back(self) -> None:
        self._recompress("packed/d", "zst", "gz", over=self._job_over_version)

    def miss_an_object_to_recompress(self) -> None:
        assert self._job("recompress", "packed/none.gz") == [("failed", "NoSuchKey")]

    def log_recompress(self) -> None:
        with logged(self._deployed, self._deployed.name("operation-recompress")):
            self.recompress_an_object()

    def trace_recompress(self) -> None:
        with traced(self._deployed, self._deployed.name("operation-recompress")):
            self.recompress_an_object()

    def to_parquet_an_object(self) -> None:
        self._to_parquet("lines/a b+c.jsonl", b'{"n": 1}\n', self._job)

    def to_parquet_a_packed_object(self) -> None:
        self._to_parquet("lines/e.jsonl.gz", gzip.compress(b'{"n": 1}\n'), self._job)

    def to_parquet_a_version(self) -> None:
        self._to_parquet("lines/f.jsonl", b'{"n": 1}\n', self._job_over_version)

    def to_parquet_a_packed_version(self) -> None:
        self._to_parquet("lines/g.jsonl.gz", gzip.compress(b'{"n": 1}\n'), self._job_over_version)

    def miss_an_object_to_to_parquet(self) -> None:
        assert self._job("to_parquet", "lines/none.jsonl") == [("failed", "NoSuchKey")]

    def log_to_parquet(self) -> None:
        with logged(self._deployed, self._deployed.name("operation-to_parquet")):
            self.to_parquet_an_object()

    def trace_to_parquet(self) -> None:
        with traced(self._deployed, self._deployed.name("operation-to_parquet")):
            self.to_parquet_an_object()

    def log_a_thumbnail(self) -> None:
        with logged(self._deployed, self._deployed.name("operation-thumbnail")):
            self.make_a_thumbnail()

    def trace_a_thumbnail(self) -> None:
        with traced(self._deployed, self._deployed.name("operation-thumbnail")):
            self.make_a_thumbnail()

    def log_a_verification(self) -> None:
        with logged(self._deployed, self._deployed.name("operation-verify")):
            self.verify_an_object()

    def trace_a_verification(self) -> None:
        with traced(self._deployed, self._deployed.name("operation-verify")):
            self.verify_an_object()

    # What the operator does, beside what is above

    def change_a_waiting_job(self) -> None:
        job = self._waiting_job()
        assert self._deployed.ask("jobs", "priority", job, "77")["priority"] == 77
        assert self._deployed.ask("jobs", "cancel", job)["status"] in {"Cancelled", "Cancelling"}
        assert job in self._deployed.run("jobs", "list").stdout

    def let_s3_list_objects(self) -> None:
        assert self._over("verify", "--prefix", "photographs/a", "--suffix", ".jpg") == [("succeeded", "")]

    def measure_a_sample(self) -> None:
        priced = self._deployed.ask(
            "jobs", "estimate", "verify", "--keys", "-", "--sample", "1", given="photographs/d.jpg\n"
        )
        assert "Lambda time as measured" in priced["assumed"]

    def submit_a_manifest(self) -> None:
        body = f"{self._lake},photographs/d.jpg\n".encode()
        self._s3.put_object(Bucket=self._reports, Key="manifests/mine.csv", Body=body)
        chosen = ("--manifest", f"s3://{self._reports}/manifests/mine.csv")
        assert self._deployed.ask("jobs", "submit", "verify", *chosen, "--yes")["objects"] == 1

    def give_up_a_long_manifest(self) -> None:
        """Abort the upload of a manifest whose last line names another bucket, after its first parts are uploaded."""
        lines = "".join(f"photographs/{n:0200}.jpg\n" for n in range(60_000)) + "another-bucket\tkey\n"
        done = self._deployed.run("jobs", "submit", "verify", "--keys", "-", "--yes", given=lines)
        assert done.returncode == 2, done.stderr
        left = self._s3.list_multipart_uploads(Bucket=self._reports).get("Uploads", [])
        assert not left, "the upload was not aborted"

    # Pieces

    def _recompress(self, stem: str, old: str, new: str, over: Callable[..., Any] | None = None) -> None:
        self._s3.delete_object(Bucket=self._lake, Key=f"{stem}.{new}")
        self._put(f"{stem}.{old}", gzip.compress(b"content") if old == "gz" else zstd.compress(b"content"))
        assert (over or self._job)("recompress", f"{stem}.{old}", f"to={new}") == [("succeeded", "")]
        assert self._keys(self._lake, stem) == [f"{stem}.{new}"]

    def _to_parquet(self, key: str, content: bytes, over: Callable[..., Any]) -> None:
        self._put(key, content)
        made = key.partition(".jsonl")[0] + ".parquet"
        self._s3.delete_object(Bucket=self._lake, Key=made)
        assert over("to_parquet", key) == [("succeeded", "")]
        assert self._keys(self._lake, made)

    def _job(self, operation: str, key: str, *arguments: str) -> list[tuple[str, str]]:
        return self._over(operation, "--keys", "-", *_arguments(arguments), given=f"{key}\n")

    def _job_over_version(self, operation: str, key: str, *arguments: str) -> list[tuple[str, str]]:
        version = self._s3.head_object(Bucket=self._lake, Key=key)["VersionId"]
        body = f"{self._lake},{quote(key)},{version}\n".encode()
        self._s3.put_object(Bucket=self._reports, Key="manifests/versions.csv", Body=body)
        return self._over(
            operation, "--manifest", f"s3://{self._reports}/manifests/versions.csv", *_arguments(arguments)
        )

    def _over(self, operation: str, *selection: str, given: str | None = None) -> list[tuple[str, str]]:
        """Submit, watch and read the report, as a person does: the status and the kind of error of each task."""
        submitted = self._deployed.ask("jobs", "submit", operation, *selection, "--yes", given=given)["id"]
        self._deployed.run("jobs", "watch", submitted)
        report = self._deployed.run("jobs", "report", submitted, "--format", "jsonl")
        rows = [json.loads(line) for line in report.stdout.splitlines()]
        assert rows, report.stderr
        return [(row["status"], "" if row["status"] == "succeeded" else row["message"].split(":")[0]) for row in rows]

    def _waiting_job(self) -> str:
        """A job that somebody made to wait for a confirmation."""
        body = f"{self._lake},photographs/d.jpg\n".encode()
        etag = self._s3.put_object(Bucket=self._reports, Key="manifests/waiting.csv", Body=body)["ETag"]
        control = self._deployed.emulator.root("s3control")
        job: str = control.create_job(
            AccountId="000000000000",
            ConfirmationRequired=True,
            Operation={"LambdaInvoke": {"FunctionArn": self._deployed.outputs["OperationVerify"]}},
            Manifest={
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": f"arn:aws:s3:::{self._reports}/manifests/waiting.csv", "ETag": etag},
            },
            Report={"Enabled": False},
            Priority=1,
            RoleArn=self._deployed.outputs["JobRoleArn"],
        )["JobId"]
        where = {"AccountId": "000000000000", "JobId": job}
        soon(lambda: control.describe_job(**where)["Job"]["Status"] == "Suspended", "it does not wait")
        return job


def _arguments(arguments: tuple[str, ...]) -> list[str]:
    return [text for argument in arguments for text in ("--argument", argument)]
