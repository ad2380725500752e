"""A conditional deletion whose answer is lost: the look at the object says what became of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brigade.errors import ConditionLost, RetryLater
from brigade.s3.conditions import Matches
from brigade.s3.objects import delete
from brigade.state import State


class Bucket:
    """A bucket with one key, whose DeleteObject first does what `instead` says, and counts what it was asked."""

    def __init__(self, etag: str | None, instead: Callable[["Bucket"], None]) -> None:
        self.etag, self._instead = etag, instead
        self.asked: list[dict[str, Any]] = []

    def delete_object(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        self._instead(self)
        if self.etag and arguments.get("IfMatch", self.etag) != self.etag:
            raise refused("PreconditionFailed", 412)
        self.etag = None

    def head_object(self, **_: Any) -> Any:
        if self.etag is None:
            raise refused("404", 404, "HeadObject")
        return {"ETag": self.etag, "ContentLength": 1, "LastModified": datetime(2026, 1, 31, tzinfo=UTC)}


def refused(code: str, status: int, operation: str = "DeleteObject") -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brigade.s3.objects.pause", lambda _: None)


@pytest.mark.parametrize("code", ["PreconditionFailed", "412", "ConditionalRequestConflict"])
def test_what_its_own_lost_try_deleted_is_deleted(code: str) -> None:
    def lost(bucket: Bucket) -> None:
        bucket.etag = None
        raise refused(code, 412)

    client: Any = Bucket('"e"', lost)
    delete(client, "b", "k", condition=Matches('"e"'))
    State(client, "b").delete("k", '"e"')
    assert len(client.asked) == 2


def test_of_another_writer_nothing_is_deleted() -> None:
    client: Any = Bucket('"e"', lambda bucket: setattr(bucket, "etag", '"f"'))
    with pytest.raises(ConditionLost, match='expected ETag "e", it is ETag "f"; that was not deleted'):
        delete(client, "b", "k", condition=Matches('"e"'))
    assert client.etag == '"f"'


def test_a_conflict_over_an_unchanged_object_is_no_other_writer() -> None:
    answers = [refused("ConditionalRequestConflict", 409)] * 2

    def busy(_: Bucket) -> None:
        if answers:
            raise answers.pop()

    client: Any = Bucket('"e"', busy)
    delete(client, "b", "k", condition=Matches('"e"'))
    assert client.etag is None
    client.etag, answers[:] = '"e"', [refused("ConditionalRequestConflict", 409)] * 100
    with pytest.raises(RetryLater, match="another request works on it"):
        delete(client, "b", "k", condition=Matches('"e"'))
    assert client.etag == '"e"'


def test_an_empty_version_is_a_condition() -> None:
    client: Any = Bucket('"e"', lambda _: None)
    with pytest.raises(ConditionLost):
        State(client, "b").delete("k", "")
    assert client.etag == '"e"'
