"""The profile of the records of a date, and how it differs from earlier dates."""

import statistics
from collections.abc import Sequence

import msgspec

_SAMPLED = 16
_JUMP = 1.25
_DOUBT = 0.01
_FIELDS = 1000
_FEWER = 0.5
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Profile(msgspec.Struct, kw_only=True):
    """The widths of all records, and the fields of a sample of them.

    The sample is spread over each page: all of 16 records, 9 to 16 of more, and at most 1000 fields. To sample every
    record would cost a third more CPU for wide records, and double it for narrow ones (docs/decisions/0009-drift.md).

    Attributes:
        records: The number of records.
        plain_bytes: Bytes of the received JSON.
        widest: Bytes of the widest record.
        sampled: The number of sampled records.
        fields: How often each field of the sample had each type.
    """

    records: int = 0
    plain_bytes: int = 0
    widest: int = 0
    sampled: int = 0
    fields: dict[str, dict[str, int]] = {}

    @property
    def mean(self) -> float:
        """The mean width of a record in bytes."""
        return self.plain_bytes / self.records if self.records else 0.0

    def copy(self) -> "Profile":
        """Return an independent copy."""
        return msgspec.structs.replace(self, fields={name: dict(kinds) for name, kinds in self.fields.items()})

    def add_widths(self, widths: Sequence[int]) -> None:
        """Add the widths of the records of a page."""
        if not widths:
            return
        self.records += len(widths)
        self.plain_bytes += sum(widths)
        self.widest = max([self.widest, *widths])

    def add_sample(self, records: Sequence[msgspec.Raw]) -> None:
        """Add the fields of a sample of the records of a page, which must be objects."""
        for raw in records[:: max(1, -(-len(records) // _SAMPLED))]:
            self.sampled += 1
            for name, value in _MEMBERS.decode(raw).items():
                if name in self.fields or len(self.fields) < _FIELDS:
                    kinds = self.fields.setdefault(name, {})
                    kind = _kind(value)
                    kinds[kind] = kinds.get(kind, 0) + 1


def _kind(value: msgspec.Raw) -> str:
    first = bytes(memoryview(value)[:1])
    return {b'"': "text", b"{": "object", b"[": "array", b"t": "boolean", b"f": "boolean", b"n": "null"}.get(
        first, "number"
    )


def _lacks(one: Profile, other: Profile, name: str, kind: str | None = None) -> bool:
    """Return whether `one` very probably lacks a field, or a type of it, that `other` has."""
    if one.sampled == one.records and len(one.fields) < _FIELDS:
        return True
    counts = other.fields[name]
    seen = sum(counts.values()) if kind is None else counts[kind]
    return (1 - seen / other.sampled) ** one.sampled < _DOUBT


def find_shrinkage(before: Sequence[Profile], now: Profile) -> list[str]:
    """Return a line if a date has less than half of the records, or of the bytes, of the median earlier date."""
    if not before:
        return []
    records = statistics.median(each.records for each in before)
    if now.records < records * _FEWER:
        return [f"records fell to {now.records}; the {len(before)} dates before had {records:.0f} (median)"]
    size = statistics.median(each.plain_bytes for each in before)
    if now.plain_bytes < size * _FEWER:
        return [f"bytes fell to {now.plain_bytes}; the {len(before)} dates before had {size:.0f} (median)"]
    return []


def find_drift(before: Profile, now: Profile) -> list[str]:
    """Return which fields were added or removed, changed their type or grew, one line each.

    A field that is in one sample only is reported if the other sample, were the field as frequent there, would miss it
    in at most 1 of 100 cases. If the other sample has all records, it is always reported.
    """
    if not before.sampled or not now.sampled:
        return []
    said = [f"field {name} came" for name in now.fields if name not in before.fields and _lacks(before, now, name)]
    said += [f"field {name} went" for name in before.fields if name not in now.fields and _lacks(now, before, name)]
    for name in now.fields.keys() & before.fields.keys():
        kinds = now.fields[name].keys() - before.fields[name].keys() - {"null"}
        new = [kind for kind in kinds if _lacks(before, now, name, kind)]
        if new and before.fields[name].keys() != {"null"}:
            said.append(f"field {name} is {', '.join(sorted(new))}, it was {', '.join(sorted(before.fields[name]))}")
    if now.mean > before.mean * _JUMP:
        said.append(f"records grew from {before.mean:.0f} to {now.mean:.0f} bytes on average")
    if now.widest > before.widest * 2 * _JUMP:
        said.append(f"the widest record grew from {before.widest} to {now.widest} bytes")
    return sorted(said)
