"""The checkpoint of a date that is not published yet: all of it is durable."""

from collections.abc import Mapping

import msgspec

from brigade.ingest.state.profile import Profile
from brigade.ingest.state.receipt import Counts, PageTimes, PublishedObject
from brigade.s3.multipart import Part
from brigade.state.lease import Lease


class StagedObject(msgspec.Struct, frozen=True):
    """An object of the state bucket with compressed members of several future objects, one after the other.

    Attributes:
        key: Its key in the state bucket.
        etag: Its ETag.
        lengths: Bytes of each future object in it, by name (`<day>/<number>`), in the order of the bytes.
    """

    key: str
    etag: str
    lengths: Mapping[str, int]


class ObjectCounts(msgspec.Struct, frozen=True):
    """The counts of one of several objects. `bytes` are compressed."""

    records: int = 0
    plain_bytes: int = 0
    bytes: int = 0


class Checkpoint(Counts, frozen=True, kw_only=True, omit_defaults=True):
    """The durable pages of a run, and where to continue. The next invocation needs nothing else.

    It is stored after each part that S3 has, so it never names a page that could be lost.

    Attributes:
        write: The token in the metadata of the published object, which identifies the run.
        ts: When the run started: the `ingest_ts` of all its records, so that a resumed run writes the same bytes.
        replaces: The ETag of the object that the run replaces, and no other; of several objects, of their receipt.
        former: Keys and ETags of several objects to replace. Without `replaces`: those of a replacement that stopped
            halfway.
        runs: The holders of the lease, in order: executions, or processes.
        upload: The multipart upload.
        parts: The uploaded parts.
        tail: Compressed members that are too short for a part, at a planned stop. They are durable here.
        digest: The chained digest of the parts (`brigade.ingest.write.digests.chain_digest`).
        stages: The staged objects, where a run makes several objects.
        shares: The counts of each of several objects, by name.
        published: Those of several objects that are published.
        next: The cursor of the next page; None before the first page and after the last.
        first: The first cursor that the source returned.
        last: The cursor of the last page.
        times: How long pages took.
        seen: Digests of all cursors, to find a circle in any invocation.
        done: Every page is durable. Only the publication is left.
        lease: Which run may continue from here. Only one of two concurrent runs does.
        mark: The checksum of the last page, to find the same page twice in a row.
        total: The number of records that the source reported.
        met: The declared paths and headers that some page had. The absence of one that no page had is not an end.
        columns: The columns of the first CSV page. Every later page has the same.
        wake: The instant before which the source does not accept requests.
        profile: Widths and fields of the records.
        newest: The greatest value of an incremental source so far.
        recent: The records that the next date leaves out, packed.
        quarantine: The records that broke the contract, as gzip JSON Lines.
    """

    write: str
    ts: str
    replaces: str | None = None
    former: Mapping[str, str] = {}
    runs: tuple[str, ...] = ()
    upload: str | None = None
    parts: tuple[Part, ...] = ()
    tail: bytes = b""
    digest: str = ""
    stages: tuple[StagedObject, ...] = ()
    shares: Mapping[str, ObjectCounts] = {}
    published: tuple[PublishedObject, ...] = ()
    next: str | None = None
    first: str | None = None
    last: str | None = None
    times: PageTimes = PageTimes()
    seen: tuple[str, ...] = ()
    done: bool = False
    lease: Lease = Lease()
    mark: int = 0
    total: int | None = None
    met: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    wake: str | None = None
    profile: Profile = msgspec.field(default_factory=Profile)
    newest: str | None = None
    recent: bytes = b""
    quarantine: bytes = b""

    @property
    def bytes(self) -> int:
        """The durable compressed bytes."""
        staged = sum(share.bytes for share in self.shares.values())
        return sum(part.size for part in self.parts) + len(self.tail) + staged
