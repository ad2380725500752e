"""Write a delivery of S3 Inventory on demand. S3 writes one within two days of its schedule."""

import hashlib
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, s3

from local.inventory import configuration, files, listing, manifest
from local.inventory.columns import schema
from local.inventory.configuration import Configuration

_SERVICE = "s3.amazonaws.com"
_ACL = "bucket-owner-full-control"
_STAMP = re.compile(r"dt=(\d{4}-\d\d-\d\d-\d\d-\d\d)/")


class NotDelivered(Exception):
    """No delivery was written. The message names the bucket and the reason."""


def deliver(bucket: str | None, rows_per_file: int = files.ROWS) -> list[dict[str, Any]]:
    """Write a delivery for each enabled configuration, of one bucket or of all.

    In S3's order: data files, symlink.txt, manifest.json, manifest.checksum. A delivery is stamped with the whole hour
    of now (UTC): S3's stamps have minutes 00, and a table whose partitions are projected by the hour sees no other. S3
    delivers once a day at most; here a second delivery within the hour would take the first one's place. So it takes
    the next free hour instead, which may lie ahead of the clock: both stay readable, and the newest by stamp is the
    newest made. :func:`newest_stamp` has the stamp for a reader that stops at "now".

    Args:
        bucket: whose configurations; None for every bucket that has one.
        rows_per_file: where a report is cut into another data file, at least 1.

    Returns:
        For each configuration its ``bucket``, ``id``, ``format``, the ``delivery`` (address of manifest.json) and the
        number of ``objects`` (rows).

    Raises:
        NotDelivered: no such bucket, no enabled configuration, no destination bucket, or the destination's policy (or
            its key's) does not let S3 write there. All is checked before anything is written.
    """
    wanted = [found for name in ([bucket] if bucket else sorted(s3._buckets)) for found in _enabled(name)]
    if not wanted:
        whose = f"bucket {bucket} has no" if bucket else "no bucket has an"
        raise NotDelivered(f"{whose} enabled inventory configuration; deploy or put one first")
    stamps = [_stamp(found) for found in wanted]
    for found, stamp in zip(wanted, stamps, strict=True):
        _require_writable(found, stamp)
    return [_write(found, stamp, rows_per_file) for found, stamp in zip(wanted, stamps, strict=True)]


def newest_stamp(destination: str, hive: str) -> datetime | None:
    """Return the newest stamp delivered under a table location, the folder `hive/` of a configuration; or None."""
    bucket = s3._buckets.get(destination)
    keys = bucket["objects"] if bucket else ()
    newest = max(
        (match[1] for key in keys if key.startswith(hive) and (match := _STAMP.match(key, len(hive)))), default=""
    )
    return datetime.strptime(newest, "%Y-%m-%d-%H-%M").replace(tzinfo=UTC) if newest else None


def _enabled(bucket: str) -> list[Configuration]:
    try:
        return [found for found in configuration.of(bucket) if found.enabled]
    except LookupError as error:
        raise NotDelivered(f"{error}; see: aws s3 ls") from None


def _stamp(found: Configuration) -> datetime:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    newest = newest_stamp(found.destination, found.place.hive)
    return max(hour, newest + timedelta(hours=1)) if newest else hour


def _require_writable(found: Configuration, stamp: datetime) -> None:
    whose = f"inventory {found.id} of bucket {found.source}"
    if found.destination not in s3._buckets:
        raise NotDelivered(f"{whose}: there is no destination bucket {found.destination}")
    place = found.place
    for key in (place.data("any"), place.symlink(stamp), f"{place.folder(stamp)}/manifest.json"):
        arn = f"arn:aws:s3:::{found.destination}/{key}"
        policy = s3._bucket_policies.get(found.destination)
        if not _allowed(policy, "s3:PutObject", arn, found):
            raise NotDelivered(
                f"{whose}: the policy of bucket {found.destination} does not let {_SERVICE} put {key} "
                f"(source arn:aws:s3:::{found.source}, account {get_account_id()}, ACL {_ACL}); allow s3:PutObject"
            )
    encryption = s3._bucket_default_sse_headers(found.destination)
    key_id = encryption.get("x-amz-server-side-encryption-aws-kms-key-id")
    if key_id:
        policy, _ = kms.key_policy_for_arn(key_id) or ("", "")
        if not _allowed(policy, "kms:GenerateDataKey", key_id, found):
            raise NotDelivered(f"{whose}: the policy of key {key_id} does not let {_SERVICE} call kms:GenerateDataKey")


def _allowed(policy: str | None, action: str, arn: str, found: Configuration) -> bool:
    question = evaluator.EvalContext(
        principal_arn=_SERVICE,
        principal_type="Service",
        principal_account=get_account_id(),
        action=action,
        resource_arn=arn,
        region=get_region(),
        secure_transport=True,
        service_context={
            "aws:sourcearn": f"arn:aws:s3:::{found.source}",
            "aws:sourceaccount": get_account_id(),
            "s3:x-amz-acl": _ACL,
        },
    )
    return bool(evaluator.evaluate_resource_policy(policy, question, service=_SERVICE).decision == "Allow")


def _write(found: Configuration, stamp: datetime, rows_per_file: int) -> dict[str, Any]:
    place, count, written = found.place, 0, []

    def counted() -> Any:
        nonlocal count
        for row in listing.rows(found):
            count += 1
            yield row

    extension = files.EXTENSIONS[found.file_format]
    # Encoded before the first is written: the report of a bucket that receives its own lists none of its files.
    for body in list(files.encode(counted(), found.columns, found.file_format, rows_per_file)):
        key = place.data(f"{uuid.uuid4()}.{extension}")
        _put(found, key, body)
        written.append(manifest.File(key, len(body), hashlib.md5(body).hexdigest()))  # noqa: S324 - the manifest's own
    text = schema(found.columns, found.file_format)
    document = manifest.render(place, found.destination, stamp, found.file_format, text, written)
    _put(found, place.symlink(stamp), manifest.symlink(found.destination, written))
    _put(found, f"{place.folder(stamp)}/manifest.json", document)
    _put(found, f"{place.folder(stamp)}/manifest.checksum", manifest.checksum(document))
    return {
        "bucket": found.source,
        "id": found.id,
        "format": found.file_format,
        "delivery": f"s3://{found.destination}/{place.folder(stamp)}/manifest.json",
        "objects": count,
    }


def _put(found: Configuration, key: str, body: bytes) -> None:
    status, _, answer = s3._put_object(found.destination, key, body, {"x-amz-acl": _ACL})
    if status != 200:
        raise NotDelivered(f"inventory {found.id} of bucket {found.source}: {key} was not written: {answer.decode()}")
