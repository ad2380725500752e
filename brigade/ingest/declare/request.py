"""A request to an API, as a source declares it and pagination changes it, and the response and its page."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeAlias

from msgspec import Meta, Struct

from brigade.declarations import Declaration

Text = Annotated[str, Meta(min_length=1)]
Parameters: TypeAlias = Mapping[str, str | int | Sequence[str | int]]
"""Query parameters, not encoded. A sequence repeats its name: `{"status": ["a", "b"]}` is `status=a&status=b`."""
Token = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", description="the name of a header")]
_HEADER_TEXT = r"^[\t -~\x80-\xff]*\Z"
HeaderText = Annotated[str, Meta(pattern=_HEADER_TEXT, description="text of Latin-1 without line ends")]


class Request(Declaration, frozen=True, kw_only=True):
    """A request to an API. `url` is absolute, or a path from `/` with an optional query."""

    url: str
    parameters: Parameters = {}  # noqa: RUF012 - msgspec copies it, as of any Mapping
    headers: Mapping[Token, HeaderText] = {}
    body: Mapping[str, Any] | None = None


class Response(Struct, frozen=True):
    """The response to a request for a page: its decompressed body and its headers.

    Attributes:
        body: Bytes, or None if the body is read as a stream.
        headers: The response headers. Names are case-insensitive for an API.
        url: The requested URL, without credentials.
        ignored: True if a rule of the source says that the page is empty and the last.
        base: The URL that answered, after redirects. Empty if that is `url`.
    """

    body: Any
    headers: Mapping[str, str]
    url: str
    ignored: bool = False
    base: str = ""


class PageInfo(Protocol):
    """The part of a fetched page that decides about the next one."""

    @property
    def count(self) -> int:
        """The number of records in the page."""

    @property
    def reached(self) -> int:
        """The number of records up to the end of the page."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The values at the paths of `Pagination.values`; None where the response has none."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers."""

    @property
    def url(self) -> str:
        """The requested URL."""

    @property
    def base(self) -> str:
        """The URL that responded, after redirects: the base of relative URLs in the response."""


def is_header_text(text: str) -> bool:
    """Return whether a header can have this value (https://www.rfc-editor.org/rfc/rfc9110#section-5.5)."""
    return re.search(_HEADER_TEXT, text) is not None


def format_parameters(declared: Parameters) -> dict[str, str | tuple[str, ...]]:
    """Return query parameters with every value as text."""
    return {
        name: str(value) if isinstance(value, str | int) else tuple(map(str, value)) for name, value in declared.items()
    }
