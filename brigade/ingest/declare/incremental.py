"""How an API is asked only for what is new. Importing it does nothing."""

import datetime
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from brigade.declarations import Declaration
from brigade.declarations.path import parse_path
from brigade.errors import SettingsError
from brigade.ingest.declare.request import Text

_CENTURY_S = 100 * 366 * 86400
_Seconds = Annotated[float, Meta(ge=0, le=_CENTURY_S)]
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


class Since(Declaration, frozen=True, kw_only=True):
    """A run asks for what was written between two instants, where the last published date's ended and its own end.

    ``parameter`` is the query parameter of the beginning, ``until`` that of the end, both as ISO 8601 in UTC; ``first``
    is where the first run begins. A run ends ``lag_s`` seconds before now, so that what is written late comes with the
    next, and at most ``step_s`` seconds behind its beginning; it begins ``overlap_s`` before where the last one ended.

    What comes twice by that, or since the API takes both ends as within, is left out where ``key`` names the members of
    a record that tell it from others, and ``field`` the one with the instant by which the API chooses: records with the
    same values of all of these are the same.

    Fails with SettingsError when ``first`` is no instant, a span is none, or an overlap has no key to be removed by.
    """

    parameter: Text
    until: Text
    first: str
    step_s: Annotated[float, Meta(gt=0, le=_CENTURY_S)] | None = None
    lag_s: _Seconds = 0.0
    overlap_s: _Seconds = 0.0
    field: str = ""
    key: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("until", self.until != self.parameter, "another parameter than that of the beginning")
        if bool(self.key) != bool(self.field) or (self.overlap_s and not self.key):
            raise SettingsError("Since takes key and field together, and overlap_s only with them")
        if self.step_s is not None and self.overlap_s >= self.step_s:
            raise SettingsError("Since takes an overlap_s of less than step_s: it would never come further")
        try:
            aware = datetime.datetime.fromisoformat(self.first).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            raise SettingsError(f"Since.first is {self.first!r}; it takes ISO 8601 with an offset")

    @property
    def at(self) -> str:
        """No value of the answer says where the next run begins."""
        return ""

    @property
    def kind(self) -> Literal["instant"]:
        """What says where a record is in the order."""
        return "instant"

    @property
    def bounded(self) -> bool:
        """Yes: a date has an end of its own, behind which it asks for nothing."""
        return True

    def end(self, after: str | None, now: datetime.datetime) -> str | None:
        """Give where a run ends that begins at ``after``, or at ``first``; None where nothing is old enough yet."""
        begin, end = datetime.datetime.fromisoformat(after or self.first), now - datetime.timedelta(seconds=self.lag_s)
        if self.step_s is not None:
            end = min(end, begin + datetime.timedelta(seconds=self.step_s))
        return _text(end) if end > begin else None

    def parameters(self, after: str | None, until: str | None) -> Mapping[str, str]:
        """Give what a run asks with, between ``after`` (None: the first) and ``until``."""
        begin = _before(after, self.overlap_s) if after and self.overlap_s else after or self.first
        return {self.parameter: begin, self.until: until or begin}

    def order(self, value: Any) -> int:
        """Give a record's instant as a number that grows with it; ValueError if it is none."""
        return _instant(value)

    def again(self, until: str) -> int:
        """Give the ``order`` from which on the next run asks, when this one ended at ``until``."""
        return _instant(until) - round(self.overlap_s * 1e6)


class Newest(Declaration, frozen=True, kw_only=True):
    """A run asks for what is behind the position that the last published date reached.

    That is the greatest value of the member ``field`` of the records that came, an ``instant`` (ISO 8601; UTC where it
    says no offset) or an ``integer``; or the value ``at`` a dotted path of the last answer that has one, as it is. The
    query parameter ``parameter`` carries it; the first run asks with ``first``, None: without it.

    A run asks from ``overlap`` (seconds, or a number) before that position on, for what the API shows late. What comes
    twice is left out where ``key`` names the members of a record that tell it from others: records with the same values
    of these and of ``field`` are the same.

    Fails with SettingsError when there is not exactly one of ``field`` and ``at``, ``first`` is no value of this kind,
    or an overlap has no key to be removed by.
    """

    parameter: Text
    field: str = ""
    at: str = ""
    kind: Literal["instant", "integer"] = "instant"
    first: str | None = None
    overlap: Annotated[int, Meta(ge=0, le=2**62)] = 0
    key: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_path(self.at)
        if bool(self.field) == bool(self.at):
            raise SettingsError("Newest takes exactly one of field and at, where the position comes from")
        if (self.overlap and not self.key) or (self.at and self.key):
            raise SettingsError("Newest takes an overlap with a key, and both only with a field")
        try:
            self.order(_number(self.first) if self.kind == "integer" else self.first or "1970-01-01")
        except ValueError:
            raise SettingsError(f"Newest.first is {self.first!r}; it takes an {self.kind}, or None") from None

    @property
    def bounded(self) -> bool:
        """No: a date asks for all that there is behind where it begins."""
        return False

    def end(self, after: str | None, now: datetime.datetime) -> None:
        """Give no end: it is known when all records are."""

    def parameters(self, after: str | None, until: str | None) -> Mapping[str, str]:
        """Give what a run asks with, behind ``after``, None for the first."""
        if after is None:
            return {} if self.first is None else {self.parameter: self.first}
        if not self.overlap:
            return {self.parameter: after}
        whole = self.kind == "integer"
        return {self.parameter: str(int(after) - self.overlap) if whole else _before(after, self.overlap)}

    def order(self, value: Any) -> int:
        """Give a record's value as a number that grows with it; ValueError if it is none of its kind."""
        if self.kind == "instant":
            return _instant(value)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not -(2**63) <= value < 2**63:
            raise ValueError(value)
        return int(value)

    def again(self, until: str) -> int:
        """Return the ``order`` from which on the next run asks, when this one reached ``until``.

        A run asks from a whole millisecond on (``parameters``), and without an overlap from ``until`` itself.
        """
        if self.kind == "integer":
            return int(until) - self.overlap
        return (_instant(until) - self.overlap * 1_000_000) // 1000 * 1000


def finer_digits(value: Any) -> str:
    """Return the digits of an instant beyond its microseconds, which ``order`` does not have; "" for an integer.

    As text they are in the order of the instants, because they have no zeros at the end.
    """
    found = re.search(r"[.,][0-9]{6}([0-9]+)", value) if isinstance(value, str) else None
    return found[1].rstrip("0") if found else ""


def _number(text: str | None) -> Any:
    return int(text or 0)


def _instant(value: Any) -> int:
    """Give the microseconds since 1970 of ISO 8601 text; ValueError if it is none."""
    instant = datetime.datetime.fromisoformat(value if isinstance(value, str) else "")
    aware = instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)
    return (aware - _EPOCH) // _MICROSECOND


def _before(text: str, seconds: float) -> str:
    return _text(_EPOCH + (_instant(text) * _MICROSECOND) - datetime.timedelta(seconds=seconds))


def _text(instant: datetime.datetime) -> str:
    return instant.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
