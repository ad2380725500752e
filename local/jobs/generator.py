"""Manifests that S3 generates: the objects of a bucket that match the filter of a job.

Form: https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_S3JobManifestGenerator.html
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from local.jobs.manifest import Refusal, Row

FORMAT = "S3InventoryReport_CSV_20211130"
SERVICE = "batchoperations.s3.amazonaws.com"


def rows(generator: Mapping[str, Any], role_arn: str, job_arn: str) -> Iterator[Row]:
    """Return the current objects of the source bucket that match the filter, in the order of their keys.

    Raises:
        Refusal: The role lacks `s3:PutInventoryConfiguration`, the bucket does not exist, or nothing matches.
    """
    # Imported here, because tests of the rules run without ministack.
    from ministack.services import s3 as store

    from local import roles

    source = generator["SourceBucket"]
    refused = roles.refusal(role_arn, SERVICE, "s3:PutInventoryConfiguration", source, {"aws:SourceArn": job_arn})
    if refused:
        raise Refusal(f"Error occurred when preparing manifest: {refused}", "AccessDenied")
    name = source.rpartition(":")[2]
    if name not in store._buckets:
        raise Refusal("Error occurred when preparing manifest: The specified bucket does not exist", "NoSuchBucket")
    objects, chosen = store._buckets[name]["objects"], generator.get("Filter", {})
    found = False
    for key in sorted(objects):
        if _taken(key, objects[key], chosen):
            found = True
            version = objects[key].get("version_id")
            yield Row(name, quote_plus(key, safe="/"), version if version and version != "null" else None)
    if not found:
        raise Refusal("Manifest generation found no keys matching the filter criteria", "NoMatchingKeys")


def write(found: Sequence[Row], output: Mapping[str, Any], job_id: str, s3: Any) -> dict[str, Any]:
    """Write the manifest to the place that the job names, and return its location."""
    text = io.StringIO()
    for row in found:
        text.write(",".join(f'"{value}"' for value in (row.bucket, row.key, row.version or "")) + "\n")
    body = text.getvalue().encode()
    prefix = f"{output['ManifestPrefix']}/" if output.get("ManifestPrefix") else ""
    key, bucket = f"{prefix}job-{job_id}/generated-manifest.csv", output["Bucket"].removeprefix("arn:aws:s3:::")
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    except s3.exceptions.ClientError as error:
        raise Refusal("Error occurred when preparing manifest: Failed to write manifest", "AccessDenied") from error
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return {"Format": FORMAT, "Location": {"ObjectArn": f"{output['Bucket']}/{key}", "ETag": etag}}


def _taken(key: str, record: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    names, modified = chosen.get("KeyNameConstraint", {}), _instant(record["last_modified"])
    size, kind = int(record["size"]), record.get("storage_class") or "STANDARD"
    return (
        any(map(key.startswith, names.get("MatchAnyPrefix", [""])))
        and any(map(key.endswith, names.get("MatchAnySuffix", [""])))
        and any(text in key for text in names.get("MatchAnySubstring", [""]))
        and size > chosen.get("ObjectSizeGreaterThanBytes", -1)
        and size < chosen.get("ObjectSizeLessThanBytes", size + 1)
        and kind in chosen.get("MatchAnyStorageClass", [kind])
        and ("CreatedAfter" not in chosen or modified > _instant(chosen["CreatedAfter"]))
        and ("CreatedBefore" not in chosen or modified < _instant(chosen["CreatedBefore"]))
    )


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
