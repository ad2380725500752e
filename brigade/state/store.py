"""JSON documents on S3, each changed only from the version that was read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from brigade.errors import ConditionLost, InvalidData
from brigade.s3.condition import Absent, Condition, Matches
from brigade.s3.delete import Deletes, delete
from brigade.s3.get import Gets, get
from brigade.s3.list import Lists, keys
from brigade.s3.put import Puts, put
from brigade.s3.settle import pause

T = TypeVar("T")
_ROUNDS = 12


class Stores(Puts, Gets, Deletes, Lists, Protocol):
    """The calls that state needs."""


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A document as it was read or written, and its version (ETag)."""

    value: T
    version: str
    age: float = 0.0
    """The seconds between its writing and its reading, by S3's clock."""


@dataclass(frozen=True)
class State:
    """The documents of one bucket. A key is the object's key; a value is what msgspec makes JSON of.

    Memory: one document, 64 MiB at most.
    """

    client: Stores
    bucket: str

    def get(self, key: str, kind: type[T]) -> Entry[T] | None:
        """Give the document as ``kind``, or None if there is none; InvalidData when it is of another shape."""
        got = get(self.client, self.bucket, key)
        if got is None:
            return None
        try:
            return Entry(msgspec.json.decode(got.body, type=kind), got.etag, got.age)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidData(f"s3://{self.bucket}/{key} is not the state expected there: {error}") from error

    def put(self, key: str, value: T, condition: Condition = None, *, indent: bool = False) -> Entry[T]:
        """Store the document under ``condition``: Absent() for a new one, Matches(version) for a change, None for any.

        Fails with ConditionLost, naming the key and both versions, when another writer was faster.
        """
        body = msgspec.json.encode(value)
        if indent:
            body = msgspec.json.format(body, indent=2) + b"\n"
        written = put(self.client, self.bucket, key, body, condition=condition, content_type="application/json")
        return Entry(value, written.etag)

    def update(self, key: str, change: Callable[[T], T], *, default: T, kind: type[T]) -> Entry[T]:
        """Store ``change(document)``, where a missing document is ``default``, so that no other change is lost.

        ``change`` may be called several times, each time with the newest document, and must have no other effect.
        Fails with ConditionLost after a dozen rounds in which other writers were faster.
        """
        for attempt in range(_ROUNDS):
            entry = self.get(key, kind)
            condition = Matches(entry.version) if entry else Absent()
            try:
                return self.put(key, change(entry.value if entry else default), condition)
            except ConditionLost:
                if attempt == _ROUNDS - 1:
                    raise
                pause(min(attempt, 5))
        raise AssertionError("the last round returns or raises")

    def delete(self, key: str, version: str | None = None) -> None:
        """Delete the document, if it still has ``version``; a missing one is no error.

        Fails with ConditionLost when it has another version.
        """
        delete(self.client, self.bucket, key, condition=Matches(version) if version else None)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the keys of the documents that start with ``prefix``, in order."""
        return keys(self.client, self.bucket, prefix)
