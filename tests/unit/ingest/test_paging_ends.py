"""Paging ends only when the API says so explicitly. All against a real HTTP server."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.ingest.declare.api_source import Rule
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.pagination import Cursor, LinkHeader, NextUrl, Offset, PageNumber, Pagination
from brigade.ingest.extract import Extract
from brigade.ingest.read.pages import read_pages
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.jsonl import Stamp
from tests.unit.ingest.api import Answer, Server, api, serving, source

START = Checkpoint(write="w", ts="t")
Says = Callable[[int, dict[str, str]], Answer]


def body(headers: Mapping[str, str] | None = None, /, **members: Any) -> Answer:
    return Answer(json.dumps(members).encode(), headers=headers or {})


def taken(server: Server, pagination: Pagination, start: Checkpoint = START, **changes: Any) -> list[int]:
    declared = source(pagination=pagination, **changes)
    steps = read_pages(declared, api(server, declared), start)
    return [json.loads(bytes(record))["n"] for step in steps for record in step.page.records]


def odata(number: int, _: dict[str, str]) -> Answer:
    """Six records in three pages, as OData, Microsoft Graph, Dynamics and SAP answer."""
    more = {"@odata.nextLink": f"/records?$skip={2 * number}"} if number < 3 else {}
    return body(value=[{"n": 2 * number - 1}, {"n": 2 * number}], **{"@odata.context": "x"}, **more)


@pytest.mark.parametrize("at", ['["@odata.nextLink"]', "['@odata.nextLink']"])
def test_odata_is_read_to_its_end(at: str) -> None:
    with serving(odata) as server:
        assert taken(server, NextUrl(at=at), records="value") == [1, 2, 3, 4, 5, 6]


def test_the_naive_spelling_of_a_name_with_a_dot_fails_and_tells_the_right_one() -> None:
    with serving(odata) as server, pytest.raises(InvalidData) as caught:
        taken(server, NextUrl(at="@odata.nextLink"), records="value")
    assert "page 1 " in str(caught.value)
    assert "no page had '@odata.nextLink': the answer has no '@odata', it has 'value'" in str(caught.value)
    assert """write ["@odata.nextLink"] for the member '@odata.nextLink'""" in str(caught.value)


@pytest.mark.parametrize("limit", [1, None])
def test_check_and_run_refuse_a_path_that_no_page_has(limit: int | None) -> None:
    declared = source(pagination=Cursor(at="meta.next", parameter="after"))
    with serving(lambda *_: body(rows=[{"n": 1}], next="2")) as server:
        extract = Extract(declared, api(server, declared), Stamp("2026-11-22", "t"), limit)
        with pytest.raises(
            InvalidData, match=r"no page had 'meta\.next': the answer has no 'meta', it has 'rows', 'next'"
        ):
            list(extract.lines())


@pytest.mark.parametrize(
    ("declared", "members", "said"),
    [
        (PageNumber(total="count"), {}, "no page had 'count'"),
        (
            PageNumber(more="paging.more"),
            {"paging": {"last": 1}},
            "'paging' of the answer has no 'more', it has 'last'",
        ),
        (Offset(total="meta.total"), {"meta": None}, None),
        (LinkHeader(), {}, 'no page had the header Link; it has .*Content-Length.*absent="end"'),
        (Cursor(header="X-Next", parameter="c"), {}, "no page had the header X-Next"),
        (LinkHeader(absent="end"), {}, None),
        (Cursor(header="X-Next", parameter="c", absent="end"), {}, None),
        (NextUrl(at="next"), {"next": None}, None),
        (NextUrl(at="next"), {"next": False}, None),
        (NextUrl(at="next"), {"next": ""}, None),
        (NextUrl(at="links.next"), {"links": None}, None),
        (NextUrl(at="next"), {"next": 7}, "the URL at next is 7; it must be text"),
        (NextUrl(at="next"), {}, 'absent="end" declares that the API leaves it out on an only page'),
        (NextUrl(at="next", absent="end"), {}, None),
        (NextUrl(at="links.next", absent="end"), {"links": {}}, None),
        (NextUrl(at="links.next", absent="end"), {}, "no page had 'links.next': the answer has no 'links'"),
        (Cursor(at="rows[-1].id", parameter="c", more="more"), {"more": False}, None),
        (Cursor(at="next", parameter="c", more="more"), {"more": False}, None),
        (Cursor(at="next", parameter="c", more="more"), {"more": "false"}, "the flag at more is str; it must be true"),
        (
            Cursor(at="next", parameter="c", more="more", absent="end"),
            {"more": True},
            "more states that there are more pages",
        ),
    ],
)
def test_one_page_is_the_last_only_if_the_api_says_so(
    declared: Pagination, members: dict[str, Any], said: str | None
) -> None:
    def answer(number: int, _: dict[str, str]) -> Answer:
        return body(rows=[{"n": number}] if number == 1 else [], **members)

    with serving(answer) as server:
        if said is None:
            assert taken(server, declared) == [1]
        else:
            with pytest.raises(InvalidData, match=said):
                taken(server, declared)


def test_a_token_that_was_seen_may_be_absent_at_the_end_also_after_a_resume() -> None:
    def answer(_: int, query: dict[str, str]) -> Answer:
        return body(rows=[{"n": 2}]) if "after" in query else body(rows=[{"n": 1}], next="2")

    declared = Cursor(at="next", parameter="after")
    with serving(answer) as server:
        assert taken(server, declared) == [1, 2]
        first = next(read_pages(source(pagination=declared), api(server, source(pagination=declared)), START))
        kept = Checkpoint(write="w", ts="t", next=first.next, seen=first.seen, pages=1, met=first.met)
        assert taken(server, declared, kept) == [2]


def test_an_empty_page_with_nothing_above_the_token_is_the_end_where_that_is_declared() -> None:
    with serving(lambda *_: body(rows=[])) as server:
        assert taken(server, NextUrl(at="paging.next", absent="end")) == []


@pytest.mark.parametrize("declared", [Offset(size=500), PageNumber(size=500), Offset(size=500, total="total")])
def test_an_api_that_caps_its_pages_is_read_to_its_end(declared: Pagination) -> None:
    def answer(_: int, query: dict[str, str]) -> Answer:
        start = int(query["offset"]) if "offset" in query else 2 * (int(query["page"]) - 1)
        return body(rows=[{"n": n} for n in range(start, min(start + 2, 7))], total=7)

    with serving(answer) as server:
        assert taken(server, declared) == [0, 1, 2, 3, 4, 5, 6]


def test_a_short_page_ends_where_that_is_declared() -> None:
    with serving(lambda *_: body(rows=[{"n": 1}])) as server:
        assert taken(server, Offset(size=2, short_page_ends=True)) == [1]
        assert len(server.queries) == 1


def test_a_flag_that_a_page_leaves_out_says_nothing() -> None:
    flags = [{"more": True}, {}, {"more": False}]

    with serving(lambda number, _: body(rows=[{"n": number}], **flags[number - 1])) as server:
        assert taken(server, PageNumber(more="more")) == [1, 2, 3]


def test_several_link_headers_and_parameters_without_a_value_are_followed() -> None:
    def answer(number: int, _: dict[str, str]) -> Answer:
        link = f'</first>; crossorigin; rel="first", </records?page={number}>; title="see; rel=prev"; rel="next"'
        return body({"Link": link if number < 3 else '</first>; rel="first"'}, rows=[{"n": number}])

    with serving(answer) as server:
        assert taken(server, LinkHeader()) == [1, 2, 3]


def test_a_link_header_that_cannot_be_read_fails() -> None:
    with (
        serving(lambda *_: body({"Link": '<u; rel="next"'}, rows=[{"n": 1}])) as server,
        pytest.raises(InvalidData, match=r"page 1 .*the header Link cannot be read from character 1 of 14"),
    ):
        taken(server, LinkHeader())


def test_a_parameter_of_several_values_repeats_its_name() -> None:
    with serving(lambda *_: body(rows=[])) as server:
        declared = source(pagination=Pagination(), parameters={"status": ["a", "b"], "n": 5})
        [*read_pages(declared, asker := api(server, declared), START)]
        assert asker.address(None) == f"{server.url}/records?status=a&status=b&n=5"


@pytest.mark.parametrize("declared", [Cursor(at="next", parameter="after", total="n"), NextUrl(at="next", total="n")])
def test_a_total_of_each_page_does_not_end_before_the_page_that_is_named(declared: Pagination) -> None:
    def answer(number: int, _: dict[str, str]) -> Answer:
        return body(rows=[{"n": 2 * number}, {"n": 2 * number + 1}], n=2, next=f"/{number}" if number < 4 else None)

    with serving(answer) as server, pytest.raises(InvalidData, match=r"page 2 .* 4 records, but the API reports 2"):
        taken(server, declared)


def test_a_next_page_that_is_named_beside_the_last_record_may_be_empty() -> None:
    with serving(lambda number, _: body(rows=[{"n": number}] * (number < 3), total=2, next=f"{number}")) as server:
        assert taken(server, Cursor(at="next", parameter="after", total="total")) == [1, 2]
        assert len(server.queries) == 3


def test_an_ignored_answer_does_not_end_short_of_the_total() -> None:
    def says(number: int, _: dict[str, str]) -> Answer:
        return body(rows=[{"n": number}], next="b", total=10) if number == 1 else Answer(status=404)

    declared = Cursor(at="next", parameter="after", total="total")
    with serving(says) as server, pytest.raises(InvalidData, match=r"page 2 .* 1 records, but the API reports 10"):
        taken(server, declared, rules=(Rule(act="ignore", statuses=(404,)),))


@pytest.mark.parametrize("in_header", [True, False])
def test_a_relative_url_is_relative_to_where_a_redirect_led(in_header: bool) -> None:
    def says(number: int, query: dict[str, str]) -> Answer:
        if number == 1:
            return Answer(status=302, headers={"Location": "v2/items"})
        if "p" in query:
            return body(rows=[{"n": 2}], next=None)
        return body({"Link": '<items?p=2>; rel="next"'} if in_header else {}, rows=[{"n": 1}], next="items?p=2")

    with serving(says) as server:
        assert taken(server, LinkHeader() if in_header else NextUrl(at="next")) == [1, 2]
    assert [asked.path for asked in server.requests] == ["/records", "/v2/items", "/v2/items"]


def test_a_redirect_to_another_host_gives_no_next_page_there() -> None:
    with serving(lambda *_: body(rows=[{"n": 1}], next="?p=2")) as other:
        moved = Answer(status=302, headers={"Location": f"{other.url}/records"})
        with serving(lambda *_: moved) as server, pytest.raises(InvalidData, match="which is another host than"):
            taken(server, NextUrl(at="next"))
    assert len(other.requests) == 1


def test_a_next_page_on_another_host_is_named_without_what_may_be_secret() -> None:
    url = "https://user:password@other.example/path-secret?sig=query-secret"
    with (
        serving(lambda *_: body(rows=[{"n": 1}], next=url)) as server,
        pytest.raises(InvalidData, match=r"on https://other\.example, which is another host") as caught,
    ):
        taken(server, NextUrl(at="next"))
    assert not any(each in str(caught.value) for each in ("password", "path-secret", "query-secret"))


@pytest.mark.parametrize(
    ("declared", "token"),
    [
        (Cursor(at="next", in_path="/records/{cursor}/x"), ".."),
        (Cursor(at="next", to_header="X-After"), "a\r\nX-Evil: 1"),
        (Cursor(at="next", to_header="X-After"), "œ"),
    ],
)
def test_a_token_that_would_change_the_request_is_not_sent(declared: Cursor, token: str) -> None:
    with (
        serving(lambda *_: body(rows=[{"n": 1}], next=token)) as server,
        pytest.raises(InvalidData, match=r"page 1 .*the token .*it is not sent"),
    ):
        taken(server, declared)
    assert len(server.requests) == 1


JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize(
    ("text", "headers", "said"),
    [
        (b'{"error":"quota"}', JSON, "looks like an error"),
        (b'{"status":429,"errors":[1]}\n', JSON, "looks like an error"),
        (b'{"title":"quota"}\n', {"Content-Type": "application/problem+json"}, "not JSON Lines"),
    ],
)
def test_an_error_with_status_200_is_no_record_of_json_lines(
    single: bool, text: bytes, headers: Mapping[str, str], said: str
) -> None:
    with serving(lambda *_: Answer(text, headers=headers)) as server, pytest.raises(InvalidData, match=said):
        taken(server, Pagination(), format="jsonl", records="", single=single)


@pytest.mark.parametrize(
    ("text", "headers", "contract"),
    [
        (b'{"n":1,"error":null}', JSON, None),
        (b'{"n":1,"error":"x"}\n{"n":1}', JSON, None),
        (b'{"n":1,"error":"x"}', {"Content-Type": "application/x-ndjson"}, None),
        (b'{"n":1,"error":"x"}', JSON, Contract(fields={"n": "integer", "error": "text"})),
    ],
)
def test_records_with_an_error_of_their_own_are_records(text: bytes, headers: Any, contract: Contract | None) -> None:
    with serving(lambda *_: Answer(text, headers=headers)) as server:
        assert taken(server, Pagination(), format="jsonl", records="", contract=contract)[0] == 1


def test_errors_of_graphql_that_are_there_twice_are_an_error() -> None:
    declared: dict[str, Any] = {"method": "POST", "body": {"query": "{rows {n}}"}, "records": "data.rows"}
    answer = Answer(body=b'{"errors":[{"message":"x"}],"data":{"rows":[{"n":1}]},"errors":null}')
    with (
        serving(lambda *_: answer) as server,
        pytest.raises(InvalidData, match="the member errors occurs 2 times"),
    ):
        taken(server, Pagination(), **declared)


@pytest.mark.parametrize("errors", [[{"message": "x"}], None, []])
def test_the_errors_of_graphql_beside_data_are_an_error(errors: Any) -> None:
    declared: dict[str, Any] = {"method": "POST", "body": {"query": "{rows {n}}"}, "records": "data.rows"}
    with serving(lambda *_: body(data={"rows": [{"n": 1}]}, errors=errors)) as server:
        if errors:
            with pytest.raises(InvalidData, match="GraphQL query has errors"):
                taken(server, Pagination(), **declared)
        else:
            assert taken(server, Pagination(), **declared) == [1]
