"""The date of a run inside a request: `{date}`, `{date-1}`, `{date:%Y%m%d}`, `{date+1:%d.%m.%Y}`."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_DATE = re.compile(r"\{date(?P<days>[+-]\d{1,4})?(?::(?P<format>[^{}]+))?\}")
_ALMOST = re.compile(r"\{\s*date\s*(?:[+:-][^{}]*)?\}", re.IGNORECASE)
_DIRECTIVES = frozenset("YymdjGVuU%")


def render(value: Any, date: str) -> Any:
    """Return `value` with the date in every text of it, however deep: `YYYY-MM-DD`, or as the format says.

    Args:
        value: Text, or mappings and sequences with text in them. Anything else stays as it is.
        date: `YYYY-MM-DD`. `{date-1}` is the day before.
    """
    if isinstance(value, str):
        day = datetime.date.fromisoformat(date)
        return _DATE.sub(lambda found: _formatted(found, day), value)
    if isinstance(value, Mapping):
        return {name: render(each, date) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [render(each, date) for each in value]
    return value


def has_date(value: Any) -> bool:
    """Return whether some text in `value` has the date in it."""
    return any(_DATE.search(text) for text in _texts(value))


def date_error(value: Any) -> str | None:
    """Return what is wrong with a date in some text of `value`, or None."""
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
