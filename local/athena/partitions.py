"""The partitions of a Glue table: the registered ones, or the projected ones that have a folder."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from ministack.services import glue, s3

from local.athena.dialect import Mistake
from local.inventory.deliver import newest_stamp

Table = Mapping[str, Any]

_UNITS = {unit: timedelta(**{unit.lower(): 1}) for unit in ("WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS")}
_NOW = re.compile(r"NOW(?:([+-]\d+)(WEEKS|DAYS|HOURS|MINUTES|SECONDS)?)?$")
_JAVA = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))


@dataclass(frozen=True)
class Partition:
    """A partition: a value for each partition key of the table, and the location of its objects."""

    values: tuple[str, ...]
    bucket: str
    prefix: str


def of(name: str, table: Table) -> list[Partition]:
    """Return the partitions of `name` (`database/table`).

    With projection: the folders ``k=v/`` under the table's location, or those of its ``storage.location.template``
    wherever it lies, whose value lies in the projected range and on its interval; registered partitions are ignored, as
    Athena ignores them. Without: the registered ones, wherever they lie.

    Raises:
        Mistake: Projection is on, and a key has no usable projection or is not in the template.
    """
    keys = [key["Name"] for key in table.get("PartitionKeys") or []]
    bucket, prefix = _place(table)
    if not keys:
        return [Partition((), bucket, prefix)]
    if registered(table):
        return [Partition(tuple(known["Values"]), *_place(known)) for known in glue._partitions.get(name, [])]
    bucket, prefix, rest = _template(table, keys)
    fits = [_projection(table["Parameters"], key, bucket, prefix) for key in keys]
    return [
        found
        for found in _folders(bucket, prefix, rest, keys)
        if all(fit(value) for fit, value in zip(fits, found.values, strict=True))
    ]


def registered(table: Table) -> bool:
    """Return whether the partitions of the table are those registered in Glue."""
    projected = (table.get("Parameters") or {}).get("projection.enabled", "").lower() == "true"
    return bool(table.get("PartitionKeys")) and not projected


def keys_under(bucket: str, prefix: str) -> list[str]:
    """Return the keys of a location that hold data: no part of the key begins with `_` or `.`."""
    objects = (s3._buckets.get(bucket) or {"objects": {}})["objects"]
    return sorted(
        key
        for key in objects
        if key.startswith(prefix)
        and not key.endswith("/")
        and not any(part.startswith(("_", ".")) for part in key.removeprefix(prefix).split("/"))
    )


def _place(described: Mapping[str, Any]) -> tuple[str, str]:
    location = urlsplit((described.get("StorageDescriptor") or {}).get("Location") or "")
    prefix = location.path.strip("/")
    return location.netloc, f"{prefix}/" if prefix else ""


def _template(table: Table, keys: Sequence[str]) -> tuple[str, str, str]:
    """Return the location of projected partitions: bucket, common folder, and the rest with `${k}` for each value.

    https://docs.aws.amazon.com/athena/latest/ug/partition-projection-setting-up.html
    """
    given = urlsplit(table["Parameters"].get("storage.location.template", ""))
    if not given.path:
        return *_place(table), "".join(f"{key}=${{{key}}}/" for key in keys)
    path = given.path.strip("/") + "/"
    if lacking := [key for key in keys if f"${{{key}}}" not in path]:
        raise Mistake(f"HIVE_METASTORE_ERROR: storage.location.template has no placeholder for {lacking[0]}")
    folder = path[: path.index("${")].rpartition("/")[0] + "/"
    return given.netloc, folder, path.removeprefix(folder)


def _folders(bucket: str, prefix: str, rest: str, keys: Sequence[str]) -> Iterator[Partition]:
    pattern = re.compile(re.sub(r"\\\$\\\{(\w+)\\\}", r"(?P<\1>[^/]*)", re.escape(rest)))
    found = {
        match[0]: [match[key] for key in keys]
        for key in keys_under(bucket, prefix)
        if (match := pattern.match(key, len(prefix)))
    }
    for folder, values in sorted(found.items()):
        yield Partition(tuple(values), bucket, prefix + folder)


def _projection(parameters: Mapping[str, str], key: str, bucket: str, prefix: str) -> Callable[[str], bool]:
    kind = parameters.get(f"projection.{key}.type", "").lower()
    text = parameters.get(f"projection.{key}.{'values' if kind == 'enum' else 'range'}", "")
    given = text.split(",")
    if kind == "enum" and text:
        return {value.strip() for value in given}.__contains__
    if kind == "injected":
        return lambda _: True
    if kind == "integer" and len(given) == 2:
        return lambda value: value.lstrip("-").isdigit() and int(given[0]) <= int(value) <= int(given[1])
    if kind == "date" and len(given) == 2:
        # Deliveries made within one hour are stamped ahead of the clock: "now" is then the newest of them.
        now = max(filter(None, (datetime.now(UTC), newest_stamp(bucket, prefix))))
        return _Dates(parameters, key, given, now).__contains__
    raise Mistake(f"HIVE_METASTORE_ERROR: Column {key} has no valid projection.{key}.type and range or values")


class _Dates:
    """The values of a date projection, from its start to its end, by its interval."""

    def __init__(self, parameters: Mapping[str, str], key: str, given: Sequence[str], now: datetime) -> None:
        java = parameters.get(f"projection.{key}.format", "yyyy-MM-dd")
        self._format = java.replace("'", "")
        for theirs, ours in _JAVA:
            self._format = self._format.replace(theirs, ours)
        smallest = "SECONDS" if "ss" in java else "MINUTES" if "mm" in java else "HOURS" if "HH" in java else "DAYS"
        # Athena's default is a day or a month where the format goes no finer, and must be given otherwise.
        unit = parameters.get(f"projection.{key}.interval.unit", smallest).upper()
        self._step = _UNITS.get(unit, timedelta(0)) * int(parameters.get(f"projection.{key}.interval", "1"))
        try:
            self._start, self._end = (self._bound(text.strip(), now, unit) for text in given)
        except ValueError as error:
            raise Mistake(f"HIVE_METASTORE_ERROR: Column {key} has an invalid projection range: {error}") from None

    def __contains__(self, value: str) -> bool:
        try:
            instant = datetime.strptime(value, self._format).replace(tzinfo=UTC)
        except ValueError:
            return False
        on_step = not self._step or not (instant - self._start) % self._step
        return self._start <= instant <= self._end and on_step

    def _bound(self, text: str, now: datetime, unit: str) -> datetime:
        relative = _NOW.match(text)
        if not relative:
            return datetime.strptime(text, self._format).replace(tzinfo=UTC)
        moved = now + int(relative[1] or 0) * _UNITS.get(relative[2] or unit, timedelta(days=1))
        return datetime.strptime(moved.strftime(self._format), self._format).replace(tzinfo=UTC)
