"""What a delivery holds in all, and what has changed since the one before: kept in state."""

import msgspec

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


def keep(state: State, fresh: Summary) -> Summary:
    """Keep ``fresh`` as the newest of its bucket, with the differences, and give that.

    An older delivery than the newest that is kept leaves that as it is and has no differences; the same one again,
    newest or not, gives what it gave. Kept are ``inventory/<bucket>/latest.json`` and one document a delivery, named by
    when it was taken.
    """
    own = f"{SUMMARIES}/{fresh.bucket}/{fresh.taken}.json"
    if known := state.get(own, Summary):
        return known.value

    def newer(last: Summary) -> Summary:
        if last.taken >= fresh.taken:
            return last
        more = fresh.objects - last.objects, fresh.bytes - last.bytes
        return msgspec.structs.replace(fresh, objects_more=more[0], bytes_more=more[1])

    first = msgspec.structs.replace(fresh, taken="")
    newest = state.update(latest(fresh.bucket), newer, default=first, kind=Summary).value
    told = newest if newest.taken == fresh.taken else fresh
    state.put(own, told, indent=True)
    return told
