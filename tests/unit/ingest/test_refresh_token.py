"""Refresh tokens that an API rotates, against a token server."""

import concurrent.futures
import hashlib
import threading
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from brigade.errors import BrigadeError, ConditionLost
from brigade.ingest.declare.authentication import RefreshToken, Secret
from brigade.ingest.read.credentials import SourceCredentials
from brigade.ingest.read.http import ApiReader
from brigade.ingest.read.refresh_token import StoredRefreshToken
from brigade.s3 import Absent
from brigade.state import Entry
from brigade.state.lease import Lease
from tests.unit.ingest.api import Answer, Server, page, serving, source
from tests.unit.ingest.test_rules import granting

GOOD = page([{"n": 1}], None)
SECRETS = {"i": "id", "r": "r0"}


class Book:
    """A state of one document, under compare-and-swap."""

    bucket = "state"

    def __init__(self, kept: StoredRefreshToken | None = None) -> None:
        self.kept, self.version = kept, 0
        self._lock = threading.Lock()

    def get(self, key: str, kind: Any) -> Entry[Any] | None:
        with self._lock:
            return None if self.kept is None else Entry(self.kept, str(self.version))

    def put(self, key: str, value: Any, condition: Any) -> Entry[Any]:
        assert key == "ingest/x/refresh-token.json"
        with self._lock:
            if (self.kept is not None) if isinstance(condition, Absent) else condition.etag != str(self.version):
                raise ConditionLost("another writer")
            self.kept, self.version = value, self.version + 1
            return Entry(value, str(self.version))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def known(server: Server, kind: RefreshToken, book: Book) -> ApiReader:
    kept = SourceCredentials(kind, lambda secret: SECRETS[secret.name], book, "ingest/x/refresh-token.json")  # type: ignore[arg-type] # a fake state
    return ApiReader(source(authentication=kind), server.url, lambda: 900.0, kept)


def refreshing(grants: Server) -> RefreshToken:
    return RefreshToken(token_url=f"{grants.url}/token", client_id=Secret("i"), refresh_token=Secret("r"))


def sent(grants: Server) -> list[str]:
    return [dict(parse_qsl(each.body.decode()))["refresh_token"] for each in grants.requests]


def test_a_rotated_refresh_token_is_kept_in_state() -> None:
    book = Book()
    with serving(lambda number, _: granting(number, f"r{number}")) as grants, serving(lambda *_: GOOD) as server:
        known(server, refreshing(grants), book).page(None)
        assert book.kept == StoredRefreshToken("r1", sha256("r0"), Lease(1))
        known(server, refreshing(grants), book).page(None)
    assert sent(grants) == ["r0", "r1"]
    assert book.kept == StoredRefreshToken("r2", sha256("r0"), Lease(2))


def test_a_refresh_token_that_is_not_rotated_stays() -> None:
    book = Book()
    with (
        serving(lambda number, _: granting(number, "r1" if number == 1 else None)) as grants,
        serving(lambda *_: GOOD) as server,
    ):
        for _ in range(3):
            known(server, refreshing(grants), book).page(None)
    assert sent(grants) == ["r0", "r1", "r1"]


def test_a_new_refresh_token_in_the_secret_wins_over_the_kept_one(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    with serving(lambda number, _: granting(number, f"r{number}")) as grants, serving(lambda *_: GOOD) as server:
        known(server, refreshing(grants), book).page(None)
        monkeypatch.setitem(SECRETS, "r", "new")
        known(server, refreshing(grants), book).page(None)
        known(server, refreshing(grants), book).page(None)
    assert sent(grants) == ["r0", "new", "r2"]
    assert book.kept == StoredRefreshToken("r3", sha256("new"), Lease(3))


def test_a_new_refresh_token_in_the_secret_that_is_not_rotated_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(StoredRefreshToken("old", sha256("r0")))
    monkeypatch.setitem(SECRETS, "r", "new")
    with serving(lambda number, _: granting(number, None)) as grants, serving(lambda *_: GOOD) as server:
        known(server, refreshing(grants), book).page(None)
        known(server, refreshing(grants), book).page(None)
    assert sent(grants) == ["new", "new"]


def test_a_token_that_an_earlier_version_kept_is_used_and_gets_its_digest() -> None:
    book = Book(msgspec.json.decode(b'{"refresh_token":"r7"}', type=StoredRefreshToken))
    with serving(lambda number, _: granting(number, None)) as grants, serving(lambda *_: GOOD) as server:
        known(server, refreshing(grants), book).page(None)
    assert sent(grants) == ["r7"]
    assert book.kept == StoredRefreshToken("r7", sha256("r0"), Lease(1))


def test_of_two_rotations_at_once_the_second_uses_the_token_of_the_first() -> None:
    """The token server rotates, and revokes all tokens when an old one is used again, as Auth0 does."""
    book, both, newest = Book(), threading.Barrier(2), ["r0"]

    def grant(number: int, _: dict[str, str]) -> Answer:
        if sent(grants)[-1] != newest[0]:
            return Answer(b'{"error":"invalid_grant"}', 400)
        newest[0] = f"r{number}"
        return granting(number, newest[0])

    def read() -> None:
        both.wait()
        known(server, refreshing(grants), book).page(None)

    with (
        serving(grant) as grants,
        serving(lambda *_: GOOD) as server,
        concurrent.futures.ThreadPoolExecutor(2) as threads,
    ):
        for done in [threads.submit(read) for _ in range(2)]:
            done.result()
    assert sent(grants) == ["r0", "r1"]
    assert book.kept == StoredRefreshToken("r2", sha256("r0"), Lease(2))


def test_a_refresh_that_fails_leaves_the_token_and_no_lease() -> None:
    book = Book(StoredRefreshToken("r7", sha256("r0")))
    with (
        serving(lambda *_: Answer(b"", 400)) as grants,
        serving(lambda *_: GOOD) as server,
        pytest.raises(BrigadeError, match="returned no token: status 400"),
    ):
        known(server, refreshing(grants), book).page(None)
    assert book.kept == StoredRefreshToken("r7", sha256("r0"), Lease(1))


def test_a_refresh_token_is_not_used_where_a_new_one_could_not_be_kept() -> None:
    class ReadOnly(Book):
        def put(self, *_: Any, **__: Any) -> Entry[Any]:
            raise BrigadeError("AccessDenied")

    with (
        serving(lambda number, _: granting(number, f"r{number}")) as grants,
        serving(lambda *_: GOOD) as server,
        pytest.raises(BrigadeError, match="AccessDenied"),
    ):
        known(server, refreshing(grants), ReadOnly()).page(None)
    assert grants.requests == []
