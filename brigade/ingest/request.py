"""A request to an API, as a source declares it and pagination changes it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from msgspec import Meta

from brigade.declarations import Declaration

Text = Annotated[str, Meta(min_length=1)]
Parameters: TypeAlias = Mapping[str, str | int | Sequence[str | int]]
"""Query parameters, not yet encoded. A sequence repeats its name: `{"status": ["a", "b"]}` is `status=a&status=b`."""
Token = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", description="the name of a header")]
HeaderText = Annotated[str, Meta(pattern=r"^[^\r\n\0]*$", description="text without line ends")]


class Request(Declaration, frozen=True, kw_only=True):
    """A request to an API. `url` is absolute, or a path from `/` on, which may have a query of its own."""

    url: str
    parameters: Parameters = {}  # noqa: RUF012 - msgspec copies it, as of any Mapping
    headers: Mapping[Token, HeaderText] = {}
    body: Mapping[str, Any] | None = None


def as_text(declared: Parameters) -> dict[str, str | tuple[str, ...]]:
    """Return query parameters with every value as text."""
    return {
        name: str(value) if isinstance(value, str | int) else tuple(map(str, value)) for name, value in declared.items()
    }
