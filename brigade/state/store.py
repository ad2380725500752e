"""JSON documents on S3, each changed only from the version that was read."""

import pickle
from collections.abc import Callable, Iterator
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from brigade.errors import ConditionLost, InvalidData
from brigade.s3.condition import Absent, Condition, Matches
from brigade.s3.delete import Deletes, delete
from brigade.s3.get import Gets, get
from brigade.s3.head import head
from brigade.s3.list import Lists, keys
from brigade.s3.put import Puts, put
from brigade.s3.settle import pause
from brigade.s3.versions import ListsVersions, Version, versions

T = TypeVar("T")
Codec = Literal["json", "pickle"]
_ROUNDS = 100


class Stores(Puts, Gets, Deletes, Lists, ListsVersions, Protocol):
    """The calls that state needs."""


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """A document as it was read or written, and its version (ETag)."""

    value: T
    version: str
    age: float = 0.0
    """The seconds between its writing and its reading, by S3's clock."""


class State(msgspec.Struct, frozen=True):
    """The documents of one bucket. A key is the object's key; a value is what msgspec makes JSON of.

    Memory: one document, 64 MiB at most. Every call fails with NotFound when there is no such bucket, with BrigadeError
    when it is not allowed, with RetryLater when S3 does not answer now.
    """

    client: Stores
    bucket: str
    codec: Codec = "json"
    """``pickle`` runs whatever code a document names while it is read: only for what nobody else can write."""

    def get(self, key: str, kind: type[T], *, version_id: str | None = None) -> Entry[T] | None:
        """Give the document as ``kind``, or what it was as ``version_id``; None if there is none.

        Fails with InvalidData when it is of another shape.
        """
        got = get(self.client, self.bucket, key, version_id=version_id)
        if got is None:
            return None
        if self.codec == "pickle":
            return Entry(unpickled(got.body, kind, f"s3://{self.bucket}/{key}"), got.etag, got.age)
        try:
            return Entry(msgspec.json.decode(got.body, type=kind), got.etag, got.age)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidData(f"s3://{self.bucket}/{key} is not the state expected there: {error}") from error

    def put(self, key: str, value: T, condition: Condition = None, *, indent: bool = False) -> Entry[T]:
        """Store the document under ``condition``: Absent() for a new one, Matches(version) for a change, None for any.

        Fails with ConditionLost, naming the key and both versions, when another writer was faster.
        """
        if self.codec == "pickle":
            body, content_type = pickle.dumps(value), "application/octet-stream"
        else:
            body, content_type = msgspec.json.encode(value), "application/json"
            if indent:
                body = msgspec.json.format(body, indent=2) + b"\n"
        written = put(self.client, self.bucket, key, body, condition=condition, content_type=content_type)
        return Entry(value, written.etag)

    def update(self, key: str, change: Callable[[T], T], *, default: T, kind: type[T]) -> Entry[T]:
        """Store ``change(document)``, where a missing document is ``default``, so that no other change is lost.

        ``change`` may be called several times, each time with the newest document, and must have no other effect.
        Fails with ConditionLost after a hundred rounds in which other writers were faster.
        """
        for attempt in range(_ROUNDS):
            entry = self.get(key, kind)
            condition = Matches(entry.version) if entry else Absent()
            try:
                return self.put(key, change(entry.value if entry else default), condition)
            except ConditionLost:
                if attempt == _ROUNDS - 1:
                    raise
                pause(min(attempt, 3))
        raise AssertionError("the last round returns or raises")

    def delete(self, key: str, version: str | None = None) -> None:
        """Delete the document, if it still has ``version``; a missing one is no error.

        Fails with ConditionLost, naming the key and both versions, when it has another.
        """
        try:
            delete(self.client, self.bucket, key, condition=Matches(version) if version else None)
        except ConditionLost as error:
            found = head(self.client, self.bucket, key)
            raise ConditionLost(
                f"s3://{self.bucket}/{key} was changed by another writer: expected ETag {version}, it is "
                f"{f'ETag {found.etag}' if found else 'deleted'}; it was not deleted"
            ) from error

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the keys of the documents that start with ``prefix``, in order."""
        return keys(self.client, self.bucket, prefix)

    def history(self, key: str) -> Iterator[Version]:
        """Give the versions of a document, newest first, those of a deletion too; the bucket must be versioned."""
        return versions(self.client, self.bucket, key)


def unpickled(body: bytes, kind: type[T], what: str) -> T:
    """Read a pickle as ``kind``; InvalidData when it is none or of another kind."""
    try:
        value = pickle.loads(body)  # noqa: S301 - asked for by name, and the page says what that risks
    except Exception as error:  # a pickle can raise anything that its classes raise
        raise InvalidData(f"{what} cannot be unpickled: {type(error).__name__}: {error}") from error
    if not isinstance(value, kind):
        raise InvalidData(f"{what} is a pickle of {type(value).__name__}, not {kind.__name__}")
    return value
