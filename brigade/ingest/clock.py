"""Instants as text that sorts as they follow each other, and the zones of days."""

import datetime


def now() -> str:
    """Give this instant as ISO 8601 in UTC, to the millisecond."""
    return after_seconds(0)


def after_seconds(seconds: float) -> str:
    """Give the instant in so many seconds, or before so many less than 0, as ISO 8601 in UTC, to the millisecond."""
    instant = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
