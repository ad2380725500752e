"""Completion reports, byte for byte in the form that S3 writes.

The schema string in ``manifest.json`` names ErrorCode before HTTPStatusCode; the rows have them the other way round.
Every row that AWS publishes does, and a reader that trusts the string gets both columns wrong.
"""

import csv
import hashlib
import json
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from local.jobs.manifest import Row
from local.jobs.tasks import Outcome
from local.jobs.wire import instant

SCHEMA = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"


class Uploader(Protocol):
    """The two S3 calls that a report needs, both allowed by s3:PutObject."""

    def upload_file(self, Filename: str, Bucket: str, Key: str) -> None:  # noqa: N803 - boto3's names
        """Upload a file, in parts if it is large."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> Any:  # noqa: N803 - boto3's names
        """Write a small object."""


def write(
    outcomes: Iterable[tuple[int, Row, Outcome]],
    *,
    report: dict[str, Any],
    job_id: str,
    made: datetime,
    folder: Path,
    s3: Uploader,
) -> None:
    """Write the report of a job to its bucket: results, `manifest.json`, then its MD5.

    Args:
        outcomes: of the tasks; streamed, never held.
        report: the request's ``Report``.
        job_id: names the report's folder.
        made: the report's date.
        folder: where the results are put together before they are sent.
        s3: with the job role's credentials; its errors are not caught.
    """
    bucket = report["Bucket"].removeprefix("arn:aws:s3:::")
    base = f"{report['Prefix']}/job-{job_id}" if report.get("Prefix") else f"job-{job_id}"
    statuses = ("failed",) if report["ReportScope"] == "FailedTasksOnly" else ("succeeded", "failed")
    results = []
    with TemporaryDirectory(dir=folder) as scratch:
        files = {status: Path(scratch) / f"{status}.csv" for status in statuses}
        _collect(outcomes, files)
        for status, path in files.items():
            if path.stat().st_size == 0:
                continue  # a report lists no empty file
            name = hashlib.sha1(f"{job_id} {status}".encode(), usedforsecurity=False).hexdigest()
            key = f"{base}/results/{name}.csv"
            s3.upload_file(str(path), bucket, key)
            results.append({"TaskExecutionStatus": status, "Bucket": bucket, "MD5Checksum": _md5(path), "Key": key})
    document = {
        "Format": "Report_CSV_20180820",
        "ReportCreationDate": instant(made),
        "Results": results,
        "ReportSchema": SCHEMA,
    }
    body = json.dumps(document, separators=(",", ":")).encode()
    checksum = hashlib.md5(body, usedforsecurity=False).hexdigest()
    s3.put_object(Bucket=bucket, Key=f"{base}/manifest.json", Body=body, ContentType="application/json")
    s3.put_object(
        Bucket=bucket, Key=f"{base}/manifest.json.md5", Body=f"{checksum}\n".encode(), ContentType="text/plain"
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def row_columns(row: Row, outcome: Outcome) -> tuple[str, ...]:
    """Return the columns of one row: the key as in the manifest, and an empty version if the manifest has none."""
    status = "succeeded" if outcome.succeeded else "failed"
    return (row.bucket, row.key, row.version or "", status, outcome.http_status, outcome.error_code, outcome.message)


def _collect(outcomes: Iterable[tuple[int, Row, Outcome]], files: dict[str, Path]) -> None:
    with ExitStack() as stack:
        writers = {
            status: csv.writer(
                stack.enter_context(path.open("w", encoding="utf-8", errors="replace", newline="")), lineterminator="\n"
            )
            for status, path in files.items()
        }
        for _, row, outcome in outcomes:
            columns = row_columns(row, outcome)
            if columns[3] in writers:
                writers[columns[3]].writerow(columns)
