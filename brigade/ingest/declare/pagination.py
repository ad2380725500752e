"""The kinds of pagination: how to find the next page.

A *cursor* is text that identifies the page to request; None is the first page. A checkpoint stores only the cursor, so
that another process can continue. Paths are those of `brigade.declarations.path`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace

from brigade.declarations import Declaration
from brigade.declarations.path import Path, parse_path
from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.request import PageInfo, Request, Text, Token, is_header_text


class Pagination(Declaration, frozen=True, kw_only=True):
    """A single page; the base class of all kinds.

    A path that no page of a run has is an error, because a wrong path looks the same.

    Attributes:
        total: The path of the number of all records. Reaching it ends. A change or another number is an error.
        more: The path of a flag that is true while there are more pages.
        size: The number of records of a full page.
        short_page_ends: Whether a page of fewer than `size` records is the last. Only for an API that neither caps nor
            filters its pages.
        until_empty: Whether a page without records is the last.
    """

    total: str | None = None
    more: str | None = None
    size: Annotated[int, Meta(ge=1)] | None = None
    short_page_ends: bool = False
    until_empty: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("short_page_ends", self.size or not self.short_page_ends, "False, or True beside a size")
        for path in self.values:
            parse_path(path)

    @property
    def values(self) -> tuple[str, ...]:
        """The paths that are read from a response."""
        return tuple(path for path in (self.total, self.more, self.next_path) if path)

    @property
    def next_path(self) -> str | None:
        """The path of the next cursor or URL in the body; None: it is not in the body."""
        return None

    @property
    def next_header(self) -> str | None:
        """The header with the next cursor or URL; None: no header has it."""
        return None

    @property
    def may_be_absent(self) -> bool:
        """True if a first page without the next path or header is the last."""
        return False

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Return the request for the page at `cursor`, made from the `request` for the first page."""
        return request

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the cursor of the page after `answer`; None ends."""
        return None

    def is_last(self, answer: PageInfo) -> bool:
        """Return whether the response says that it is the last page.

        Raises:
            InvalidData: The flag at `more` is neither true, false, 0, 1 nor null. Null is no answer.
        """
        if self._is_total_reached(answer):
            return True
        if self.more and (more := answer.values[self.more]) is not None:
            if more not in (0, 1) or isinstance(more, float):
                raise InvalidData(f"the flag at {self.more} is {type(more).__name__}; it must be true or false")
            if not more:
                return True
        if self.size and self.short_page_ends and answer.count < self.size:
            return True
        return self.until_empty and answer.count == 0

    def _is_total_reached(self, answer: PageInfo) -> bool:
        total = answer.values[self.total] if self.total else None
        return total is not None and answer.reached >= total


class PageNumber(Pagination, frozen=True, kw_only=True):
    """Numbered pages: the query parameter `parameter`, starting at `first`, until an empty page by default."""

    parameter: Text = "page"
    first: Annotated[int, Meta(ge=0)] = 1
    until_empty: bool = True

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Return the request with the page number in the query."""
        return _with_parameter(request, self.parameter, cursor or str(self.first))

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the next page number."""
        return str(int(cursor or self.first) + 1)


class Offset(Pagination, frozen=True, kw_only=True):
    """Pages at record offsets: the query parameter `parameter`, until an empty page by default."""

    parameter: Text = "offset"
    until_empty: bool = True

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Return the request with the offset in the query."""
        return _with_parameter(request, self.parameter, cursor or "0")

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the offset after the records of this page."""
        return str(int(cursor or 0) + answer.count)


class NextFromAnswer(Pagination, frozen=True, kw_only=True):
    """The base class of the kinds whose response has the next cursor or URL.

    Its absence ends the paging if an earlier page had it. If no page had it, its name may be wrong: that is an error,
    unless `absent="end"` declares that an only page has none. Then its parent object must exist, or the page is empty.
    """

    absent: Literal["fail", "end"] = "fail"

    @property
    def may_be_absent(self) -> bool:
        """True if a first page without the next path or header is the last."""
        return self.absent == "end"

    def _is_total_reached(self, answer: PageInfo) -> bool:
        """Return False where a next page is named beside the last records of the total: it must be seen to be empty.

        A total that counts the records of one page is reached by the first page.
        """
        if not super()._is_total_reached(answer):
            return False
        is_more = self.total is not None and answer.reached > answer.values[self.total]
        return is_more or not answer.count or self.next_cursor(None, answer) is None


class Cursor(NextFromAnswer, frozen=True, kw_only=True):
    """A token in the response, which the next request sends. Null, false or empty ends.

    It takes one of `at` and `header`, its place in the response, and one of the others, its place in the request.

    Attributes:
        at: The path of the token in the body.
        header: The response header with the token.
        parameter: The query parameter that carries the token.
        to_header: The request header that carries the token.
        to_member: The path, of names only, in the JSON body.
        in_path: The URL path, with `{cursor}` in place of the percent-encoded token.
    """

    at: Text | None = None
    header: Token | None = None
    parameter: Text | None = None
    to_header: Token | None = None
    to_member: Text | None = None
    in_path: Annotated[str, Meta(pattern=r"^/.*\{cursor\}", description="a path with {cursor} in it")] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.at is None) == (self.header is None):
            raise SettingsError("Cursor takes exactly one of at and header, where the token comes from")
        places = (self.parameter, self.to_header, self.to_member, self.in_path)
        if sum(place is not None for place in places) != 1:
            raise SettingsError(
                "Cursor takes exactly one of parameter, to_header, to_member, in_path, where the token goes"
            )
        to_member = parse_path(self.to_member or "")
        self._check("to_member", not any(isinstance(step, int) for step in to_member), "a path of names only")

    @property
    def next_path(self) -> str | None:
        """The path of the token."""
        return self.at

    @property
    def next_header(self) -> str | None:
        """The header of the token."""
        return self.header

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Return the request with the token."""
        if cursor is None:
            return request
        if self.parameter:
            return _with_parameter(request, self.parameter, cursor)
        if self.to_header:
            return replace(request, headers={**request.headers, self.to_header: cursor})
        if self.to_member:
            return replace(request, body=_with_member(request.body or {}, parse_path(self.to_member), cursor))
        from urllib.parse import quote

        return replace(request, url=(self.in_path or "").replace("{cursor}", quote(cursor, safe="")))

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the token."""
        found = answer.values[self.at] if self.at else answer.headers.get(self.header or "")
        if _is_end(found):
            return None
        if isinstance(found, bool | float):
            raise InvalidData(f"the token at {self.at} is {found!r}; it must be text or a whole number")
        token = str(found)
        if self.to_header and not is_header_text(token):
            raise InvalidData("the token has characters that no header can have; it is not sent")
        if self.in_path and token in (".", ".."):
            raise InvalidData(f"the token is {token!r}, which would change the path of the request; it is not sent")
        return token


class NextUrlFromAnswer(NextFromAnswer, frozen=True, kw_only=True):
    """The base class of the kinds whose response has the URL of the next page."""

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Return the request for the URL of the response, without further parameters."""
        return request if cursor is None else replace(request, url=cursor, parameters={})


