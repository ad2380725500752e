"""From page to page, with guards that fail rather than end early."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.ingest.checkpoint import Checkpoint
from brigade.ingest.walk import walk
from tests.unit.ingest.api import source

START = Checkpoint(write="w", ts="t")


def tokens(chain: Mapping[str | None, str | None]) -> Callable[[str | None], bytes]:
    return lambda token: json.dumps({"rows": [{"of": token}], "next": chain[token]}).encode()


def walked(chain: Mapping[str | None, str | None], start: Checkpoint = START, **changes: Any) -> list[str | None]:
    pages = walk(source(**changes), tokens(chain), lambda token: f"/{token}", start)
    return [json.loads(bytes(page.records[0]))["of"] for page, _ in pages]


def test_it_follows_the_tokens_until_there_is_none() -> None:
    assert walked({None: "a", "a": "b", "b": None}) == [None, "a", "b"]


def test_a_source_without_a_token_has_one_page() -> None:
    assert walked({None: "a"}, token=None, token_parameter=None) == [None]


@pytest.mark.parametrize(
    ("chain", "number"),
    [({None: "a", "a": "a"}, 2), ({None: "a", "a": "b", "b": "a"}, 3)],
)
def test_a_circle_is_an_error_that_names_the_page(chain: Mapping[str | None, str | None], number: int) -> None:
    with pytest.raises(InvalidData, match=rf"page {number} .*circle"):
        walked(chain)


def test_a_circle_that_began_in_an_earlier_invocation_is_found() -> None:
    chain = {None: "a", "a": "b", "b": "a"}
    pages = walk(source(), tokens(chain), str, START)
    next(pages)
    page, seen = next(pages)
    resumed = Checkpoint(write="w", ts="t", next=page.token, seen=seen, pages=2)
    with pytest.raises(InvalidData, match=r"page 3 .*circle"):
        walked(chain, resumed)


def test_the_page_limit_with_more_to_come_is_an_error() -> None:
    with pytest.raises(InvalidData, match=r"page 2 .*limit of 2 pages"):
        walked({None: "a", "a": "b", "b": None}, page_limit=2)


def test_the_page_limit_with_nothing_more_to_come_is_none() -> None:
    assert walked({None: "a", "a": None}, page_limit=2) == [None, "a"]
