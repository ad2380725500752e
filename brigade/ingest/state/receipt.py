"""The receipt of a published date, and the counts that it shares with checkpoints and results."""

from collections.abc import Sequence
from typing import Any

import msgspec

from brigade.ingest.state.profile import Profile


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a run. Requests are counted over all its invocations.

    Attributes:
        records: Records written.
        pages: Pages read.
        plain_bytes: Bytes of JSON Lines before compression.
        invocations: Invocations that held the lease.
        seconds: Seconds that these invocations took.
        broken: Records that broke the contract. They are in the quarantine.
        left_out: Records that were left out because an earlier date published them.
        requests: Requests to the source.
        retries: Requests that repeated another one.
        waited_s: Seconds spent waiting for the source.
        bytes_in: Bytes received, before decompression.
    """

    records: int = 0
    pages: int = 0
    plain_bytes: int = 0
    invocations: int = 0
    seconds: float = 0.0
    broken: int = 0
    left_out: int = 0
    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    bytes_in: int = 0

    def counts(self) -> dict[str, Any]:
        """Return the counts by name, times rounded to milliseconds."""
        return _rounded({name: getattr(self, name) for name in Counts.__struct_fields__})


def add_counts(all_counts: Sequence[Counts]) -> dict[str, Any]:
    """Return the sum of each count by name, times rounded to milliseconds."""
    return _rounded({name: sum(getattr(counts, name) for counts in all_counts) for name in Counts.__struct_fields__})


def _rounded(counts: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in counts.items()}


class PublishedObject(msgspec.Struct, frozen=True, kw_only=True):
    """One of several published objects of a date. The digests are those of `Receipt`."""

    key: str
    etag: str
    version_id: str | None
    records: int
    bytes: int
    plain_bytes: int
    sha256: str
    plain_sha256: str


class PageTimes(msgspec.Struct, frozen=True):
    """The duration of pages, from the request to the compressed lines.

    Attributes:
        total_s: Seconds of all pages.
        slowest_s: Seconds of the slowest page.
        slowest: The number of the slowest page, from 1.
    """

    total_s: float = 0.0
    slowest_s: float = 0.0
    slowest: int = 0

    def plus(self, seconds: float, page: int) -> "PageTimes":
        """Return the times with one more page."""
        slowest_s, slowest = max((self.slowest_s, self.slowest), (round(seconds, 3), page))
        return PageTimes(round(self.total_s + seconds, 3), slowest_s, slowest)


class Receipt(Counts, frozen=True, kw_only=True):
    """The receipt of a published date.

    A date of several objects has no ETag and no digest of its own: each of its `objects` has them.

    Attributes:
        source: The name of the source.
        date: The date, `YYYY-MM-DD`.
        object: The URI of the object, or of the folder of several.
        etag: The ETag of the object.
        version_id: The version of the object, in a versioned bucket.
        bytes: Bytes of the objects.
        sha256: SHA-256 of the object, as `sha256sum` of the downloaded file prints it.
        plain_sha256: SHA-256 of the JSON Lines in the object, as `zcat FILE | sha256sum` prints it.
        objects: The objects, where the date has several.
        replaced: The ETag of the replaced object; of several objects, the ETag of their receipt.
        runs: The holders of the lease, in order: executions, or processes.
        first: The first cursor that the source returned.
        last: The cursor of the last page.
        times: How long pages took.
        ingest_ts: When the run started, as in every record.
        published_at: When the date was published.
        epoch: The epoch of the last lease.
        profile: Widths and fields of the records.
        drift: How the records differ from those of the date before, one line each.
        newest: The greatest value of an incremental source, where its records have it: the next date begins there.
        version: The version of Bucket Brigade.
    """

    source: str
    date: str
    object: str
    etag: str | None
    version_id: str | None
    bytes: int
    sha256: str | None
    plain_sha256: str | None = None
    objects: tuple[PublishedObject, ...] = ()
    replaced: str | None = None
    runs: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    times: PageTimes = PageTimes()
    ingest_ts: str
    published_at: str
    epoch: int = 0
    profile: Profile = msgspec.field(default_factory=Profile)
    drift: tuple[str, ...] = ()
    newest: str | None = None
    version: str = ""
