"""How an API says where the next page is: pure declarations, each a pair of small methods.

A *cursor* is text that says which page to request; None is the first. It is all that a checkpoint keeps of a page, so a
run goes on from it in another process. Every path is one of `brigade.declarations.path`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta
from msgspec.structs import replace

from brigade.declarations import Declaration
from brigade.declarations.path import Path, parse_path
from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.request import Request, Text, Token, is_header_text


class PageInfo(Protocol):
    """What pagination may look at of a page that came."""

    @property
    def count(self) -> int:
        """The number of records in it."""

    @property
    def reached(self) -> int:
        """The number of records up to its end."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The values at the paths of `Pagination.values`; None where the answer has no value."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""

    @property
    def url(self) -> str:
        """The address that was asked."""

    @property
    def base(self) -> str:
        """The address that answered, after redirects: a relative URL in the answer is relative to this."""


class Pagination(Declaration, frozen=True, kw_only=True):
    """There is one page. The base of all kinds, with what ends the paging of any of them.

    `total`: the path of the number of all records. Reaching it ends. A total that changes on the way, or that the
    records do not make, is an error. `more`: the path of a flag, true while there are more pages. `size`: how many
    records a full page has. `short_page_ends`: a page of fewer than `size` records ends; only for an API that neither
    caps nor filters its pages. `until_empty`: a page without records ends.

    A path that no page of a run has is an error: what the API never says is no end.
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
        """The paths of the answer that are looked at."""
        return tuple(path for path in (self.total, self.more, self.next_path) if path)

    @property
    def next_path(self) -> str | None:
        """The path at which the answer says where the next page is; None: the body does not say it."""
        return None

    @property
    def next_header(self) -> str | None:
        """The header in which the answer says where the next page is; None: no header says it."""
        return None

    @property
    def may_be_absent(self) -> bool:
        """Whether an only page without the next path or header is the last."""
        return False

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Return the request for the page at `cursor`, made from that for the first."""
        return request

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the cursor of the page behind `answer`, which is not known to be the last; None ends."""
        return None

    def is_last(self, answer: PageInfo) -> bool:
        """Return whether the answer itself says that it is the last.

        Raises:
            InvalidData: The flag at `more` is neither true, false, 0, 1 nor null. Null says nothing.
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
    """Pages have numbers: `parameter` carries them, from `first` on, until an empty page unless told otherwise."""

    parameter: Text = "page"
    first: Annotated[int, Meta(ge=0)] = 1
    until_empty: bool = True

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Put the number into the query."""
        return _with_parameter(request, self.parameter, cursor or str(self.first))

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the next number."""
        return str(int(cursor or self.first) + 1)


class Offset(Pagination, frozen=True, kw_only=True):
    """Pages begin at the number of records that came before: `parameter` carries it, until an empty page."""

    parameter: Text = "offset"
    until_empty: bool = True

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Put the offset into the query."""
        return _with_parameter(request, self.parameter, cursor or "0")

    def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
        """Return the offset behind the records that came."""
        return str(int(cursor or 0) + answer.count)


class NextFromAnswer(Pagination, frozen=True, kw_only=True):
    """The base of the kinds whose answer says where the next page is.

    Where the next page is absent, the paging ends once an earlier page of the run had it. Where no page had it, it is
    not known whether the declared name is right: that is an error, unless `absent="end"` declares that the API leaves
    it out on an only page. The object above its path must then be there, or the page must be empty.
    """

    absent: Literal["fail", "end"] = "fail"

    @property
    def may_be_absent(self) -> bool:
        """Whether an only page without the next path or header is the last."""
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
    """An answer carries a token, which the next request gives back; null, false or empty ends.

    The token comes from the body, `at` a path, or from the `header` of that name. It goes to one of the query
    (`parameter`), a header (`to_header`), the JSON body (`to_member`, a path of names) or the path of the URL
    (`in_path`, a path with `{cursor}` where the token goes, percent-encoded).
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
        """Give the token back."""
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
            raise InvalidData(f"the token is {token!r}, which would ask for another path; it is not sent")
        return token


class NextUrlFromAnswer(NextFromAnswer, frozen=True, kw_only=True):
    """The base of the kinds whose answer has the URL of the next page."""

    def apply_cursor(self, request: Request, cursor: str | None) -> Request:
        """Ask for the URL as it came, with nothing added."""
        return request if cursor is None else replace(request, url=cursor, parameters={})


class NextUrl(NextUrlFromAnswer, frozen=True, kw_only=True):
    """The answer has the URL of the next page `at` a path: absolute, or relative to the page's own.

    Null, false or empty ends.
    """

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
    """The header `Link` has the URL of the next page, `rel="next"` (https://www.rfc-editor.org/rfc/rfc8288).

    A header without `next` ends.
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