class NextUrl(NextUrlFromAnswer, frozen=True, kw_only=True):
    """The URL of the next page `at` a path of the response, absolute or relative. Null, false or empty ends."""

    at: Text

    @property
    def next_path(self) -> str | None:
        """The path of the URL."""
        return self.at

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the URL."""
        found = answer.values[self.at]
        if _is_end(found):
            return None
        if not isinstance(found, str):
            raise InvalidData(f"the URL at {self.at} is {found!r}; it must be text")
        from brigade.ingest.declare.links import next_url

        return next_url(found, base=answer.base, asked=answer.url)


class LinkHeader(NextUrlFromAnswer, frozen=True, kw_only=True):
    """The URL of the next page in the header `Link`, `rel="next"`. A header without `next` ends.

    Source: https://www.rfc-editor.org/rfc/rfc8288
    """

    @property
    def next_header(self) -> str | None:
        """The header of the URL."""
        return "Link"

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the URL."""
        from brigade.ingest.declare.links import next_target, next_url

        target = next_target(answer.headers.get("Link", ""), answer.base, "the answer")
        return None if target is None else next_url(target, base=answer.base, asked=answer.url)


def _is_end(found: object) -> bool:
    return found is None or found is False or found == ""


def _with_parameter(request: Request, name: str, value: str) -> Request:
    return replace(request, parameters={**request.parameters, name: value})


def _with_member(body: Mapping[str, Any], path: Path, value: str) -> dict[str, Any]:
    name, *rest = (str(step) for step in path)
    inner = body.get(name, {})
    if rest and not isinstance(inner, Mapping):
        raise SettingsError(f"the body has no object at {name!r} for the token to go into")
    return {**body, name: _with_member(inner, tuple(rest), value) if rest else value}
