"""Dates: the date of a run, and `{date}`, `{date-1}`, `{date:%Y%m%d}` in the texts of a declaration."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brigade.errors import UsageError

_DATE = re.compile(r"\{date(?P<days>[+-]\d{1,4})?(?::(?P<format>[^{}]+))?\}")
_ALMOST = re.compile(r"\{\s*date\s*(?:[+:-][^{}]*)?\}", re.IGNORECASE)
_DIRECTIVES = frozenset("YymdjGVuU%")


def render_dates(value: Any, date: str) -> Any:
    """Return `value` with the date inserted in every text, at any depth: `YYYY-MM-DD`, or in the given format.

    Args:
        value: Text, or mappings and sequences with text in them. Anything else stays as it is.
        date: `YYYY-MM-DD`. `{date-1}` is the day before.
    """
    if isinstance(value, str):
        day = datetime.date.fromisoformat(date)
        return _DATE.sub(lambda found: _formatted(found, day), value)
    if isinstance(value, Mapping):
        return {name: render_dates(each, date) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [render_dates(each, date) for each in value]
    return value


def has_date(value: Any) -> bool:
    """Return whether some text in `value` contains the date."""
    return any(_DATE.search(text) for text in _texts(value))


def find_date_error(value: Any) -> str | None:
    """Return the error of an invalid date in some text of `value`, or None."""
    for text in _texts(value):
        for found in _ALMOST.finditer(text):
            exact = _DATE.fullmatch(found[0])
            if exact is None and not re.fullmatch(r"\{\s+date\s+\}", found[0]):  # GraphQL selects a field so
                return f"{found[0]!r} is no date; it takes {{date}}, {{date-1}} or {{date:%Y%m%d}}"
            letters = re.findall(r"%(.?)", (exact["format"] or "") if exact else "")
            if not {*letters} <= _DIRECTIVES:
                return f"the format of {found[0]!r} takes %Y %y %m %d %j %G %V %u %U and %% only"
    return None


def _formatted(found: "re.Match[str]", day: datetime.date) -> str:
    there = day + datetime.timedelta(days=int(found["days"] or 0))
    return there.strftime(found["format"]) if found["format"] else there.isoformat()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for each in value:
            yield from _texts(each)


def load_time_zone(name: str) -> datetime.tzinfo:
    """Return the time zone of an IANA name.

    Raises:
        KeyError: There is no such zone; so do OSError and ValueError, as in zoneinfo.
    """
    if name == "UTC":
        return datetime.UTC
    from zoneinfo import ZoneInfo  # 2 ms, which a cold start in UTC does not need

    return ZoneInfo(name)


def is_date(text: str) -> bool:
    """Return whether the text is a date of the form `YYYY-MM-DD`."""
    try:
        return datetime.date.fromisoformat(text).isoformat() == text  # fromisoformat also accepts 20261122
    except (TypeError, ValueError):
        return False


def resolve_date(*, date: str | None = None, scheduled: str | None = None, time_zone: str) -> str:
    """Return the date to ingest: `date`, or the day of the instant `scheduled`, or today, in the time zone.

    Raises:
        UsageError: `date` is not `YYYY-MM-DD`, or `scheduled` is not ISO 8601 with an offset.
    """
    if date is not None:
        if is_date(date):
            return date
        raise UsageError(f"{date!r} is no date; it takes YYYY-MM-DD")
    there = load_time_zone(time_zone)
    if scheduled is None:
        return datetime.datetime.now(there).date().isoformat()
    try:
        instant = datetime.datetime.fromisoformat(scheduled)
    except (TypeError, ValueError):
        instant = datetime.datetime.min
    if instant.tzinfo is None:
        raise UsageError(f"{scheduled!r} is no instant; it takes ISO 8601 with an offset, as 2026-11-22T05:30:00Z")
    return instant.astimezone(there).date().isoformat()
