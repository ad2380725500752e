"""The HTTP header `Link`, parsed by the grammar of RFC 8288 (https://www.rfc-editor.org/rfc/rfc8288#section-3)."""

import re
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import msgspec

from brigade.errors import InvalidData

_SPACE = r"[ \t]*"
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - token is the word of the RFC
_TARGET = re.compile(rf"{_SPACE}<([^<>\s\"]*)>{_SPACE}")
# A value that is no quoted string ends at ; or , as in the parsing algorithm of appendix B.3, which takes more than
# the grammar: URLs without quotes are common.
_PARAMETER = re.compile(
    rf";{_SPACE}(?:({_TOKEN}){_SPACE}(?:={_SPACE}(?:\"((?:[^\"\\]|\\.)*)\"|([^\";,]*)){_SPACE})?)?", re.DOTALL
)
_SEPARATOR = re.compile(rf"(?:{_SPACE},)+{_SPACE}|{_SPACE}$")
_EMPTY = re.compile(r"[ \t,]*")


class Link(msgspec.Struct, frozen=True):
    """A link: its target, a URI reference, and its parameters. The first of repeated parameters counts."""

    target: str
    parameters: Mapping[str, str | None]

    @property
    def relations(self) -> tuple[str, ...]:
        """The relation types in lower case, without the single quotes of `'next'`, which the RFC does not allow."""
        return tuple((self.parameters.get("rel") or "").strip("' \t").lower().split())


def parse_links(header: str, place: str) -> tuple[Link, ...]:
    """Return the links of a header, or of several joined by commas, in order.

    Raises:
        InvalidData: The header does not follow the grammar. The line names the place and the character.
    """
    links: list[Link] = []
    position = _end(_EMPTY, header, 0)
    while position < len(header):
        target = _TARGET.match(header, position)
        if target is None:
            raise _unreadable(header, position, place)
        position = target.end()
        parameters: dict[str, str | None] = {}
        while found := _PARAMETER.match(header, position):
            position = found.end()
            if found[1]:
                quoted = None if found[2] is None else re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL)
                plain = None if found[3] is None else found[3].strip(" \t")
                parameters.setdefault(found[1].lower(), plain if quoted is None else quoted)
        separator = _SEPARATOR.match(header, position)
        if separator is None:
            raise _unreadable(header, position, place)
        position = separator.end()
        links.append(Link(target[1], parameters))
    return tuple(links)


def next_target(header: str, url: str, place: str) -> str | None:
    """Return the target of the link with `rel=next`, or None if the header has none.

    Args:
        url: The requested URL, to compare with an `anchor`.
        place: The name of the page in errors.

    Raises:
        InvalidData: The header names `next` and cannot be read, names two different next pages, or names only the next
            page of another resource (`anchor`).
    """
    from urllib.parse import urldefrag, urljoin

    if "next" not in header.lower():
        return None
    links = [link for link in parse_links(header, place) if "next" in link.relations]
    own = [link for link in links if urljoin(url, link.parameters.get("anchor") or "") == urldefrag(url)[0]]
    targets = {link.target for link in own}
    if len(targets) > 1:
        raise InvalidData(f"{place}: the header Link names {len(targets)} different next pages")
    if links and not own:
        raise InvalidData(f"{place}: the header Link names the next page of another resource only (anchor)")
    return targets.pop() if targets else None


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _unreadable(header: str, position: int, place: str) -> InvalidData:
    return InvalidData(
        f"{place}: the header Link cannot be read from character {position + 1} of {len(header)} on (RFC 8288)"
    )


def next_url(url: str, *, base: str, asked: str) -> str:
    """Return the absolute URL of the next page.

    Args:
        base: The URL that answered, after redirects: what `url` is relative to.
        asked: The requested URL. Only its host may get the credentials.

    Raises:
        InvalidData: The next page is on another host. The line shows no path, query or user, which may hold a secret.

    Source: https://www.rfc-editor.org/rfc/rfc3986#section-5.1.3
    """
    joined = urljoin(base, url)
    there, here = urlsplit(joined), urlsplit(asked)
    if there[:2] != here[:2]:
        hosts = [f"{each.scheme}://{each.netloc.rpartition('@')[2]}" for each in (there, here)]
        raise InvalidData(
            f"the API names a next page on {hosts[0]}, which is another host than {hosts[1]}: it is not requested"
        )
    return joined
