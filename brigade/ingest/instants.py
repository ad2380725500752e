"""Instants as text that sorts as they follow each other, and the zones of days."""

import datetime


def now() -> str:
    """Give this instant as ISO 8601 in UTC, to the millisecond."""
    return in_seconds(0)


def in_seconds(seconds: float) -> str:
    """Give the instant in so many seconds, or before so many less than 0, as ISO 8601 in UTC, to the millisecond."""
    instant = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zone(name: str) -> datetime.tzinfo:
    """Give the zone of an IANA name. Fails with KeyError, OSError or ValueError, as zoneinfo does, if there is none."""
    if name == "UTC":
        return datetime.UTC
    from zoneinfo import ZoneInfo  # 2 ms, which a cold start that is in UTC does without

    return ZoneInfo(name)
