"""The object that an operation is called with: what it is, its bytes in bounded memory, and writing beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.s3.condition import Condition
from brigade.s3.get import Gets
from brigade.s3.put import Puts, put
from brigade.s3.read import stream
from brigade.s3.refusal import refused

_MIB = 1024 * 1024


class S3(Gets, Puts, Protocol):
    """The calls that operations make: GetObject, HeadObject, PutObject."""


@dataclass(frozen=True)
class Head:
    """What S3 says of an object besides its bytes. ``etag`` is without its quotes."""

    etag: str
    size: int
    content_type: str
    metadata: dict[str, str]
    version_id: str | None


class Object:
    """One object of a job; making it asks S3 nothing.

    It is the manifest's version, or without one the current object: pinned by its ETag from the moment that ``head`` is
    looked at, and while it is streamed. If it changes meanwhile, reading fails with RetryLater.
    """

    def __init__(self, s3: S3, bucket: str, key: str, version_id: str | None = None) -> None:
        self.bucket = bucket
        self.key = key
        self.version_id = version_id
        self._s3 = s3

    def __repr__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @cached_property
    def head(self) -> Head:
        """Size, ETag, type and metadata, by one HeadObject, asked when first looked at. Fails with NotFound."""
        version = {} if self.version_id is None else {"VersionId": self.version_id}
        with refused("look at", self.bucket, self.key):
            answer: Any = self._s3.head_object(Bucket=self.bucket, Key=self.key, **version)
        return Head(
            etag=answer["ETag"].strip('"'),
            size=answer["ContentLength"],
            content_type=answer.get("ContentType", ""),
            metadata=dict(answer.get("Metadata", {})),
            version_id=answer.get("VersionId"),
        )

    def read(self, limit_mib: int) -> bytes:
        """Give the whole content, by one GetObject; fails with InvalidData as soon as it is over ``limit_mib``."""
        content = bytearray()
        for piece in self.stream():
            content += piece
            if len(content) > limit_mib * _MIB:
                raise InvalidData(f"the object is over the {limit_mib} MiB that this operation reads")
        return bytes(content)

    def stream(self, piece_bytes: int = _MIB) -> Iterator[bytes]:
        """Give the content in pieces of at most ``piece_bytes``, all of it or an error; memory: one piece.

        A connection that breaks is taken up behind the last byte. Fails with NotFound, or with RetryLater when the
        object changed or S3 does not give it now.
        """
        seen = self.__dict__.get("head")
        try:
            yield from stream(
                self._s3, self.bucket, self.key, self.version_id, if_match=seen and seen.etag, chunk=piece_bytes
            )
        except ConditionLost as error:
            raise RetryLater("the object changed while it was read") from error

    def write(self, key: str, content: bytes, *, content_type: str, condition: Condition = None) -> None:
        """Write another object of the same bucket, whole or not at all; a return says that it is there.

        ``condition`` is ``Absent()`` (only if there is none), ``Matches(etag)`` (only if it is still this one), or
        none: replace what is there. Fails with ConditionLost when the condition did not hold. A conditional write whose
        answer got lost is settled by a look at the object, so the operation's ``reads`` must have its keys too.
        """
        if condition is None:
            # To send it again is the same, so a lost answer needs no look, and the role no right to read.
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, ContentType=content_type)
        else:
            put(self._s3, self.bucket, key, content, content_type=content_type, condition=condition)
