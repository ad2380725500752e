"""The format of a CSV response."""

import codecs
from typing import Annotated

from msgspec import Meta

from brigade.declarations import Declaration

_Character = Annotated[
    str, Meta(min_length=1, max_length=1, pattern=r"^[^\r\n]\Z", description="one character, no line end")
]
_Name = Annotated[str, Meta(min_length=1)]


class Csv(Declaration, frozen=True, kw_only=True):
    """The format of a CSV response. `format="csv"` is `Csv()`.

    Attributes:
        delimiter: The character between fields.
        quote: The character around fields, doubled inside of one. None: no quoting.
        encoding: A Python codec; None is the charset of the Content-Type, or UTF-8. A byte order mark is removed.
        skip: The number of lines before the table.
        header: Whether the first line of the table has the column names.
        columns: The names that a header must have. Without a header, the names of all columns in order.
    """

    delimiter: _Character = ","
    quote: _Character | None = '"'
    encoding: str | None = None
    skip: Annotated[int, Meta(ge=0, le=1000)] = 0
    header: bool = True
    columns: tuple[_Name, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("quote", self.quote != self.delimiter, "another character than the delimiter, or None")
        self._check("columns", len({*self.columns}) == len(self.columns), "names, each once")
        self._check("columns", self.columns or self.header, "the names of all columns, since there is no header")
        self._check("encoding", self.encoding is None or _is_text_codec(self.encoding), "a codec of Python, or None")


def _is_text_codec(name: str) -> bool:
    try:
        return isinstance("".encode(name), bytes) and codecs.lookup(name).name not in ("idna", "punycode")
    except (LookupError, ValueError):
        return False
