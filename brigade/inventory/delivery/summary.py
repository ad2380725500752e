"""What a delivery holds in all, and what has changed since the one before: kept in state."""

from collections.abc import Sequence

import msgspec

from brigade.errors import InvalidData
from brigade.inventory.delivery.deliveries import Delivery
from brigade.layout import SUMMARIES
from brigade.state import State

SQL = """SELECT coalesce(storage_class, '') AS storage_class, count(*) AS objects, coalesce(sum(size), 0) AS bytes
FROM inventory GROUP BY 1 ORDER BY 1"""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery in figures; the differences are to the last one that was summarized, 0 of the first."""

    bucket: str
    delivery: str
    taken: str
    """When S3 listed the bucket, ISO 8601."""
    objects: int
    bytes: int
    bytes_by_class: dict[str, int]
    objects_more: int = 0
    bytes_more: int = 0


def latest(bucket: str) -> str:
    """Return the key, in the state bucket, of the newest summary of a bucket."""
    return f"{SUMMARIES}/{bucket}/latest.json"


def summarize(delivery: Delivery, rows: Sequence[tuple[str, int, int]]) -> Summary:
    """Return the summary of a delivery from the rows that ``SQL`` gives.

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
    return Summary(
        bucket=delivery.manifest.source_bucket,
        delivery=delivery.uri,
        taken=delivery.taken.strftime("%Y-%m-%dT%H-%MZ"),
        objects=objects,
        bytes=sum(int(size) for _, _, size in rows),
        bytes_by_class={storage_class: int(size) for storage_class, _, size in rows},
    )


def keep(state: State, fresh: Summary) -> Summary:
    """Keep ``fresh`` as the newest of its bucket, with the differences, and return that.

    An older delivery than the newest that is kept leaves that as it is and has no differences. The same one again,
    newest or not, returns what it returned before. Kept are ``inventory/<bucket>/latest.json`` and one document for
    each time at which S3 listed the bucket; another configuration's delivery of that time takes its place.
    """
    own = f"{SUMMARIES}/{fresh.bucket}/{fresh.taken}.json"
    if (known := state.get(own, Summary)) and known.value.delivery == fresh.delivery:
        return known.value

    def newer(last: Summary) -> Summary:
        if last.taken >= fresh.taken:  # both are of one form with a fixed width, so text sorts as time does
            return last
        more = fresh.objects - last.objects, fresh.bytes - last.bytes
        return msgspec.structs.replace(fresh, objects_more=more[0], bytes_more=more[1])

    first = msgspec.structs.replace(fresh, taken="")
    newest = state.update(latest(fresh.bucket), newer, default=first, kind=Summary).value
    told = newest if newest.delivery == fresh.delivery else fresh
    state.put(own, told, indent=True)
    return told
