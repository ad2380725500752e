"""How an API is asked only for what is new. Importing it does nothing."""

import datetime

import msgspec

from brigade.errors import SettingsError


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """A run asks for what was written between two instants, where the last published date's ended and its own end.

    ``parameter`` is the query parameter of the beginning, ``until`` that of the end, both as ISO 8601 in UTC; ``first``
    is where the first run begins. A run ends ``lag_s`` seconds before now, so that what is written late comes with the
    next, and at most ``step_s`` seconds behind its beginning. What was written at just that instant comes twice where
    the API takes both ends as within.

    Fails with SettingsError when ``first`` is no instant, or a span is none.
    """

    parameter: str
    until: str
    first: str
    step_s: float | None = None
    lag_s: float = 0.0

    def __post_init__(self) -> None:
        if self.lag_s < 0 or (self.step_s is not None and self.step_s <= 0):
            raise SettingsError("Since takes a lag_s of 0 or more, and a step_s of more than 0 or none")
        try:
            aware = datetime.datetime.fromisoformat(self.first).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            raise SettingsError(f"Since.first is {self.first!r}; it takes ISO 8601 with an offset")

    def end(self, after: str | None, now: datetime.datetime) -> str | None:
        """Give where a run ends that begins at ``after``, or at ``first``; None where nothing is old enough yet."""
        begin, end = datetime.datetime.fromisoformat(after or self.first), now - datetime.timedelta(seconds=self.lag_s)
        if self.step_s is not None:
            end = min(end, begin + datetime.timedelta(seconds=self.step_s))
        return _text(end) if end > begin else None


def _text(instant: datetime.datetime) -> str:
    return instant.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
