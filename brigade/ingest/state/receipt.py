"""The receipt of a published date."""

import msgspec

from brigade.ingest.state.profile import Profile


class PublishedObject(msgspec.Struct, frozen=True, kw_only=True):
    """One of several objects that were published. The digests are as in ``Receipt``."""

    key: str
    etag: str
    version_id: str | None
    records: int
    bytes: int
    plain_bytes: int
    sha256: str
    plain_sha256: str


class PageTimes(msgspec.Struct, frozen=True):
    """How long pages took, each from its asking until its lines were compressed."""

    total_s: float = 0.0
    slowest_s: float = 0.0
    slowest: int = 0
    """Which page took longest, from 1."""

    def plus(self, seconds: float, page: int) -> "PageTimes":
        """Give the times with those of a page more."""
        worst, which = max((self.slowest_s, self.slowest), (round(seconds, 3), page))
        return PageTimes(round(self.total_s + seconds, 3), worst, which)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was published. ``sha256`` is of the object's bytes, as ``sha256sum`` of the downloaded file gives it;
    ``plain_sha256`` of the JSON Lines in it, as ``zcat`` of the file gives them to it.

    Where a run made several objects each has these in ``objects``, and there is neither ETag nor digest of all.
    """

    source: str
    date: str
    object: str
    etag: str | None
    version_id: str | None
    records: int
    pages: int
    bytes: int
    plain_bytes: int
    sha256: str | None
    plain_sha256: str | None = None
    objects: tuple[PublishedObject, ...] = ()
    replaced: str | None = None
    """The ETag of the object that this one replaced; of several, of the receipt of those that they replaced."""
    runs: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    times: PageTimes = PageTimes()
    ingest_ts: str
    published_at: str
    seconds: float
    invocations: int
    epoch: int = 0
    profile: Profile = msgspec.field(default_factory=Profile)
    drift: tuple[str, ...] = ()
    """How the records differ from those of the date before, a line each."""
    broken: int = 0
    """The records that broke the contract and are in the quarantine object."""
    left_out: int = 0
    """The records that a date before had published already."""
    newest: str | None = None
    """How far the records of an incremental source reached, where they say it: the next date begins there."""
    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    bytes_in: int = 0
    version: str = ""
