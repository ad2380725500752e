"""JSON documents on S3. A change applies only to the version that was read."""

import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Literal, TypeVar

import msgspec

from brigade.errors import ConditionLost, InvalidData
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import TOKEN, Absent, Condition, Matches, new_token, pause
from brigade.s3.listing import ObjectVersion, list_keys, list_versions
from brigade.s3.objects import ObjectBody, delete, get, put
from brigade.state.encode import check_unique_members, encode

T = TypeVar("T")
Codec = Literal["json", "pickle"]
LIMIT = 64 * 1024 * 1024
"""The largest document, in bytes."""
_ROUNDS = 100
# S3 accepts 2 KB of metadata: 64 writes of 16 characters, and a comma each.
_RECENT, _WRITES, _ID = "brigade-recent", 64, 16
_NEW = "new"


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """A document and its version (ETag)."""

    value: T
    version: str
    age: float = 0.0
    """Seconds between write and read, by S3's clock."""


class State(msgspec.Struct, frozen=True):
    """The documents of one bucket. A key is the object's key. A value is any type that msgspec encodes as JSON.

    Memory: one document of at most 64 MiB.

    Raises:
        NotFound: Any call: there is no such bucket.
        BrigadeError: Any call: not allowed.
        RetryLater: Any call: S3 does not answer now.
    """

    client: S3Client
    bucket: str
    codec: Codec = "json"
    """`pickle` runs any code that a document contains. Use it only where no other program can write."""
    encoding: str = "ASCII"
    """The encoding of strings in a pickle of Python 2, as in `pickle.load`: `latin1` for one with datetimes, `bytes`
    for strings as bytes."""

    def get(self, key: str, kind: type[T], *, version_id: str | None = None) -> Entry[T] | None:
        """Return the document, or its version `version_id`, as `kind`; None if there is none.

        Raises:
            InvalidData: It has another shape, or a member occurs twice.
        """
        got = get(self.client, self.bucket, key, version_id=version_id, limit=LIMIT)
        return self._decoded(got, key, kind) if got else None

    def put(self, key: str, value: T, condition: Condition = None, *, indent: bool = False) -> Entry[T]:
        """Store the whole document under `condition`, so that `get` returns an equal one.

        Args:
            condition: Absent() for a new document, Matches(version) for a change, None to replace any document.
            indent: Whether to write the JSON for people, on several lines.

        Raises:
            ConditionLost: Another writer was faster. The message names the key and both versions.
            InvalidData: JSON cannot hold the value, or it is more than 64 MiB. Nothing was written.
        """
        body = self._encoded(key, value, indent=indent)
        written = put(self.client, self.bucket, key, body, condition=condition, content_type=self._content_type)
        return Entry(value, written.etag)

    def update(self, key: str, change: Callable[[T], T], *, default: T, kind: type[T]) -> Entry[T]:
        """Store `change(document)` exactly once, without losing other changes. A missing document is `default`.

        `change` may be called several times, each time with the newest document, and must have no other effect. The
        object's metadata lists the last 64 updates. So a change whose answer was lost is found in later versions of the
        document, and is not repeated.

        Returns:
            The document with the change. Where others have changed it since, their changes are in it too.

        Raises:
            ConditionLost: Other writers were faster in a hundred rounds; or S3's answer was lost, and more than 63
                updates or a `put` replaced the document before it was read again. The change may then be stored.
            InvalidData: As `put`.
        """
        for attempt in range(_ROUNDS):
            got = get(self.client, self.bucket, key, limit=LIMIT)
            before = _recent(got)
            token = new_token()
            value = change(self._decoded(got, key, kind).value if got else default)
            try:
                written = put(
                    self.client,
                    self.bucket,
                    key,
                    self._encoded(key, value),
                    condition=Matches(got.etag) if got else Absent(),
                    content_type=self._content_type,
                    token=token,
                    metadata={_RECENT: ",".join((*before, token[:_ID])[-_WRITES:])},
                )
                return Entry(value, written.etag)
            except ConditionLost as error:
                if not error.certain and (entry := self._made(key, kind, token[:_ID], before[-1], error)):
                    return entry
                if attempt == _ROUNDS - 1:
                    raise
                pause(min(attempt, 3))
        raise AssertionError("the last round returns or raises")

    def delete(self, key: str, version: str | None = None) -> None:
        """Delete the document if it still has `version`. A missing document is no error.

        Raises:
            ConditionLost: It has another version. The message names the key and both versions.
        """
        delete(self.client, self.bucket, key, condition=Matches(version) if version is not None else None)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys of the documents with `prefix`, in order."""
        return list_keys(self.client, self.bucket, prefix)

    def history(self, key: str) -> Iterator[ObjectVersion]:
        """Iterate over the versions of a document, newest first, with delete markers. The bucket must be versioned."""
        return list_versions(self.client, self.bucket, key)

    @property
    def _content_type(self) -> str:
        return "application/octet-stream" if self.codec == "pickle" else "application/json"

    def _made(self, key: str, kind: type[T], mine: str, before: str, error: ConditionLost) -> Entry[T] | None:
        """Return the document if write `mine` is in its history; None if the history reaches `before` without it."""
        got = get(self.client, self.bucket, key, limit=LIMIT)
        recent = _recent(got)
        if got and mine in recent:
            return self._decoded(got, key, kind)
        if before in recent:
            return None
        raise ConditionLost(
            f"{error}; or it was written, and then replaced: S3's answer was lost, and too much was written since to "
            "tell. Read the document before you repeat the change"
        ) from error

    def _decoded(self, got: ObjectBody, key: str, kind: type[T]) -> Entry[T]:
        what = f"s3://{self.bucket}/{key}"
        if self.codec == "pickle":
            return Entry(unpickle(got.body, kind, what, self.encoding), got.etag, got.age)
        try:
            value = msgspec.json.decode(got.body, type=kind)
            check_unique_members(got.body, what)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidData(f"{what} is not the state expected there: {error}") from error
        return Entry(value, got.etag, got.age)

    def _encoded(self, key: str, value: object, *, indent: bool = False) -> bytes:
        what = f"s3://{self.bucket}/{key}"
        body = pickle.dumps(value) if self.codec == "pickle" else encode(value, what)
        if indent and self.codec == "json":
            body = msgspec.json.format(body, indent=2) + b"\n"
        if len(body) > LIMIT:
            raise InvalidData(f"{what} cannot be stored: it has {len(body)} bytes, more than the {LIMIT} of a document")
        return body


def _recent(got: ObjectBody | None) -> tuple[str, ...]:
    """Return the names of the last updates of a document, the newest last. After any other write, only its name."""
    if got is None:
        return (_NEW,)
    metadata: Mapping[str, str] = got.metadata
    if recent := metadata.get(_RECENT):
        return tuple(recent.split(","))
    return (metadata.get(TOKEN, got.etag.strip('"'))[:_ID],)


def unpickle(body: bytes, kind: type[T], what: str, encoding: str = "ASCII") -> T:
    """Return the value of a pickle, which must be a `kind`.

    Args:
        what: The document's name, for errors.
        encoding: The encoding of strings of Python 2, as in `pickle.loads`.

    Raises:
        InvalidData: It is not a pickle, not a `kind`, or has strings in another encoding.
    """
    try:
        value = pickle.loads(body, encoding=encoding)  # noqa: S301 - requested by name, and the page explains the risk
    except UnicodeDecodeError as error:
        raise InvalidData(
            f"{what} has text that is not {encoding}: Python 2 wrote it; set encoding to latin1, or utf-8"
        ) from error
    except Exception as error:  # a pickle can raise anything that its classes raise
        raise InvalidData(f"{what} cannot be unpickled: {type(error).__name__}: {error}") from error
    if not isinstance(value, kind):
        raise InvalidData(f"{what} is a pickle of {type(value).__name__}, not {kind.__name__}")
    return value
