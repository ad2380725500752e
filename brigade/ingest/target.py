"""Where an ingest of a date writes: the object, its checkpoint and its receipt."""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from brigade.errors import UsageError


@dataclass(frozen=True)
class Target:
    """The date of a source, in a lake and a state bucket."""

    source: str
    date: str
    lake: str
    state: str

    @property
    def key(self) -> str:
        """The key of the published object, in the lake."""
        return f"{self.source}/date={self.date}/{self.source}.jsonl.gz"

    @property
    def quarantine(self) -> str:
        """The key of the records that broke the contract, in the lake."""
        return f"{self.source}/quarantine/date={self.date}/{self.source}.jsonl.gz"

    @property
    def checkpoint(self) -> str:
        """The key of what an unfinished run has done, in the state bucket."""
        return f"ingest/{self.source}/{self.date}.json"

    @property
    def receipt(self) -> str:
        """The key of what a published run did, in the state bucket."""
        return f"receipts/{self.source}/{self.date}.json"

    def __str__(self) -> str:
        return f"s3://{self.lake}/{self.key}"


def date_of(*, date: str | None = None, scheduled: str | None = None, time_zone: str) -> str:
    """Give the date to ingest: ``date`` itself, else the day of the instant ``scheduled``, else today, in the zone.

    Fails with UsageError when ``date`` is not ``YYYY-MM-DD`` or ``scheduled`` not ISO 8601 with an offset.
    """
    if date is not None:
        try:
            if datetime.date.fromisoformat(date).isoformat() == date:
                return date
        except (TypeError, ValueError):
            pass  # said below, together with what fromisoformat takes but a key must not hold (20261122)
        raise UsageError(f"{date!r} is no date; it takes YYYY-MM-DD")
    zone = ZoneInfo(time_zone)
    if scheduled is None:
        return datetime.datetime.now(zone).date().isoformat()
    try:
        instant = datetime.datetime.fromisoformat(scheduled)
    except (TypeError, ValueError):
        instant = datetime.datetime.min
    if instant.tzinfo is None:
        raise UsageError(f"{scheduled!r} is no instant; it takes ISO 8601 with an offset, as 2026-11-22T05:30:00Z")
    return instant.astimezone(zone).date().isoformat()
