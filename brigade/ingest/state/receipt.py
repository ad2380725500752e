"""The receipt of a published date."""

import msgspec

from brigade.ingest.state.counts import Counts
from brigade.ingest.state.profile import Profile


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
    """How long pages took, from the request to the compressed lines.

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
    """What a date published.

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
