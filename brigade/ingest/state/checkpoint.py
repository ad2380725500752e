"""What a run has done so far, all of it durable, and what it did once it is published."""

from collections.abc import Mapping

import msgspec

from brigade.ingest.state.profile import Profile
from brigade.ingest.state.receipt import PageTimes, PublishedObject
from brigade.s3.multipart import Part
from brigade.state.lease import Lease


class StagedObject(msgspec.Struct, frozen=True):
    """An object of the state bucket, with members of several objects to be, one behind the other, in this order."""

    key: str
    etag: str
    lengths: Mapping[str, int]
    """The bytes of each object, by its name: ``<day>/<number>``."""


class ObjectCounts(msgspec.Struct, frozen=True):
    """What one of several objects has."""

    records: int = 0
    plain_bytes: int = 0
    bytes: int = 0


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pages that are durable, and where to go on; the next invocation needs nothing else.

    It is stored after each part that S3 has, so it never names a page that would be lost. ``tail`` holds the gzip
    members that are too short for a part, at a planned stop; they are durable by being in here.
    """

    write: str
    """The token in the published object's metadata that says that it is of this run."""
    ts: str
    """When the run started: the ``ingest_ts`` of all its records, so that a resumed run writes the same bytes."""
    replaces: str | None = None
    """The ETag of the object that this run was told to replace, and nothing else than that; of several, of their
    receipt."""
    former: Mapping[str, str] = {}
    """Where several are replaced, their keys and the ETags that were read; without ``replaces`` beside it: keys of a
    replacement that was broken off in their midst."""
    runs: tuple[str, ...] = ()
    """Who held the lease, in order: executions, or processes."""
    upload: str | None = None
    parts: tuple[Part, ...] = ()
    tail: bytes = b""
    digest: str = ""
    """Of all parts so far: the SHA-256 of that of the parts before, in hexadecimal, and the next part's bytes."""
    stages: tuple[StagedObject, ...] = ()
    """Instead of parts, where a run makes several objects; ``shares`` says what each has, ``published`` which are."""
    shares: Mapping[str, ObjectCounts] = {}
    published: tuple[PublishedObject, ...] = ()
    next: str | None = None
    """The token of the next page; None before the first page and after the last."""
    first: str | None = None
    """The first token that the API gave, and the one that the last page was asked with: what the run spans."""
    last: str | None = None
    times: PageTimes = PageTimes()
    seen: tuple[str, ...] = ()
    """Digests of all tokens so far, so that a circle is found whichever invocation closes it."""
    pages: int = 0
    records: int = 0
    plain_bytes: int = 0
    """The JSON Lines before gzip."""
    invocations: int = 0
    seconds: float = 0.0
    done: bool = False
    """Every page is in parts and tail, or staged: what is left is to publish."""
    lease: Lease = Lease()
    """Which run may go on from here, so that of two at once only one does."""
    mark: int = 0
    """The checksum of the last page, so that the same page twice running is found."""
    total: int | None = None
    """How many records the API says there are."""
    met: tuple[str, ...] = ()
    """The declared paths and headers that some page had: the absence of one that none had is no end."""
    columns: tuple[str, ...] = ()
    """The columns of the first page, where pages are CSV: those of every other page are the same."""
    wake: str | None = None
    """The instant before which the API does not want to be asked."""
    profile: Profile = msgspec.field(default_factory=Profile)
    broken: int = 0
    """The records in ``quarantine``, which is gzip JSON Lines."""
    left_out: int = 0
    newest: str | None = None
    """How far the records of an incremental source reach, and, packed, those that the next date shall leave out."""
    recent: bytes = b""
    quarantine: bytes = b""
    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    bytes_in: int = 0

    @property
    def bytes(self) -> int:
        """The compressed bytes that are durable."""
        staged = sum(share.bytes for share in self.shares.values())
        return sum(part.size for part in self.parts) + len(self.tail) + staged
