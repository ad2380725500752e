"""Records to lines: stamped as bytes, or made into objects where a source changes or checks them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from brigade.codec import MemberCompressor
from brigade.errors import InvalidData
from brigade.ingest.boundary import Boundary
from brigade.ingest.feed import Feed
from brigade.ingest.overlap import Overlap
from brigade.ingest.profile import Profile
from brigade.jsonl import Page, Stamp
from brigade.masking import mask

_BLOCK = 64 * 1024
_QUARANTINE = 4 * 1024 * 1024
_TOLERATED_FROM = 100


class Pour:
    """Give the lines of pages, and count: ``records`` written, ``broken`` in ``quarantine``, ``profile`` of what came.

    ``replayed``: they come from the quarantine, without what the source keeps out of the lake; any share of them may
    break the contract. ``overlap``: says which records to leave out.

    Memory: a block of 64 KiB, or a wider record, as objects, and the quarantine, 4 MiB of gzip at most.
    """

    def __init__(
        self,
        source: Feed,
        stamp: Stamp,
        *,
        profile: Profile,
        records: int = 0,
        broken: int = 0,
        quarantine: bytes = b"",
        replayed: bool = False,
        overlap: Overlap | Boundary | None = None,
    ) -> None:
        self.records, self.broken, self.quarantine = records, broken, quarantine
        self.profile = profile
        self._source, self._stamp, self._overlap = source, stamp, overlap
        self._contract = source.contract
        if replayed and source.contract and source.change:
            self._contract = source.contract.without(source.change.withholds)
        self._tolerated = 1.0 if replayed or not source.contract else source.contract.tolerated
        self._objects = source.transforms or source.contract is not None
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal if source.exact else None)
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def lines(self, page: Page) -> Iterator[bytes]:
        """Give a page's lines in blocks.

        Fails with InvalidData, naming the page and the record: one that is no object, one whose change fails; and when
        more records than the contract tolerates break it.
        """
        self.profile.see(page.widths)
        if self._overlap:
            page = replace(page, records=self._overlap.fresh(page))
        if self._objects:
            yield from self._changed(page)
        else:
            yield from self._stamp.lines(page)
            self.records += len(page.records)
        self.profile.sample(page.records)

    def _changed(self, page: Page) -> Iterator[bytes]:
        broken: list[dict[str, Any]] = []
        written = 0
        for start, records in page.blocks(_BLOCK):
            ready = [*self._ready(page.place, start, records, broken)]
            written += len(ready)
            lines = self._encoder.encode_lines(ready)
            del ready  # before the objects of the next block come
            if lines:
                yield lines
        self.records += written
        if broken:
            self._set_aside(broken, page.place)

    def _ready(
        self, place: str, start: int, records: Sequence[msgspec.Raw], broken: list[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Give records as they shall be written; those that break the contract are told to ``broken``."""
        contract, transform, change = self._contract, self._source.transform, self._source.change
        date, ts = self._stamp.date, self._stamp.ts
        for number, record in enumerate(map(self._decoder.decode, records), start + 1):
            if type(record) is not dict:
                raise InvalidData(f"{place}, record {number}: it must be an object, not {type(record).__name__}")
            try:
                if contract and (reason := contract.broken(record)):
                    raw = records[number - start - 1]
                    kept = change.withhold(raw) if change else raw
                    broken.append({"reason": mask(reason), "page": mask(place), "number": number, "record": kept})
                    continue
                changed = transform(record)
            except InvalidData as error:
                raise InvalidData(f"{place}, record {number}: {error}") from error
            if changed is not None:
                changed["ingest_date"], changed["ingest_ts"] = date, ts
                yield changed

    def _set_aside(self, broken: list[dict[str, Any]], place: str) -> None:
        gzip = MemberCompressor()
        # A record keeps its own bytes, and an indented one has line ends between its tokens; in text they are escaped.
        lines = (self._encoder.encode(each).translate(None, b"\r\n") + b"\n" for each in broken)
        body = b"".join(map(gzip.compress, lines))
        self.quarantine += body + gzip.flush()
        self.broken += len(broken)
        self.check(place, _TOLERATED_FROM)
        if len(self.quarantine) > _QUARANTINE:
            raise InvalidData(
                f"{place}: more than {_QUARANTINE} bytes of records break the contract: {broken[0]['reason']}"
            )

    def end(self, place: str) -> None:
        """Check what holds of all records of a run, once the last page is written.

        Raises:
            InvalidData: More records broke the contract than are tolerated, or fewer were written than the source has
                at least.
        """
        self.check(place)
        if self.records < self._source.at_least:
            raise InvalidData(
                f"{place}: it is the last, and {self.records} records came; the source has at least "
                f"{self._source.at_least} (at_least)"
            )

    def check(self, place: str, least: int = 1) -> None:
        """Fail with InvalidData if more than the tolerated share of ``least`` or more records broke the contract."""
        records = self.profile.records
        if records >= least and self.broken > self._tolerated * records:
            raise InvalidData(
                f"{place}: {self.broken} of {records} records break the contract, more than the tolerated "
                f"{self._tolerated:.2%}"
            )
