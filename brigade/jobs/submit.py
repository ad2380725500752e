"""Submit a job: write and pin its manifest, then create the job."""

from collections.abc import Callable
from typing import Any

from brigade.errors import NotFound, UsageError
from brigade.inventory import Delivery
from brigade.jobs.athena_manifest import AthenaSelection, AthenaTable, count_selection, unload_manifest
from brigade.jobs.client import JobsClient
from brigade.jobs.manifest import Selected, write_manifest
from brigade.jobs.request import (
    MANIFEST_ENCRYPTION,
    JobPlan,
    SubmittedJob,
    bucket_arn,
    build_manifest_spec,
    build_request,
    new_run_name,
)
from brigade.jobs.row import SelectionSummary
from brigade.jobs.selection import ObjectFilter
from brigade.layout import MANIFESTS
from brigade.operations.rights import covers
from brigade.s3 import Absent, Location, Writer
from brigade.s3.client_type import S3Client
from brigade.s3.objects import head

Agree = Callable[[SelectionSummary], None]
"""Called once the whole selection is known and nothing is published; it raises to decline."""


def submit_rows(control: JobsClient, s3: S3Client, plan: JobPlan, selected: Selected, agree: Agree) -> SubmittedJob:
    """Write the manifest, ask, publish it, and create the job. An error before the publication leaves nothing.

    If S3 rejects the job, its manifest stays until the bucket's lifecycle rule deletes it. The job starts without a
    confirmation; by default S3 would wait 30 days for one. A request whose answer is lost is sent again with the same
    token, so S3 creates one job. Memory: that of `brigade.s3.Writer`.

    Raises:
        UsageError: Nothing is selected, or an object of another bucket.
    """
    run = new_run_name(plan)
    key = f"{MANIFESTS}/{run}.csv"
    with Writer(
        s3, plan.reports, key, condition=Absent(), content_type="text/csv", attributes=MANIFEST_ENCRYPTION
    ) as writer:
        summary = write_manifest(selected, plan.bucket, writer.write, plan.reads)
        agree(summary)
    manifest = build_manifest_spec(plan, key, writer.written.etag, versions=summary.versions)
    return _created(control, plan, run, f"s3://{plan.reports}/{key}", summary, {"Manifest": manifest})


def submit_athena_selection(
    control: JobsClient, s3: Any, athena: AthenaTable, plan: JobPlan, chosen: AthenaSelection, agree: Agree
) -> SubmittedJob:
    """Count with Athena, ask, write the manifest with Athena, concatenate it with S3, and create the job.

    No row of a large selection passes through this machine. If `agree` declines, nothing is left.

    Raises:
        UsageError: As `count_selection` and `submit_rows`.
    """
    summary = count_selection(athena, chosen, plan.bucket, plan.reads)
    agree(summary)
    run = new_run_name(plan)
    key = f"{MANIFESTS}/{run}.csv"
    written = unload_manifest(athena, s3, chosen, plan.reports, key, run)
    manifest = build_manifest_spec(plan, key, written.etag, versions=summary.versions)
    return _created(control, plan, run, f"s3://{plan.reports}/{key}", summary, {"Manifest": manifest})


def submit_filter(control: JobsClient, plan: JobPlan, chosen: ObjectFilter) -> SubmittedJob:
    """Create a job whose manifest S3 makes. It waits for a confirmation: S3 has counted, and nothing has run.

    A job that is cancelled at this point still costs its fee. Its description has the number of objects once it is
    Suspended.
    """
    require_readable_filter(plan, chosen)
    run = new_run_name(plan)
    generator = chosen.request(bucket_arn(plan, plan.bucket), bucket_arn(plan, plan.reports), f"{MANIFESTS}/{run}")
    place = f"s3://{plan.reports}/{MANIFESTS}/{run}/"
    return _created(
        control, plan, run, place, SelectionSummary(bytes=None), {"ManifestGenerator": generator}, confirm=True
    )


def require_readable_filter(plan: JobPlan, chosen: ObjectFilter) -> None:
    """Raise UsageError if S3 could list keys that the operation may not read: their tasks could only fail."""
    if not covers(plan.reads, chosen.prefix or "", chosen.suffix or ""):
        patterns = ", ".join(plan.reads) or "nothing"
        raise UsageError(f"{plan.operation} reads only {patterns}: set --prefix or --suffix so that every key matches")


def submit_delivery(control: JobsClient, s3: S3Client, plan: JobPlan, delivery: Delivery) -> SubmittedJob:
    """Create a job over a delivery that `is_accepted_by_s3`. It waits for a confirmation, as in `submit_filter`."""
    place = Location.parse(delivery.uri)
    found = head(s3, place.bucket, place.key)
    if found is None:
        raise NotFound(f"{delivery.uri} does not exist any more; choose another delivery")
    location = {"ObjectArn": f"{bucket_arn(plan, place.bucket)}/{place.key}", "ETag": found.etag.strip('"')}
    manifest = {"Spec": {"Format": "S3InventoryReport_CSV_20161130"}, "Location": location}
    run = new_run_name(plan)
    return _created(
        control, plan, run, delivery.uri, SelectionSummary(bytes=None), {"Manifest": manifest}, confirm=True
    )


def is_accepted_by_s3(delivery: Delivery, plan: JobPlan) -> bool:
    """Return whether S3 accepts a delivery as a manifest: CSV, current versions only, and readable by the role.

    A delivery of all versions has old ones and delete markers, and an empty version fails its task. If the operation
    may not read every key, this machine checks the keys instead.
    """
    manifest = delivery.manifest
    places = (manifest.source_bucket, manifest.destination_bucket, delivery.bucket)
    return (
        manifest.format == "CSV"
        and "*" in plan.reads
        and "version_id" not in manifest.columns
        and places == (plan.bucket, plan.reports, plan.reports)
    )


def _created(
    control: JobsClient,
    plan: JobPlan,
    run: str,
    place: str,
    summary: SelectionSummary,
    objects: dict[str, Any],
    *,
    confirm: bool = False,
) -> SubmittedJob:
    request = build_request(plan, run, objects, confirm=confirm)
    return SubmittedJob(control.create(request), run, place, summary, request)
