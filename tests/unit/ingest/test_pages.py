"""From page to page, with guards that fail rather than end early."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.ingest.declare.pagination import Pagination
from brigade.ingest.declare.request import Response
from brigade.ingest.read.pages import read_pages
from brigade.ingest.state.checkpoint import Checkpoint
from tests.unit.ingest.api import source

START = Checkpoint(write="w", ts="t")


class Chain:
    """An API whose pages say which comes next."""

    requests = retries = bytes_in = 0
    waited_s = 0.0

    def __init__(self, chain: Mapping[str | None, str | None]) -> None:
        self.chain = chain

    def page(self, cursor: str | None) -> Response:
        return Response(json.dumps({"rows": [{"of": cursor}], "next": self.chain[cursor]}).encode(), {}, "http://api/")

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Response]:
        raise NotImplementedError

    def address(self, cursor: str | None) -> str:
        return f"/{cursor}"

    def close(self) -> None:
        pass


def walked(chain: Mapping[str | None, str | None], start: Checkpoint = START, **changes: Any) -> list[str | None]:
    steps = read_pages(source(**changes), Chain(chain), start)
    return [json.loads(bytes(step.page.records[0]))["of"] for step in steps]


def test_it_follows_the_tokens_until_there_is_none() -> None:
    assert walked({None: "a", "a": "b", "b": None}) == [None, "a", "b"]


def test_a_source_without_a_token_has_one_page() -> None:
    assert walked({None: "a"}, pagination=Pagination()) == [None]


@pytest.mark.parametrize(
    ("chain", "number"),
    [({None: "a", "a": "a"}, 2), ({None: "a", "a": "b", "b": "a"}, 3)],
)
def test_a_circle_is_an_error_that_names_the_page(chain: Mapping[str | None, str | None], number: int) -> None:
    with pytest.raises(InvalidData, match=rf"page {number} .*token of an earlier page"):
        walked(chain)


def test_a_circle_that_began_in_an_earlier_invocation_is_found() -> None:
    chain = {None: "a", "a": "b", "b": "a"}
    steps = read_pages(source(), Chain(chain), START)
    next(steps)
    step = next(steps)
    resumed = Checkpoint(write="w", ts="t", next=step.next, seen=step.seen, pages=2)
    with pytest.raises(InvalidData, match=r"page 3 .*token of an earlier page"):
        walked(chain, resumed)


def test_the_page_limit_with_more_to_come_is_an_error() -> None:
    with pytest.raises(InvalidData, match=r"page 2 .*limit of 2 pages"):
        walked({None: "a", "a": "b", "b": None}, page_limit=2)


def test_the_page_limit_with_nothing_more_to_come_is_none() -> None:
    assert walked({None: "a", "a": None}, page_limit=2) == [None, "a"]
