"""What a run has done so far, all of it durable, and what it did once it is published."""

import msgspec

from brigade.ingest.profile import Profile
from brigade.s3.upload import Part
from brigade.state.lease import Lease


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pages that are durable, and where to go on; the next invocation needs nothing else.

    It is stored after each part that S3 has, so it never names a page that would be lost. ``tail`` holds the gzip
    members that are too short for a part, at a planned stop; they are durable by being in here.
    """

    write: str
    """The token in the published object's metadata that says that it is of this run."""
    ts: str
    """When the run started: the ``ingest_ts`` of all its records, so that a resumed run writes the same bytes."""
    upload: str | None = None
    parts: tuple[Part, ...] = ()
    tail: bytes = b""
    next: str | None = None
    """The token of the next page; None before the first page and after the last."""
    seen: tuple[str, ...] = ()
    """Digests of all tokens so far, so that a circle is found whichever invocation closes it."""
    pages: int = 0
    records: int = 0
    plain_bytes: int = 0
    """The JSON Lines before gzip."""
    invocations: int = 0
    seconds: float = 0.0
    done: bool = False
    lease: Lease = Lease()
    """Which run may go on from here, so that of two at once only one does."""
    mark: int = 0
    """The checksum of the last page, so that the same page twice running is found."""
    total: int | None = None
    """How many records the API says there are."""
    wake: str | None = None
    """The instant before which the API does not want to be asked."""
    profile: Profile = msgspec.field(default_factory=Profile)
    broken: int = 0
    """The records in ``quarantine``, which is gzip JSON Lines."""
    quarantine: bytes = b""
    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    bytes_in: int = 0
    """Every page is in parts and tail: what is left is to publish."""

    @property
    def bytes(self) -> int:
        """The compressed bytes that are durable."""
        return sum(part.size for part in self.parts) + len(self.tail)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was published. ``sha256`` is of the object's bytes, as ``sha256sum`` of the downloaded file gives it."""

    source: str
    date: str
    object: str
    etag: str
    version_id: str | None
    records: int
    pages: int
    bytes: int
    plain_bytes: int
    sha256: str
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
    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    bytes_in: int = 0
    version: str = ""
