"""Every way to say where the next page is, against a real HTTP server, and the guards on the way."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.pagination import Cursor, LinkHeader, NextUrl, Offset, PageNumber, Pagination
from brigade.ingest.declare.request import PageInfo, Request, Response
from brigade.ingest.read.pages import read_pages
from brigade.ingest.state.checkpoint import Checkpoint
from tests.unit.ingest.api import Answer, Server, api, serving, source

START = Checkpoint(write="w", ts="t")


def body(**members: Any) -> Answer:
    return Answer(json.dumps(members).encode())


def taken(server: Server, pagination: Pagination, start: Checkpoint = START, **changes: Any) -> list[int]:
    declared = source(pagination=pagination, **changes)
    steps = read_pages(declared, api(server, declared), start)
    return [json.loads(bytes(record))["n"] for step in steps for record in step.page.records]


def numbered(query: dict[str, str], name: str, pages: list[list[int]], first: int = 1, **more: Any) -> Answer:
    number = int(query[name]) - first
    rows = pages[number] if number < len(pages) else []
    return body(rows=[{"n": n} for n in rows], **more)


@pytest.mark.parametrize(
    ("declared", "first", "asked"),
    [
        (PageNumber(), 1, 3),
        (PageNumber(parameter="p", first=0), 0, 3),
        (PageNumber(size=2), 1, 3),
        (PageNumber(size=2, short_page_ends=True), 1, 2),
        (PageNumber(total="total"), 1, 2),
        (PageNumber(more="more"), 1, 1),
    ],
)
def test_page_numbers(declared: PageNumber, first: int, asked: int) -> None:
    pages = [[1, 2], [3]]

    def answer(_: int, query: dict[str, str]) -> Answer:
        return numbered(query, declared.parameter, pages, first, total=3, more=False)

    with serving(answer) as server:
        assert taken(server, declared) == ([1, 2] if declared.more else [1, 2, 3])
    assert [query[declared.parameter] for query in server.queries] == [str(first + n) for n in range(asked)]


def test_offsets_count_the_records_that_came() -> None:
    def answer(_: int, query: dict[str, str]) -> Answer:
        offset = int(query["offset"])
        return body(rows=[{"n": n} for n in range(offset, min(offset + 2, 5))])

    with serving(answer) as server:
        assert taken(server, Offset()) == [0, 1, 2, 3, 4]
    assert [query["offset"] for query in server.queries] == ["0", "2", "4", "5"]


def chained(_: int, query: dict[str, str]) -> Answer:
    number = int(query.get("c", "0"))
    headers = {"X-Next": str(number + 1)} if number < 2 else {}
    return Answer(json.dumps({"rows": [{"n": number}]}).encode(), headers=headers)


def test_a_cursor_from_a_header() -> None:
    with serving(chained) as server:
        assert taken(server, Cursor(header="X-Next", parameter="c")) == [0, 1, 2]


def test_a_cursor_goes_to_header_body_and_path() -> None:
    asked: list[tuple[str, str | None, bytes]] = []

    def answer(number: int, _: dict[str, str]) -> Answer:
        request = server.requests[-1]
        asked.append((request.path, request.headers.get("X-After"), request.body))
        return body(rows=[{"n": number}], next=f"a/{number}" if number % 2 else None)

    with serving(answer) as server:
        assert taken(server, Cursor(at="next", to_header="X-After")) == [1, 2]
        assert taken(server, Cursor(at="next", to_member="page.after"), method="POST", body={"q": 1}) == [3, 4]
        assert taken(server, Cursor(at="next", in_path="/records/{cursor}")) == [5, 6]
    assert [each[1] for each in asked[:2]] == [None, "a/1"]
    assert [json.loads(each[2]) for each in asked[2:4]] == [{"q": 1}, {"q": 1, "page": {"after": "a/3"}}]
    assert [each[0] for each in asked[4:]] == ["/records", "/records/a%2F5"]


@pytest.mark.parametrize("relative", [True, False])
def test_a_url_in_the_body_or_the_link_header(relative: bool) -> None:
    def answer(number: int, query: dict[str, str]) -> Answer:
        following = f"{'' if relative else server.url}/records?page=x%20{number}"
        link = f'<{server.url}/first>; rel="first", <{following}>; title="a, b"; rel="next"'
        rows = {"rows": [{"n": number}], "links": {"next": following if number < 3 else None}}
        return Answer(json.dumps(rows).encode(), headers={"Link": link} if number < 3 else {})

    for declared in (NextUrl(at="links.next"), LinkHeader()):
        with serving(answer) as server:
            assert taken(server, declared, parameters={"size": "2"}) == [1, 2, 3]
        assert server.queries == [{"size": "2"}, {"page": "x 1"}, {"page": "x 2"}]


def test_a_next_page_on_another_host_is_not_asked() -> None:
    with (
        serving(lambda *_: body(rows=[{"n": 1}], next="http://evil.example/x")) as server,
        pytest.raises(InvalidData, match="which is another host than"),
    ):
        taken(server, NextUrl(at="next"))


@pytest.mark.parametrize(
    ("declared", "answer", "said"),
    [
        (
            PageNumber(total="total"),
            lambda n, _: body(rows=[{"n": n}], total=9 + n),
            r"page 2 .*the total was 10 and is 11 now",
        ),
        (
            PageNumber(total="total"),
            lambda n, _: body(rows=[{"n": n}] if n < 3 else [], total=5),
            r"page 3 .*ends at 2 records, but the API reports 5",
        ),
        (PageNumber(total="total"), lambda n, _: body(rows=[], total="many"), r"the total at total is 'many'"),
        (PageNumber(), lambda *_: body(rows=[{"n": 1}]), r"page 2 .*the same as the page before, byte for byte"),
        (
            Cursor(at="next", parameter="c", more="more"),
            lambda *_: body(rows=[{"n": 1}], more=True),
            "next position is missing",
        ),
    ],
)
def test_a_guard_names_the_page(
    declared: Pagination, answer: Callable[[int, dict[str, str]], Answer], said: str
) -> None:
    with serving(answer) as server, pytest.raises(InvalidData, match=said):
        taken(server, declared)


def test_new_tokens_without_records_go_nowhere() -> None:
    with (
        serving(lambda n, _: body(rows=[], next=n)) as server,
        pytest.raises(InvalidData, match=r"only empty pages for 0 s"),
    ):
        taken(server, Cursor(at="next", parameter="c"), stall_s=0.0)


def test_a_resumed_run_still_knows_total_and_last_page() -> None:
    def answer(_: int, query: dict[str, str]) -> Answer:
        return body(rows=[{"n": 1}], total=7)

    with serving(answer) as server:
        declared = source(pagination=PageNumber(total="total"))
        first = next(read_pages(declared, api(server, declared), START))
        resumed = Checkpoint(write="w", ts="t", next=first.next, seen=first.seen, mark=first.mark, pages=1, records=1)
        with pytest.raises(InvalidData, match=r"page 2 .*the same as the page before"):
            taken(server, declared.pagination, resumed)


def test_a_source_may_say_itself_what_comes_next() -> None:
    from brigade.ingest.declare.api_source import ApiSource

    class Months(ApiSource, frozen=True, kw_only=True):
        def request(self, cursor: str | None) -> Request:
            return Request(url=self.path, parameters={"month": cursor or "1"})

        def next_cursor(self, cursor: str | None, answer: PageInfo) -> str | None:
            return None if cursor == "3" else str(int(cursor or 1) + 1)

        def transform_record(self, record: dict[str, Any]) -> dict[str, Any] | None:
            return record | {"n": -record["n"]}

    declared = Months(base_url="http://h", path="/records", records="rows", schedule="rate(1 day)")
    assert declared.changes_records
    with serving(lambda n, _: body(rows=[{"n": n}])) as server:
        steps = list(read_pages(declared, api(server, declared), START))
    assert [query["month"] for query in server.queries] == ["1", "2", "3"]
    assert [step.next for step in steps] == ["2", "3", None]


def test_a_source_may_fetch_a_page_itself_by_several_requests() -> None:
    from brigade.ingest.declare.api_source import ApiSource

    class Details(ApiSource, frozen=True, kw_only=True):
        def page(self, ask: Callable[[Request], Response], cursor: str | None) -> Response:
            ids = json.loads(ask(self.request(cursor)).body)["ids"]
            rows = [json.loads(ask(Request(url=f"/records/{each}")).body) for each in ids]
            return Response(json.dumps({"rows": rows}).encode(), {}, self.path)

    def answer(number: int, query: dict[str, str]) -> Answer:
        return body(ids=[1, 2]) if server.requests[-1].path == "/records" else body(path=server.requests[-1].path)

    declared = Details(base_url="http://h", path="/records", records="rows", schedule="rate(1 day)")
    with serving(answer) as server:
        asker = api(server, declared)
        (step,) = read_pages(declared, asker, START)
    assert [json.loads(bytes(raw))["path"] for raw in step.page.records] == ["/records/1", "/records/2"]
    assert asker.requests == 3


@pytest.mark.parametrize(
    "wrong",
    [{}, {"at": "a"}, {"at": "a", "header": "b", "parameter": "c"}, {"at": "a", "parameter": "b", "to_header": "c"}],
)
def test_a_cursor_comes_from_one_place_and_goes_to_one(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="exactly one"):
        Cursor(**wrong)  # type: ignore[arg-type] # that is what is wrong
