"""Make a job: the manifest written and pinned, then the request, both or neither."""

from collections.abc import Callable
from typing import Any

from brigade.errors import NotFound, UsageError
from brigade.inventory import Delivery
from brigade.jobs.athena_manifest import Athena, Chosen, count, unload
from brigade.jobs.client import Control
from brigade.jobs.manifest import Selected, write
from brigade.jobs.request import (
    AS_S3_READS_IT,
    Plan,
    Submitted,
    bucket_arn,
    new_run,
    request_of,
    rows_manifest,
)
from brigade.jobs.row import Summary
from brigade.jobs.selection import Filter
from brigade.layout import MANIFESTS
from brigade.operations.rights import covers
from brigade.s3 import Absent, Location, Writer
from brigade.s3.head import Heads, head
from brigade.s3.writer import Writes

Agree = Callable[[Summary], None]
"""Called once the whole selection is known and nothing is published; it raises to decline."""


def submit(control: Control, s3: Writes, plan: Plan, selected: Selected, agree: Agree) -> Submitted:
    """Write the manifest, ask, publish it, create the job; what raises before it is published leaves nothing.

    A manifest whose job S3 then refuses stays until the bucket's lifecycle clears it: nothing refers to it. The job
    starts by itself: S3 is told explicitly that it needs no confirmation, for it would wait 30 days for one. A request
    whose answer got lost is sent again under the same token, so it is one job. Memory: that of ``brigade.s3.Writer``.

    Fails with UsageError when nothing, or another bucket's object, is selected.
    """
    run = new_run(plan)
    key = f"{MANIFESTS}/{run}.csv"
    with Writer(
        s3, plan.reports, key, condition=Absent(), content_type="text/csv", attributes=AS_S3_READS_IT
    ) as writer:
        summary = write(selected, plan.bucket, writer.write, plan.reads)
        agree(summary)
    manifest = rows_manifest(plan, key, writer.written.etag, versions=summary.versions)
    return _created(control, plan, run, f"s3://{plan.reports}/{key}", summary, {"Manifest": manifest})


def submit_chosen(control: Control, s3: Any, athena: Athena, plan: Plan, chosen: Chosen, agree: Agree) -> Submitted:
    """Let Athena count, ask, let Athena write the manifest and S3 put it together, create the job.

    No row of a large selection passes through this machine: see ``unload.unload``. Declined, it leaves nothing. Fails
    with UsageError as ``unload.count`` does, and as ``submit`` does.
    """
    summary = count(athena, chosen, plan.bucket, plan.reads)
    agree(summary)
    run = new_run(plan)
    key = f"{MANIFESTS}/{run}.csv"
    written = unload(athena, s3, chosen, plan.reports, key, run)
    manifest = rows_manifest(plan, key, written.etag, versions=summary.versions)
    return _created(control, plan, run, f"s3://{plan.reports}/{key}", summary, {"Manifest": manifest})


def submit_listed(control: Control, plan: Plan, chosen: Filter) -> Submitted:
    """Create a job whose manifest S3 makes, and which then waits for a confirmation: S3 counts, nothing has run.

    Cancelled then, it costs the job's fee. The object count is known by its description when it is Suspended.
    """
    check_listed(plan, chosen)
    run = new_run(plan)
    generator = chosen.request(bucket_arn(plan, plan.bucket), bucket_arn(plan, plan.reports), f"{MANIFESTS}/{run}")
    place = f"s3://{plan.reports}/{MANIFESTS}/{run}/"
    return _created(control, plan, run, place, Summary(bytes=None), {"ManifestGenerator": generator}, confirm=True)


def check_listed(plan: Plan, chosen: Filter) -> None:
    """Raise UsageError where S3 could list keys that the operation may not read: their tasks could only fail."""
    if not covers(plan.reads, chosen.prefix or "", chosen.suffix or ""):
        patterns = ", ".join(plan.reads) or "nothing"
        raise UsageError(f"{plan.operation} reads {patterns} alone: give --prefix or --suffix that lie within")


def submit_delivery(control: Control, s3: Heads, plan: Plan, delivery: Delivery) -> Submitted:
    """Create a job over a delivery as it is, which ``passes`` says is possible; S3 counts it, as ``submit_listed``."""
    place = Location.parse(delivery.uri)
    found = head(s3, place.bucket, place.key)
    if found is None:
        raise NotFound(f"{delivery.uri} is gone; take another delivery")
    location = {"ObjectArn": f"{bucket_arn(plan, place.bucket)}/{place.key}", "ETag": found.etag.strip('"')}
    manifest = {"Spec": {"Format": "S3InventoryReport_CSV_20161130"}, "Location": location}
    run = new_run(plan)
    return _created(control, plan, run, delivery.uri, Summary(bytes=None), {"Manifest": manifest}, confirm=True)


def passes(delivery: Delivery, plan: Plan) -> bool:
    """Say whether S3 takes a delivery as it is: CSV, of current versions, where the job's role reads.

    Of all versions it would hold old ones and delete markers, and an empty version, which fails its task. Where the
    operation may not read every key, the keys are checked on this machine instead.
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
    control: Control,
    plan: Plan,
    run: str,
    place: str,
    summary: Summary,
    objects: dict[str, Any],
    *,
    confirm: bool = False,
) -> Submitted:
    request = request_of(plan, run, objects, confirm=confirm)
    return Submitted(control.create(request), run, place, summary, request)
