"""The counts that checkpoints, receipts and results have in common."""

from collections.abc import Sequence
from typing import Any

import msgspec


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has done so far. Requests count those of all its invocations.

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
