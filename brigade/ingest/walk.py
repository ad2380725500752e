"""From page to page by the API's token, with guards that fail loudly rather than end early."""

import hashlib
from collections.abc import Callable, Iterator

from brigade.errors import InvalidData
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.source import Source
from brigade.jsonl.page import Page, split


def walk(
    source: Source,
    fetch: Callable[[str | None], bytes | bytearray],
    address: Callable[[str | None], str],
    start: Checkpoint,
) -> Iterator[tuple[Page, tuple[str, ...]]]:
    """Give the pages behind ``start`` in order, each with the digests of all tokens met until then.

    Memory: one page. Fails with InvalidData, naming the page, when there are more than ``source.page_limit`` pages,
    when a token was met before (A → A as well as A → B → A), or when a page is not what the source declares.
    """
    token, seen, number = start.next, start.seen, start.pages
    while True:
        number += 1
        place = f"page {number} ({address(token)})"
        page = split(fetch(token), records=source.records, token=source.token, place=place)
        if page.token is not None:
            mark = hashlib.sha256(page.token.encode()).hexdigest()[:16]
            if mark in seen:
                raise InvalidData(f"{place}: the token of the next page was met before: the API goes in a circle")
            if number >= source.page_limit:
                raise InvalidData(
                    f"{place}: the limit of {source.page_limit} pages is reached and there are more; "
                    "raise page_limit of the source if that is right"
                )
            seen = (*seen, mark)
        token = page.token
        yield page, seen
        if token is None:
            return
        del page  # the next is fetched only when this one's bytes are free
