"""Rules, rate, credentials and redirects, against a real HTTP server."""

import base64
import time
from typing import Any
from urllib.parse import parse_qsl

import pytest

from brigade.errors import BrigadeError, RetryLater
from brigade.ingest.declare.api_source import ApiSource, Rate, Rule
from brigade.ingest.declare.authentication import (
    Authentication,
    Basic,
    Bearer,
    ClientCredentials,
    HeaderKey,
    QueryKey,
    Secret,
    list_secrets,
)
from brigade.ingest.read import http
from brigade.ingest.read.credentials import SourceCredentials
from brigade.ingest.read.http import ApiReader
from tests.unit.ingest.api import Answer, Server, api, page, serving, source

GOOD = page([{"n": 1}], None)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_BACKOFF_S", 0.01)


def test_a_rule_by_status_and_one_by_the_answer() -> None:
    def busy(status: int, headers: Any, body: bytes) -> bool:
        return b"please wait" in body

    declared = source(
        rules=(
            Rule(act="ignore", statuses=(404,)),
            Rule(act="retry", when=busy),
            Rule(act="fail", statuses=(503,)),
        )
    )
    answers = [Answer(b"please wait", 200), Answer(b"please wait", 400), GOOD, Answer(b"", 404), Answer(b"", 503)]
    with serving(lambda number, _: answers[number - 1]) as server:
        asked = api(server, declared)
        assert asked.page(None).body == GOOD.body
        assert asked.page(None).ignored
        with pytest.raises(BrigadeError, match="status 503") as raised:
            asked.page(None)
    assert not isinstance(raised.value, RetryLater)
    assert (asked.requests, asked.retries) == (5, 2)


def test_a_reset_header_is_waited_for_and_a_long_one_says_how_long() -> None:
    def limited(number: int, _: dict[str, str]) -> Answer:
        if number == 1:
            return Answer(b"", 429, {"RateLimit-Reset": "1"})
        if number == 3:
            return Answer(b"", 429, {"X-RateLimit-Reset": str(int(time.time()) + 3600)})
        return GOOD

    with serving(limited) as server:
        asked = api(server)
        began = time.monotonic()
        asked.page(None)
        assert time.monotonic() - began > 0.9
        with pytest.raises(RetryLater, match="asks to wait") as raised:
            asked.page(None)
    assert raised.value.after_s
    assert 3500 < raised.value.after_s <= 3600


def test_the_rate_is_kept() -> None:
    with serving(lambda *_: GOOD) as server:
        asked = api(server, source(rate=Rate(requests=2, seconds=0.4)))
        began = time.monotonic()
        for _ in range(5):
            asked.page(None)
        assert time.monotonic() - began >= 0.8


SECRETS = {"u": "ann", "p": "pass", "k": "key1", "i": "id", "s": "secret", "r": "r0"}


def known(server: Server, kind: Authentication, **changes: Any) -> ApiReader:
    read: list[str] = []

    def value(secret: Secret) -> str:
        read.append(secret.name)
        return SECRETS[secret.name]

    kept = SourceCredentials(kind, value, None, "ingest/x/refresh-token.json")
    declared: ApiSource = source(authentication=kind, **changes)
    return ApiReader(declared, server.url, lambda: 900.0, kept)


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        (HeaderKey(header="X-Key", key=Secret("k")), "X-Key", "key1"),
        (Basic(user=Secret("u"), password=Secret("p")), "Authorization", b"Basic " + base64.b64encode(b"ann:pass")),
        (Bearer(token=Secret("k")), "Authorization", "Bearer key1"),
    ],
)
def test_who_asks_is_in_a_header_but_of_no_other_host(kind: Authentication, header: str, value: str | bytes) -> None:
    with serving(lambda *_: GOOD) as other:
        elsewhere = Answer(b"", 302, {"Location": f"{other.url}/moved"})
        with serving(lambda number, _: GOOD if number == 1 else elsewhere) as server:
            asked = known(server, kind)
            asked.page(None)
            asked.page(None)
    assert server.requests[0].headers[header] == (value.decode() if isinstance(value, bytes) else value)
    assert server.requests[1].headers[header]
    assert header not in other.requests[0].headers


