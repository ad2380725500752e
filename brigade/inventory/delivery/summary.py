"""Totals of a delivery and the changes since the previous delivery, stored in state."""

from collections.abc import Sequence

import msgspec

from brigade.errors import InvalidData
from brigade.inventory.delivery.deliveries import Delivery
from brigade.layout import SUMMARIES
from brigade.state import State

SQL = """SELECT coalesce(storage_class, '') AS storage_class, count(*) AS objects, coalesce(sum(size), 0) AS bytes
FROM inventory GROUP BY 1 ORDER BY 1"""


class DeliverySummary(msgspec.Struct, frozen=True, kw_only=True):
    """The totals of a delivery, and the differences to the last summarized one (0 for the first)."""

    bucket: str
    delivery: str
    taken: str
    """When S3 listed the bucket, ISO 8601."""
    objects: int
    bytes: int
    bytes_by_class: dict[str, int]
    objects_more: int = 0
    bytes_more: int = 0


def latest_key(bucket: str) -> str:
    """Return the key, in the state bucket, of the newest summary of a bucket."""
    return f"{SUMMARIES}/{bucket}/latest.json"


def summarize(delivery: Delivery, rows: Sequence[tuple[str, int, int]]) -> DeliverySummary:
    """Return the summary of a delivery from the rows that ``SQL`` returns.

    Args:
        rows: A storage class, its number of objects, and their bytes, each.

    Raises:
        InvalidData: The rows contradict the manifest: no row though it lists data files, rows though it lists none, or
            a number below zero.
    """
    objects, files = sum(count for _, count, _ in rows), len(delivery.manifest.files)
    if (objects == 0) != (files == 0) or any(count < 1 or size < 0 for _, count, size in rows):
        raise InvalidData(
            f"{delivery.uri} lists {files} data files, and Athena counts {objects} rows: one of the two is wrong, so "
            "no summary is kept; count the rows of this delivery with: brigade inventory sql"
        )
    return DeliverySummary(
        bucket=delivery.manifest.source_bucket,
        delivery=delivery.uri,
        taken=delivery.taken.strftime("%Y-%m-%dT%H-%MZ"),
        objects=objects,
        bytes=sum(int(size) for _, _, size in rows),
        bytes_by_class={storage_class: int(size) for storage_class, _, size in rows},
    )


def store_summary(state: State, fresh: DeliverySummary) -> DeliverySummary:
    """Store `fresh` as the newest summary of its bucket and return it with its differences to the one before.

    A delivery older than the newest stored one changes nothing and has no differences. The same delivery again, newest
    or not, returns the same summary. Two documents are written: `inventory/<bucket>/latest.json`, and one for the time
    at which S3 listed the bucket. A delivery of another configuration with the same time replaces the latter.
    """
    own = f"{SUMMARIES}/{fresh.bucket}/{fresh.taken}.json"
    if (known := state.get(own, DeliverySummary)) and known.value.delivery == fresh.delivery:
        return known.value

    def newer(last: DeliverySummary) -> DeliverySummary:
        if last.taken >= fresh.taken:  # both are of one form with a fixed width, so text sorts as time does
            return last
        more = fresh.objects - last.objects, fresh.bytes - last.bytes
        return msgspec.structs.replace(fresh, objects_more=more[0], bytes_more=more[1])

    first = msgspec.structs.replace(fresh, taken="")
    newest = state.update(latest_key(fresh.bucket), newer, default=first, kind=DeliverySummary).value
    told = newest if newest.delivery == fresh.delivery else fresh
    state.put(own, told, indent=True)
    return told
