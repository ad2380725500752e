"""Requests for new records only: between two instants (`Since`), or after a position (`Newest`)."""

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
    """A run requests the records between two instants: the end of the last published date, and its own end.

    With `key` and `field`, records that come twice are left out: because of the overlap, or because the API includes
    both ends. Records with the same values of `field` and `key` are the same.

    Attributes:
        parameter: The query parameter of the start, ISO 8601 in UTC.
        until: The query parameter of the end, ISO 8601 in UTC.
        first: The start of the first run, ISO 8601 with an offset.
        step_s: The most seconds between start and end.
        lag_s: Seconds that the end stays behind the clock, so that late records come with the next run.
        overlap_s: Seconds by which a run starts before the end of the last one.
        field: The member of a record with the instant by which the API selects.
        key: The members that identify a record.

    Raises:
        SettingsError: `first` is no instant, `step_s` is not above `overlap_s`, or an overlap has no key.
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
            raise SettingsError("Since takes an overlap_s of less than step_s: with a longer one no run would advance")
        try:
            aware = datetime.datetime.fromisoformat(self.first).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            raise SettingsError(f"Since.first is {self.first!r}; it takes ISO 8601 with an offset")

    @property
    def at(self) -> str:
        """Empty: the position is not in the response."""
        return ""

    @property
    def kind(self) -> Literal["instant"]:
        """The type of `field`."""
        return "instant"

    @property
    def bounded(self) -> bool:
        """True: the end of a run is known before it starts."""
        return True

    def end(self, after: str | None, now: datetime.datetime) -> str | None:
        """Return the end of a run that starts at `after` (None: at `first`); None if nothing is old enough yet."""
        begin, end = datetime.datetime.fromisoformat(after or self.first), now - datetime.timedelta(seconds=self.lag_s)
        if self.step_s is not None:
            end = min(end, begin + datetime.timedelta(seconds=self.step_s))
        return _text(end) if end > begin else None

    def parameters(self, after: str | None, until: str | None) -> Mapping[str, str]:
        """Return the query parameters of a run from `after` (None: from `first`) to `until`."""
        begin = _before(after, self.overlap_s) if after and self.overlap_s else after or self.first
        return {self.parameter: begin, self.until: until or begin}

    def order(self, value: Any) -> int:
        """Return an instant as microseconds since 1970. Raises ValueError for anything else."""
        return _instant(value)

    def reread_from(self, until: str) -> int:
        """Return the `order` at which the next run starts if this one ends at `until`."""
        return _instant(until) - round(self.overlap_s * 1e6)


class Newest(Declaration, frozen=True, kw_only=True):
    """A run requests the records after the position that the last published date reached.

    The position is the greatest value of `field`, or the last value `at` a path of a response. With `key`, records that
    come twice are left out: records with the same values of `field` and `key` are the same.

    Attributes:
        parameter: The query parameter of the position.
        field: The member of a record with the position. Either this or `at`.
        at: The path of the position in the response.
        kind: `instant` (ISO 8601; UTC without an offset) or `integer`.
        first: The position of the first run; None omits the parameter.
        overlap: Seconds, or a number, by which a run starts before the position, for records that appear late.
        key: The members that identify a record.

    Raises:
        SettingsError: Not exactly one of `field` and `at` is declared, `first` is not of this kind, or an overlap has
            no key.
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
        """False: the end of a run is known after its last page."""
        return False

    def end(self, after: str | None, now: datetime.datetime) -> None:
        """Return None: the end is known after the last page."""

    def parameters(self, after: str | None, until: str | None) -> Mapping[str, str]:
        """Return the query parameters of a run after the position `after`; None is the first run."""
        if after is None:
            return {} if self.first is None else {self.parameter: self.first}
        if not self.overlap:
            return {self.parameter: after}
        whole = self.kind == "integer"
        return {self.parameter: str(int(after) - self.overlap) if whole else _before(after, self.overlap)}

    def order(self, value: Any) -> int:
        """Return a value of this kind as a sortable number. Raises ValueError for anything else."""
        if self.kind == "instant":
            return _instant(value)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not -(2**63) <= value < 2**63:
            raise ValueError(value)
        return int(value)

    def reread_from(self, until: str) -> int:
        """Return the `order` at which the next run starts if this one reaches `until`.

        A run starts at a whole millisecond (`parameters`), and without an overlap at `until` itself.
        """
        if self.kind == "integer":
            return int(until) - self.overlap
        return (_instant(until) - self.overlap * 1_000_000) // 1000 * 1000


def finer_digits(value: Any) -> str:
    """Return the digits of an instant after its microseconds, which `order` omits; "" for an integer.

    They sort as text, because they have no trailing zeros.
    """
    found = re.search(r"[.,][0-9]{6}([0-9]+)", value) if isinstance(value, str) else None
    return found[1].rstrip("0") if found else ""


def _number(text: str | None) -> Any:
    return int(text or 0)


def _instant(value: Any) -> int:
    """Return the microseconds since 1970 of ISO 8601 text. Raises ValueError for anything else."""
    instant = datetime.datetime.fromisoformat(value if isinstance(value, str) else "")
    aware = instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)
    return (aware - _EPOCH) // _MICROSECOND


def _before(text: str, seconds: float) -> str:
    return _text(_EPOCH + (_instant(text) * _MICROSECOND) - datetime.timedelta(seconds=seconds))


def _text(instant: datetime.datetime) -> str:
    return instant.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
