"""An API that echoes its key in what leads to the next page: the key is sent once, and no checkpoint has it."""

import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from brigade import masking
from brigade.errors import InvalidData
from brigade.ingest.declare.authentication import Authentication, Bearer, QueryKey, Secret
from brigade.ingest.declare.pagination import Cursor, LinkHeader, NextUrl, Pagination
from brigade.ingest.read.credentials import open_credentials
from brigade.ingest.read.http import ApiReader
from brigade.ingest.read.pages import read_pages
from brigade.ingest.state.checkpoint import Checkpoint
from tests.unit.ingest.api import Answer, serving, source
from tests.unit.leaks import SECRET, leaks

KEY = QueryKey(parameter="api key", key=Secret("api/key"))
TOKEN = Bearer(token=Secret("api/key"))


class Manager:
    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": SECRET}


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_values", set())


def echoing(pagination: Pagination, echo: str, pages: int = 3) -> Any:
    """Answer with the URL of the next page, in the body and as a header, with what is echoed in its query."""

    def answer(number: int, query: dict[str, str]) -> Answer:
        following = f"/records?page={number + 1}&{echo}#part" if number < pages else None
        body = json.dumps({"rows": [{"n": number}], "next": following}).encode()
        link = {"Link": f'<{following}>; rel="next"'} if following and isinstance(pagination, LinkHeader) else {}
        return Answer(body, headers={"Content-Type": "application/json", **link})

    return answer


@pytest.mark.parametrize("pagination", [NextUrl(at="next"), LinkHeader()], ids=["NextUrl", "LinkHeader"])
@pytest.mark.parametrize(
    ("kind", "echo"),
    [
        (KEY, urlencode({"api key": SECRET})),
        (KEY, f"api%20key={quote(SECRET)}&other=a%2fb&"),
        (KEY, urlencode({"api key": "another"})),
        (KEY, urlencode({"access_token": SECRET})),
        (TOKEN, urlencode({"access_token": SECRET})),  # as Graph APIs echo a token that came in a header
        (KEY, "other=1"),
    ],
)
def test_the_key_is_sent_once_and_no_step_has_it(kind: Authentication, echo: str, pagination: Pagination) -> None:
    declared = source(pagination=pagination, authentication=kind)
    with serving(echoing(pagination, echo)) as server:
        who = open_credentials(kind, lambda _: Manager(), None, "numbers")
        steps = list(
            read_pages(declared, ApiReader(declared, server.url, lambda: 900.0, who), Checkpoint(write="w", ts="t"))
        )
    assert len(steps) == 3
    for step in steps:
        assert not leaks(str(step.next))
        assert step.next is None or urlsplit(step.next).path == "/records"
        assert not leaks(step.page.place)
    assert [query.get("page") for query in server.queries] == [None, "2", "3"]
    assert {query.get("api key") for query in server.queries} == {SECRET if kind is KEY else None}
    assert not any("access_token" in query for query in server.queries)
    assert all(query.get("other") in (None, "1", "a/b") for query in server.queries)


@pytest.mark.parametrize(
    ("pagination", "following"),
    [
        (NextUrl(at="next"), f"/records/{quote(SECRET, safe='')}/2"),
        (Cursor(at="next", parameter="after"), SECRET),
        (Cursor(at="next", parameter="after"), f"page=2&key={quote(SECRET)}"),
    ],
)
def test_a_cursor_that_has_the_key_in_it_is_refused(pagination: Pagination, following: str) -> None:
    declared = source(pagination=pagination, authentication=KEY)
    with serving(lambda *_: Answer(json.dumps({"rows": [{"n": 1}], "next": following}).encode())) as server:
        who = open_credentials(KEY, lambda _: Manager(), None, "numbers")
        with pytest.raises(InvalidData, match="puts the source's credentials into the cursor") as raised:
            list(
                read_pages(declared, ApiReader(declared, server.url, lambda: 900.0, who), Checkpoint(write="w", ts="t"))
            )
    assert not leaks(str(raised.value))