def test_a_key_in_the_query_is_in_no_error() -> None:
    with serving(lambda *_: Answer(b"no", 400)) as server:
        asked = known(server, QueryKey(parameter="api_key", key=Secret("k")))
        with pytest.raises(BrigadeError, match="status 400") as raised:
            asked.page(None)
    assert server.queries == [{"api_key": "key1"}]
    assert "key1" not in str(raised.value)


def test_credentials_are_renewed_once_on_401(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Bearer(token=Secret("k"))
    with serving(lambda number, _: Answer(b"", 401) if number in {1, 3, 4} else GOOD) as server:
        asked = known(server, kind)
        asked.page(None)
        with pytest.raises(BrigadeError, match="status 401"):
            asked.page(None)
    assert len(server.queries) == 4


def granting(number: int, rotated: str | None) -> Answer:
    more = f',"refresh_token":"{rotated}"' if rotated else ""
    return Answer(f'{{"access_token":"t{number}","expires_in":3600{more}}}'.encode())


def test_client_credentials_are_granted_a_token_that_is_used_until_401() -> None:
    with serving(lambda number, _: granting(number, None)) as grants:
        kind = ClientCredentials(
            token_url=f"{grants.url}/token", client_id=Secret("i"), client_secret=Secret("s"), scope="read"
        )
        with serving(lambda number, _: Answer(b"", 401) if number == 3 else GOOD) as server:
            asked = known(server, kind)
            for _ in range(3):
                asked.page(None)
    assert [each.headers["Authorization"] for each in server.requests] == ["Bearer t1"] * 3 + ["Bearer t2"]
    form = {"client_id": "id", "client_secret": "secret", "grant_type": "client_credentials", "scope": "read"}
    assert dict(parse_qsl(grants.requests[0].body.decode())) == form


@pytest.mark.parametrize("value", ["abc-secret\n", " abc-secret", "abc\r\nX-Evil: 1", "abcœsecret"])
@pytest.mark.parametrize("kind", [HeaderKey(header="X-Key", key=Secret("n")), Bearer(token=Secret("n"))])
def test_a_secret_that_no_header_can_have_is_named_and_not_shown(kind: Authentication, value: str) -> None:
    with serving(lambda *_: GOOD) as server:
        asked = ApiReader(
            source(authentication=kind), server.url, lambda: 900.0, SourceCredentials(kind, lambda _: value, None, "k")
        )
        with pytest.raises(BrigadeError, match=r"^the secret n has a line end, a space at an end, or") as caught:
            asked.page(None)
    assert "abc" not in str(caught.value)
    assert server.requests == []


def test_a_token_that_is_refused_names_the_host_and_no_secret() -> None:
    with serving(lambda *_: Answer(b"pass", 400)) as grants, serving(lambda *_: GOOD) as server:
        kind = ClientCredentials(token_url=f"{grants.url}/t", client_id=Secret("i"), client_secret=Secret("s"))
        with pytest.raises(BrigadeError, match=r"returned no token: status 400; check the secrets") as raised:
            known(server, kind).page(None)
    assert 'secret"' not in str(raised.value)


@pytest.mark.parametrize("body", [b"<html>secret", b"[]", b'{"expires_in":60}', b"\xff"])
def test_an_answer_that_is_no_token_names_the_host_and_none_of_it(body: bytes) -> None:
    with serving(lambda *_: Answer(body)) as grants, serving(lambda *_: GOOD) as server:
        kind = ClientCredentials(token_url=f"{grants.url}/t", client_id=Secret("i"), client_secret=Secret("s"))
        with pytest.raises(
            BrigadeError, match=r"^the response of 127\.0\.0\.1:\d+ is not an OAuth 2 token: "
        ) as raised:
            known(server, kind).page(None)
    assert "secret" not in str(raised.value)
    assert server.requests == []


def test_the_secrets_of_a_source_are_known_before_it_runs() -> None:
    assert list_secrets(None) == []
    assert list_secrets(Basic(user=Secret("u"), password=Secret("p", store="ssm"))) == [
        Secret("u"),
        Secret("p", store="ssm"),
    ]
