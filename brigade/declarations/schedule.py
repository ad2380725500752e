"""Schedule expressions of EventBridge Scheduler, validated before anything is deployed."""

import datetime
import re

_HELP = "cron(minutes hours day-of-month month day-of-week year), rate(N minutes|hours|days) or at(YYYY-MM-DDThh:mm:ss)"
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day-of-month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day-of-week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)


def schedule_error(text: str) -> str | None:
    """Return the error of a schedule expression, with its valid forms, or None if it is valid.

    Source:
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html: six cron fields, one of
        day-of-month and day-of-week is `?`; a rate of 1 takes the singular, any other the plural.
    """
    found = re.fullmatch(r"(cron|rate|at)\((.*)\)", text)
    if not found:
        return _HELP
    kind, given = found[1], found[2]
    if kind == "rate":
        value, _, unit = given.partition(" ")
        is_one = value == "1"
        units = ("minute", "hour", "day") if is_one else ("minutes", "hours", "days")
        good = re.fullmatch(r"[1-9]\d*", value) and unit in units
        return None if good else "rate(1 minute|hour|day) or rate(N minutes|hours|days), N from 2 on"
    if kind == "at":
        return None if _is_instant(given) else "at(YYYY-MM-DDThh:mm:ss), an instant that there is"
    return _cron_error(given)


def _is_instant(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).isoformat(timespec="seconds") == text
    except ValueError:
        return False


def _cron_error(given: str) -> str | None:
    values = given.split(" ")
    if len(values) != len(_FIELDS):
        return f"six fields in cron(…), not {len(values)}: minutes hours day-of-month month day-of-week year"
    for (name, least, most, names), value in zip(_FIELDS, values, strict=True):
        if not all(_is_item(item, name, least, most, names) for item in value.split(",")):
            return f"in {name} of cron(…) {least} to {most}, lists, ranges and steps of them, not {value!r}"
    if (values[2] == "?") == (values[4] == "?"):
        return "? in exactly one of day-of-month and day-of-week of cron(…)"
    return None


def _is_item(item: str, name: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    if name.startswith("day") and item in ("?", "L"):
        return True
    if name == "day-of-month" and (found := re.fullmatch(r"(\d+)W|LW", item)):
        return found[1] is None or least <= int(found[1]) <= most
    if name == "day-of-week" and (found := re.fullmatch(r"(\w+)(?:#([1-5])|L)", item)):
        return _number(found[1], least, most, names) is not None
    span, slash, step = item.partition("/")
    if slash and not (re.fullmatch(r"\d+", step) and 1 <= int(step) <= most):
        return False
    if span == "*":
        return True
    ends = [_number(end, least, most, names) for end in span.split("-")]
    return len(ends) <= 2 and None not in ends and (len(ends) == 1 or bool(ends[0] <= ends[1]))  # type: ignore[operator]  # neither is None here


def _number(text: str, least: int, most: int, names: tuple[str, ...]) -> int | None:
    if text.upper() in names:
        return names.index(text.upper()) + 1
    return int(text) if re.fullmatch(r"\d{1,4}", text) and least <= int(text) <= most else None
