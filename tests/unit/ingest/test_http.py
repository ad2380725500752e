"""Asking a real HTTP server for pages, through every fault it can show."""

import collections
import gzip
import json
import math
import time
from collections.abc import Callable
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from brigade.errors import BrigadeError, InvalidData, RetryLater
from brigade.ingest.declare.pagination import Pagination
from brigade.ingest.read import http
from brigade.ingest.read.reader import PAGE_LIMIT
from tests.unit.ingest.api import Answer, api, page, serving, source

GOOD = page([{"n": 1}], None)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait between tries, but not for long."""
    monkeypatch.setattr(http, "_BACKOFF_S", 0.01)


def after(count: int, fault: Answer) -> Callable[[int, dict[str, str]], Answer]:
    return lambda number, _: fault if number <= count else GOOD


def test_parameters_and_token_are_encoded() -> None:
    with serving(after(0, GOOD)) as server:
        asked = api(server, source(parameters={"q": "a b&c=é", "_size": "5"}))
        assert asked.page("x/+ %&").body == GOOD.body
    assert server.queries == [{"q": "a b&c=é", "_size": "5", "after": "x/+ %&"}]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_passes_is_asked_again(status: int) -> None:
    with serving(after(2, Answer(b"no", status))) as server:
        assert api(server).page(None).body == GOOD.body
    assert len(server.queries) == 3


@pytest.mark.parametrize("form", [lambda: "1", lambda: formatdate(time.time() + 2, usegmt=True)])
def test_retry_after_is_waited_for_in_both_forms(form: Callable[[], str]) -> None:
    with serving(lambda n, _: Answer(b"", 429, {"Retry-After": form()}) if n == 1 else GOOD) as server:
        began = time.monotonic()
        assert api(server).page(None).body == GOOD.body
    assert time.monotonic() - began > 0.9


def test_a_wait_longer_than_the_run_has_is_said_at_once() -> None:
    with serving(after(9, Answer(b"", 429, {"Retry-After": "120"}))) as server:
        began = time.monotonic()
        with pytest.raises(RetryLater, match="asks to wait 120 s"):
            api(server, remaining=60).page(None)
    assert time.monotonic() - began < 30
    assert len(server.queries) == 1


@pytest.mark.parametrize(("remaining", "sleeps"), [(65.0, [60.0]), (64.9, [])])
def test_after_a_wait_the_run_has_five_seconds_left_or_the_wait_is_left_to_the_next_run(
    monkeypatch: pytest.MonkeyPatch, remaining: float, sleeps: list[float]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(http, "time", SimpleNamespace(sleep=slept.append, monotonic=time.monotonic))
    with serving(after(1, Answer(b"", 429, {"Retry-After": "60"}))) as server:
        if sleeps:
            assert api(server, remaining=remaining).page(None).body == GOOD.body
        else:
            with pytest.raises(RetryLater, match="asks to wait 60 s, longer than this run has left") as raised:
                api(server, remaining=remaining).page(None)
            assert raised.value.after_s == 60.0
    assert slept == sleeps


@pytest.mark.parametrize("tries", [1, 3])
def test_an_api_is_asked_as_often_as_tries_says(tries: int) -> None:
    with serving(after(99, Answer(b"", 503))) as server, pytest.raises(RetryLater, match=f"in {tries} tries"):
        api(server, source(tries=tries)).page(None)
    assert len(server.queries) == tries


def test_a_body_that_breaks_off_is_asked_again_whole() -> None:
    with serving(after(2, Answer(GOOD.body[:5], length=len(GOOD.body)))) as server:
        assert api(server).page(None).body == GOOD.body
    assert len(server.queries) == 3


def test_a_body_that_always_breaks_off_fails() -> None:
    with (
        serving(after(99, Answer(GOOD.body[:5], length=len(GOOD.body)))) as server,
        pytest.raises(RetryLater, match=r"no successful response in 6 tries: .*IncompleteRead"),
    ):
        api(server).page(None)


def test_a_server_that_stays_ill_fails_with_its_status_and_words() -> None:
    with (
        serving(after(99, Answer(b"maintenance", 503))) as server,
        pytest.raises(RetryLater, match="status 503: 'maintenance'"),
    ):
        api(server).page(None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_fails_at_once_with_its_words(status: int) -> None:
    with (
        serving(after(99, Answer(b"who are you?", status))) as server,
        pytest.raises(BrigadeError, match=rf"status {status}: 'who are you\?'") as raised,
    ):
        api(server).page(None)
    assert not isinstance(raised.value, RetryLater)
    assert len(server.queries) == 1


def test_nobody_listening_fails_with_the_address() -> None:
    with serving(after(0, GOOD)) as server:
        gone = api(server)
    with pytest.raises(RetryLater, match=r"127\.0\.0\.1.*no successful response in 6 tries"):
        gone.page(None)


def test_gzip_is_unpacked_and_a_false_one_is_named() -> None:
    packed = Answer(gzip.compress(GOOD.body), headers={"Content-Encoding": "gzip"})
    with serving(lambda n, _: packed if n == 1 else Answer(b"plain", headers=packed.headers)) as server:
        asked = api(server)
        assert asked.page(None).body == GOOD.body
        with pytest.raises(InvalidData, match="Content-Encoding gzip: not sound gzip"):
            asked.page(None)


def test_a_page_beyond_the_limit_is_refused_also_when_it_is_small_on_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAGE_LIMIT", 1_000_000)
    bomb = Answer(gzip.compress(b"0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    with serving(after(99, bomb)) as server, pytest.raises(InvalidData, match="larger than 1000000 bytes"):
        api(server).page(None)


def test_a_string_of_a_gigabyte_is_not_read_to_its_end() -> None:
    endless = Answer(b'{"rows":[{"a":"' + b"x" * (PAGE_LIMIT + 2**20), length=2**30)
    with serving(after(9, endless)) as server, pytest.raises(InvalidData, match=r"larger than 67108864 bytes"):
        api(server).page(None)
    assert len(server.queries) == 1


def test_a_quota_that_is_reset_later_delays_only_what_the_quota_refused() -> None:
    soon, late = {"X-RateLimit-Reset": "0.5"}, {"X-RateLimit-Reset": "3000"}
    answers = [Answer(b"", 500, {**late, "X-RateLimit-Remaining": "7"}), Answer(b"", 429, soon), GOOD]
    with serving(lambda number, _: answers[number - 1]) as server:
        began = time.monotonic()
        assert api(server).page(None).body == GOOD.body
    assert 0.5 <= time.monotonic() - began < 60
    used_up = Answer(b"", 503, {**late, "X-RateLimit-Remaining": "0"})
    with serving(after(9, used_up)) as server, pytest.raises(RetryLater, match="asks to wait 3000 s"):
        api(server).page(None)


@pytest.mark.parametrize("said", ["soon", "", "-5", "nan", "Sun, 99 Nov 2026 00:00:00 GMT"])
def test_a_wait_that_says_nothing_is_the_pause_between_tries(said: str) -> None:
    with serving(lambda n, _: Answer(b"", 503, {"Retry-After": said}) if n == 1 else GOOD) as server:
        began = time.monotonic()
        assert api(server).page(None).body == GOOD.body
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("members", [1, 3])
def test_a_gzip_file_is_unpacked_whatever_its_members(members: int) -> None:
    """Files that are put together of others, as logs and ours are, have several."""
    lines = [b'{"n":%d}\n' % number * 50_000 for number in range(members)]
    packed = b"".join(gzip.compress(each) for each in lines)
    with serving(lambda *_: Answer(packed)) as server:
        assert bytes(api(server).page(None).body) == b"".join(lines)
        blocks, _ = api(server).stream(None)
        assert b"".join(blocks) == b"".join(lines)
    with serving(lambda *_: Answer(packed[:-9])) as server, pytest.raises(InvalidData, match="gzip ends in the middle"):
        api(server).page(None)


def test_an_api_that_does_not_answer_in_time_is_asked_again_and_then_given_up() -> None:
    def answer(number: int, _: dict[str, str]) -> Answer:
        if number == 1:
            time.sleep(2)
        return page([{"n": number}], None)

    with serving(answer) as server:
        patient = api(server, source(read_timeout_s=1.0))
        assert json.loads(patient.page(None).body)["rows"] == [{"n": 2}]
        assert patient.retries == 1
    with serving(answer) as server, pytest.raises(RetryLater, match="Timeout"):
        api(server, source(read_timeout_s=0.1, tries=1)).page(None)
    assert (source().connect_timeout_s, source().read_timeout_s) == (10.0, 60.0)


@pytest.mark.parametrize(
    "header",
    [
        {"Retry-After": "inf"},
        {"Retry-After": "1e300"},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"X-RateLimit-Reset": "inf"},
        {"X-RateLimit-Reset": "1e300"},
    ],
)
def test_a_wait_of_centuries_is_said_also_where_time_has_no_limit(header: dict[str, str]) -> None:
    with serving(after(9, Answer(b"", 429, header))) as server, pytest.raises(RetryLater, match="asks to wait"):
        api(server, remaining=math.inf).page(None)
    assert len(server.queries) == 1


def test_a_reset_in_milliseconds_is_the_same_instant() -> None:
    def limited(number: int, _: dict[str, str]) -> Answer:
        return Answer(b"", 429, {"X-RateLimit-Reset": str(int((time.time() + 1.5) * 1000))}) if number == 1 else GOOD

    with serving(limited) as server:
        asked = api(server)
        assert asked.page(None).body == GOOD.body
    assert 0.5 < asked.waited_s <= 1.5


def test_a_declared_content_type_is_sent_as_it_is() -> None:
    declared = source(method="POST", body={"a": 1}, headers={"content-type": "application/vnd.api+json"})
    with serving(after(0, GOOD)) as server:
        api(server, declared).page(None)
    found = [value for name, value in server.requests[0].headers.items() if name.lower() == "content-type"]
    assert found == ["application/vnd.api+json"]


PACKED = gzip.compress(json.dumps({"rows": [{"n": n} for n in range(3000)]}).encode())


@pytest.mark.parametrize("left", [0, 1, 11, len(PACKED) // 2, len(PACKED) - 9, len(PACKED) - 8, len(PACKED) - 1])
def test_a_compressed_body_that_breaks_off_inside_is_asked_again(left: int) -> None:
    """Content-Length is right: what compressed the answer broke off, not the connection."""
    packed = {"Content-Encoding": "gzip"}
    answers = [Answer(PACKED[:left], headers=packed), Answer(PACKED, headers=packed)]
    with serving(lambda number, _: answers[number - 1]) as server:
        assert api(server).page(None).body == gzip.decompress(PACKED)
    assert len(server.queries) == 2


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "aws-chunked", "gzip, gzip"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    answer = Answer(GOOD.body, headers={"Content-Encoding": encoding})
    with serving(lambda *_: answer) as server, pytest.raises(InvalidData, match="only gzip was asked for"):
        api(server).page(None)


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "gzip"}])
def test_one_answer_that_breaks_off_behind_its_first_block_is_for_later(encoding: dict[str, str]) -> None:
    lines = b"".join(b'{"n":%d}\n' % number for number in range(300_000))
    body = gzip.compress(lines)[:-20] if encoding else lines
    answer = Answer(body, headers=encoding, length=None if encoding else len(lines) + 10)
    with serving(lambda *_: answer) as server:
        blocks, _ = api(server, source(format="jsonl", records="", pagination=Pagination(), single=True)).stream(None)
        with pytest.raises(RetryLater, match="the answer broke off"):
            collections.deque(blocks, 0)
