"""Write records as stamped lines. They are decoded only if the source transforms or checks them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from brigade.codec import MemberCompressor
from brigade.errors import InvalidData
from brigade.ingest.declare.source import BaseSource
from brigade.ingest.read.deduplicate import BoundaryDeduplicator, Deduplicator
from brigade.ingest.state.profile import Profile
from brigade.jsonl import Page, Stamp
from brigade.masking import mask

_BLOCK = 64 * 1024
_QUARANTINE = 4 * 1024 * 1024
_TOLERATED_FROM = 100


class LineWriter:
    """Writes the records of pages as lines, and counts them.

    Memory: a decoded block of 64 KiB, or a wider record, and the quarantine, 4 MiB of gzip at most.

    Attributes:
        records: The number of written records.
        broken: The number of records in the quarantine.
        quarantine: The records that broke the contract, as gzip JSON Lines.
        profile: Widths and fields of all records.
    """

    def __init__(
        self,
        source: BaseSource,
        stamp: Stamp,
        *,
        profile: Profile,
        records: int = 0,
        broken: int = 0,
        quarantine: bytes = b"",
        replayed: bool = False,
        deduplicator: Deduplicator | BoundaryDeduplicator | None = None,
    ) -> None:
        """Create a writer.

        Args:
            source: The declared source.
            stamp: The date and the time that each record gets.
            profile: The profile to continue.
            records: The number of records written before.
            broken: The number of records in the quarantine before.
            quarantine: The quarantine to continue.
            replayed: Whether the records come from the quarantine. They lack what the source keeps out of the lake, and
                any fraction may break the contract.
            deduplicator: Leaves records out.
        """
        self.records, self.broken, self.quarantine = records, broken, quarantine
        self.profile = profile
        self._source, self._stamp, self._deduplicator = source, stamp, deduplicator
        self._contract = source.contract
        if replayed and source.contract and source.transform:
            self._contract = source.contract.without_fields(source.transform.withholds)
        self._tolerated = 1.0 if replayed or not source.contract else source.contract.tolerated
        self._objects = source.changes_records or source.contract is not None
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            float_hook=Decimal if source.exact_numbers else None
        )
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def write_page(self, page: Page) -> Iterator[bytes]:
        """Yield the lines of a page in blocks.

        Raises:
            InvalidData: A record is no object, its transform fails, or more records break the contract than it
                tolerates. The message names the page and the record.
        """
        self.profile.add_widths(page.widths)
        if self._deduplicator:
            page = replace(page, records=self._deduplicator.filter_page(page))
        if self._objects:
            yield from self._changed(page)
        else:
            yield from self._stamp.lines(page)
            self.records += len(page.records)
        self.profile.add_sample(page.records)

    def _changed(self, page: Page) -> Iterator[bytes]:
        broken: list[dict[str, Any]] = []
        written = 0
        for start, records in page.blocks(_BLOCK):
            ready = [*self._ready(page.place, start, records, broken)]
            written += len(ready)
            lines = self._encoder.encode_lines(ready)
            del ready  # before the next block is decoded
            if lines:
                yield lines
        self.records += written
        if broken:
            self._set_aside(broken, page.place)

    def _ready(
        self, place: str, start: int, records: Sequence[msgspec.Raw], broken: list[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Yield the transformed records, and append those that break the contract to `broken`."""
        contract, transform_record, transform = self._contract, self._source.transform_record, self._source.transform
        date, ts = self._stamp.date, self._stamp.ts
        for number, record in enumerate(map(self._decoder.decode, records), start + 1):
            if type(record) is not dict:
                raise InvalidData(f"{place}, record {number}: it must be an object, not {type(record).__name__}")
            try:
                if contract and (reason := contract.find_violation(record)):
                    raw = records[number - start - 1]
                    kept = transform.withhold(raw) if transform else raw
                    broken.append({"reason": mask(reason), "page": mask(place), "number": number, "record": kept})
                    continue
                changed = transform_record(record)
            except InvalidData as error:
                raise InvalidData(f"{place}, record {number}: {error}") from error
            if changed is not None:
                changed["ingest_date"], changed["ingest_ts"] = date, ts
                yield changed

    def _set_aside(self, broken: list[dict[str, Any]], place: str) -> None:
        gzip = MemberCompressor()
        # A record keeps its bytes, and an indented one has line ends between its tokens. In text they are escaped.
        lines = (self._encoder.encode(each).translate(None, b"\r\n") + b"\n" for each in broken)
        body = b"".join(map(gzip.compress, lines))
        self.quarantine += body + gzip.flush()
        self.broken += len(broken)
        self.check_tolerated(place, _TOLERATED_FROM)
        if len(self.quarantine) > _QUARANTINE:
            raise InvalidData(
                f"{place}: more than {_QUARANTINE} bytes of records break the contract: {broken[0]['reason']}"
            )

    def check_end(self, place: str) -> None:
        """Check the records of the whole run, after the last page.

        Raises:
            InvalidData: More records broke the contract than it tolerates, or fewer were written than `at_least`.
        """
        self.check_tolerated(place)
        if self.records < self._source.at_least:
            raise InvalidData(
                f"{place}: it is the last, and {self.records} records came; the source has at least "
                f"{self._source.at_least} (at_least)"
            )

    def check_tolerated(self, place: str, least: int = 1) -> None:
        """Raise InvalidData if more records broke the contract than it tolerates, from `least` records on."""
        records = self.profile.records
        if records >= least and self.broken > self._tolerated * records:
            raise InvalidData(
                f"{place}: {self.broken} of {records} records break the contract, more than the tolerated "
                f"{self._tolerated:.2%}"
            )
