"""How an API says where the next page is: pure declarations, each a pair of small methods.

A *cursor* is text that says which page to ask for; None is the first. It is all that a checkpoint keeps of a page, so a
run goes on from it in another process.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from brigade.errors import InvalidData, SettingsError


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an API. ``url`` is absolute, or a path from ``/`` on, which may have a query of its own."""

    url: str
    parameters: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = None


class Answer(Protocol):
    """What pagination may look at of a page that came."""

    @property
    def count(self) -> int:
        """The number of records in it."""

    @property
    def reached(self) -> int:
        """The number of records up to its end."""

    @property
    def values(self) -> Mapping[str, Any]:
        """What was found at the paths of ``Pagination.values``."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""

    @property
    def url(self) -> str:
        """The address that was asked."""


class Pagination(msgspec.Struct, frozen=True, kw_only=True):
    """There is one page. The base of all kinds, with what ends the paging of any of them.

    ``total``: where the number of all records is in the answer, dotted; reaching it ends, and a total that changes on
    the way, or that the records do not make, is an error. ``more``: where a flag is that says whether there is more.
    ``size``: how many records a full page has; a shorter one ends. ``until_empty``: a page without records ends.
    """

    total: str | None = None
    more: str | None = None
    size: int | None = None
    until_empty: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """The paths of the answer that are looked at."""
        return tuple(path for path in (self.total, self.more) if path)

    def ask(self, request: Request, cursor: str | None) -> Request:
        """Give the request for the page at ``cursor``, made from that for the first."""
        return request

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Give the cursor of the page behind ``answer``, which is not known to be the last; None ends."""
        return None

    def over(self, answer: Answer) -> bool:
        """Say whether the answer itself says that it is the last."""
        if self.total and (total := answer.values[self.total]) is not None and answer.reached >= total:
            return True
        if self.more and not answer.values[self.more]:
            return True
        if self.size and answer.count < self.size:
            return True
        return self.until_empty and answer.count == 0


class PageNumber(Pagination, frozen=True, kw_only=True):
    """Pages have numbers: ``parameter`` carries them, from ``first`` on, until an empty page unless told otherwise."""

    parameter: str = "page"
    first: int = 1
    until_empty: bool = True

    def ask(self, request: Request, cursor: str | None) -> Request:
        """Put the number into the query."""
        return _with_parameter(request, self.parameter, cursor or str(self.first))

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Count on."""
        return str(int(cursor or self.first) + 1)


class Offset(Pagination, frozen=True, kw_only=True):
    """Pages begin at the number of records that came before: ``parameter`` carries it."""

    parameter: str = "offset"
    until_empty: bool = True

    def ask(self, request: Request, cursor: str | None) -> Request:
        """Put the offset into the query."""
        return _with_parameter(request, self.parameter, cursor or "0")

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Go on behind the records that came."""
        return str(int(cursor or 0) + answer.count)


class Cursor(Pagination, frozen=True, kw_only=True):
    """An answer carries a token, which the next request gives back; absent, null or empty ends.

    It comes from the body, ``at`` a dotted path, or from the ``header`` of that name; it goes to one of the query
    (``parameter``), a header (``to_header``), the JSON body (``to_member``, a dotted path) or the path of the URL
    (``in_path``, a path with ``{cursor}`` where the token goes, percent-encoded).
    """

    at: str | None = None
    header: str | None = None
    parameter: str | None = None
    to_header: str | None = None
    to_member: str | None = None
    in_path: str | None = None

    def __post_init__(self) -> None:
        if (self.at is None) == (self.header is None):
            raise SettingsError("Cursor takes exactly one of at and header, where the token comes from")
        places = (self.parameter, self.to_header, self.to_member, self.in_path)
        if sum(place is not None for place in places) != 1:
            raise SettingsError(
                "Cursor takes exactly one of parameter, to_header, to_member, in_path, where the token goes"
            )

    @property
    def values(self) -> tuple[str, ...]:
        """The paths of the answer that are looked at."""
        return (*super().values, *([self.at] if self.at else []))

    def ask(self, request: Request, cursor: str | None) -> Request:
        """Give the token back."""
        if cursor is None:
            return request
        if self.parameter:
            return _with_parameter(request, self.parameter, cursor)
        if self.to_header:
            return replace(request, headers={**request.headers, self.to_header: cursor})
        if self.to_member:
            return replace(request, body=_with_member(request.body or {}, self.to_member.split("."), cursor))
        from urllib.parse import quote

        return replace(request, url=(self.in_path or "").replace("{cursor}", quote(cursor, safe="")))

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Find the token."""
        found = answer.values[self.at] if self.at else answer.headers.get(self.header or "")
        if isinstance(found, bool | float):
            raise InvalidData(f"the token at {self.at} is {found!r}; it must be text or a whole number")
        return None if found is None or found == "" else str(found)


class NextUrl(Pagination, frozen=True, kw_only=True):
    """The answer has the URL of the next page ``at`` a dotted path: absolute, or relative to the page's own."""

    at: str

    @property
    def values(self) -> tuple[str, ...]:
        """The paths of the answer that are looked at."""
        return (*super().values, self.at)

    def ask(self, request: Request, cursor: str | None) -> Request:
        """Ask for the URL as it came, with nothing added."""
        return request if cursor is None else replace(request, url=cursor, parameters={})

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Find the URL."""
        return _joined(answer.url, answer.values[self.at])


class LinkHeader(Pagination, frozen=True, kw_only=True):
    """The header ``Link`` has the URL of the next page, ``rel="next"`` (https://www.rfc-editor.org/rfc/rfc8288)."""

    def ask(self, request: Request, cursor: str | None) -> Request:
        """Ask for the URL as it came, with nothing added."""
        return request if cursor is None else replace(request, url=cursor, parameters={})

    def following(self, cursor: str | None, answer: Answer) -> str | None:
        """Find the URL."""
        for url, parameters in re.findall(
            r"<([^>]*)>((?:\s*;\s*[^;,\s=]+\s*=\s*(?:\"[^\"]*\"|[^;,\s\"]+))*)", answer.headers.get("Link", "")
        ):
            relation = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^;,\s\"]+))", parameters, re.IGNORECASE)
            if relation and "next" in (relation[1] or relation[2] or "").lower().split():
                return _joined(answer.url, url)
        return None


def _with_parameter(request: Request, name: str, value: str) -> Request:
    return replace(request, parameters={**request.parameters, name: value})


def _with_member(body: Mapping[str, Any], path: list[str], value: str) -> dict[str, Any]:
    name, *rest = path
    return {**body, name: _with_member(body.get(name, {}), rest, value) if rest else value}


def _joined(base: str, url: object) -> str | None:
    from urllib.parse import urljoin, urlsplit

    if not url:
        return None
    joined = urljoin(base, str(url))
    if urlsplit(joined)[:2] != urlsplit(base)[:2]:
        raise InvalidData(f"the next page is said to be {joined}, on another host than {base}: it is not asked")
    return joined
