"""The object that an operation is called with: what it is, its bytes in bounded memory, and writing beside it."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.headers import sent_text
from brigade.s3.condition import Absent, Condition, Matches, headers
from brigade.s3.delete import delete
from brigade.s3.get import Gets
from brigade.s3.head import head
from brigade.s3.put import Puts, put
from brigade.s3.read import stream
from brigade.s3.refusal import complete, refused
from brigade.s3.settle import TOKEN

if TYPE_CHECKING:
    from brigade.s3 import Writer

SOURCE = "brigade-source"
"""The name of the metadata entry that says of what an object was made: the source's ETag, digests of its key and of the
recipe."""
_MARKS = frozenset({SOURCE, TOKEN})

_MIB = 1024 * 1024
_COPIED_AT_ONCE = 5 * 1024 * _MIB  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_KEPT = ("CacheControl", "ContentDisposition", "ContentLanguage", "Expires", "WebsiteRedirectLocation", "StorageClass")
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Classes that S3 does not give back before they are restored: a new object there could not be read."""


class S3(Gets, Puts, Protocol):
    """The calls that every operation may make: GetObject, HeadObject, PutObject."""


@dataclass(frozen=True)
class Head:
    """What S3 says of an object besides its bytes. ``etag`` is without its quotes."""

    etag: str
    size: int
    content_type: str
    encoding: str
    """Its Content-Encoding, empty where it has none; what is made of it may be of another."""
    metadata: dict[str, str]
    version_id: str | None
    attributes: Mapping[str, str]
    """What else a copy should carry, by boto3's names of PutObject's arguments, as it was received."""

    def carried(self) -> dict[str, Any]:
        """Return `attributes` as arguments that send the same bytes. Fails with InvalidData where one is not UTF-8."""
        return {name: sent_text(each) if isinstance(each, str) else each for name, each in self.attributes.items()}


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
        with complete("look at", self.bucket, self.key):
            return Head(
                etag=answer["ETag"].strip('"'),
                size=answer["ContentLength"],
                content_type=answer.get("ContentType", ""),
                encoding=answer.get("ContentEncoding", ""),
                metadata=dict(answer.get("Metadata", {})),
                version_id=answer.get("VersionId"),
                attributes={name: answer[name] for name in _KEPT if answer.get(name)},
            )

    @cached_property
    def tags(self) -> dict[str, str]:
        """The tags of this version of the object, asked when first looked at; the operation must declare ``tags``."""
        asked: Any = self._s3
        with refused("look at the tags of", self.bucket, self.key):
            pinned = {"VersionId": self.version_id} if self.version_id else {}
            answer = asked.get_object_tagging(Bucket=self.bucket, Key=self.key, **pinned)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def at(self, key: str) -> "Object":
        """Give another object of the same bucket, as it is now."""
        return Object(self._s3, self.bucket, key)

    @property
    def labels(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the user's metadata, without the marks of this library, and the tags."""
        return {name: value for name, value in self.head.metadata.items() if name not in _MARKS}, self.tags

    def must_be_current(self) -> None:
        """Raise InvalidData when this is a version that is not the current one, and so cannot be replaced.

        Versions are compared by their ids: an older version may have the same bytes, and so the same ETag.
        """
        if self.version_id is None:
            return
        current = self.at(self.key).head
        if (current.version_id or "null") != self.version_id:
            raise InvalidData(f"version {self.version_id} is not the current one; nothing was done")

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

    def seekable(self) -> io.BufferedIOBase:
        """Give the content as a file to seek in, read by ranges of at least 1 MiB, all of the same version."""
        from brigade.operations.range_file import Ranges  # few operations seek: the others start without it

        return io.BufferedReader(Ranges(self._s3, self.bucket, self.key, self.head, self.version_id), _MIB)

    def sha256(self) -> str:
        """Read all of it and give its SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        for piece in self.stream():
            digest.update(piece)
        return digest.hexdigest()

    def has_made(self, key: str, recipe: str = "") -> bool:
        """Return whether `key` holds what was made of just this content by this `recipe`: there is nothing to do.

        It is known by the metadata under `SOURCE`, which `copy` and `writer` set, and `write` once the head was looked
        at. The operation's `reads` or `checks` must have the key.

        Args:
            key: The key of the result.
            recipe: Text that contains every argument that changes the result.
        """
        found = head(self._s3, self.bucket, key)
        return found is not None and found.metadata.get(SOURCE) == self._mark(recipe)

    def made_key(self, key: str) -> bool:
        """Return whether `key` holds what was made of an object with this key, whatever its content was.

        This object itself may be gone: a task that moved it, and whose answer was lost, is run again.
        """
        found = head(self._s3, self.bucket, key)
        return found is not None and self._is_marked(found.metadata)

    def replaces(self, key: str) -> Condition:
        """Return the condition for a write to `key`: there is no object, or the one that was made of this key before.

        Raises:
            ConditionLost: The key holds another object, or what was made of another key.
        """
        found = head(self._s3, self.bucket, key)
        if found is None:
            return Absent()
        if not self._is_marked(found.metadata):
            raise ConditionLost(f"{key} exists already and was not made of {self.key}; nothing was written")
        return Matches(found.etag)

    def _is_marked(self, metadata: Mapping[str, str]) -> bool:
        return metadata.get(SOURCE, "").split(" ")[1:2] == [_digest(self.key)]

    def _mark(self, recipe: str) -> str:
        return f"{self.head.etag} {_digest(self.key)} {_digest(recipe)}"

    def writer(
        self,
        key: str,
        *,
        content_type: str,
        condition: Condition = None,
        tags: Mapping[str, str] | None = None,
        recipe: str = "",
    ) -> "Writer":
        """Give a stream to another object of the same bucket: all of it is published at the good end of the block.

        It carries this object's metadata and storage class, ``tags`` if given, and what ``has_made`` knows it by. Of an
        object in an archive class the result is in S3's default class: it must be readable.
        Memory: two parts of 8 MiB. Conditions and failures as in ``write``.
        """
        from brigade.s3 import Writer  # most operations write one small object: they start without it

        calls: Any = self._s3
        return Writer(
            calls,
            self.bucket,
            key,
            condition=condition,
            metadata={**self.head.metadata, SOURCE: self._mark(recipe)},
            content_type=content_type,
            threads=1,
            attributes={**self._readable_attributes, **({"Tagging": urlencode(tags)} if tags else {})},
        )

    @property
    def _readable_attributes(self) -> dict[str, Any]:
        given = self.head.carried()
        if given.get("StorageClass") in _ARCHIVED:
            del given["StorageClass"]
        return given

    def copy(self, key: str, condition: Condition) -> None:
        """Copy this content to another key of the same bucket inside S3, with everything that it carries.

        The copy has the metadata, tags, headers and storage class of this object, and the mark by which `has_made`
        knows it. The class is stated, because CopyObject without one writes to STANDARD. Over 5 GiB the object is
        copied in parts, whole or not at all; it must be the current version.

        Raises:
            ConditionLost: The condition did not hold.
            RetryLater: This object changed meanwhile.
            InvalidData: A header of this object is not UTF-8, so it cannot be copied as it is.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
        """
        if self.head.size > _COPIED_AT_ONCE:
            self._copy_in_parts(key, condition)
            return
        calls: Any = self._s3
        source = {"Bucket": self.bucket, "Key": self.key}
        if self.version_id is not None:
            source["VersionId"] = self.version_id
        with refused("copy to", self.bucket, key):
            try:
                calls.copy_object(
                    Bucket=self.bucket,
                    Key=key,
                    CopySource=source,
                    CopySourceIfMatch=self.head.etag,
                    MetadataDirective="REPLACE",
                    Metadata={**self.head.metadata, SOURCE: self._mark("")},
                    ContentType=sent_text(self.head.content_type),
                    **self._carried,
                    **headers(condition),
                )
            except calls.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in {"PreconditionFailed", "412"}:
                    raise
                if self.at(self.key).head.etag != self.head.etag and self.version_id is None:
                    raise RetryLater("the object changed while it was copied") from error
                raise ConditionLost(f"{key} exists already; nothing was copied") from None

    def _copy_in_parts(self, key: str, condition: Condition) -> None:
        # Few objects are so large: most operations start without these.
        from brigade.s3.concatenate import concatenate
        from brigade.s3.list import Listed

        self.must_be_current()
        source = Listed(self.key, self.head.size, f'"{self.head.etag}"')
        tags = {"Tagging": urlencode(self.tags)} if self.tags else {}
        concatenate(
            self._s3,
            self.bucket,
            [source],
            key,
            condition=condition,
            content_type=sent_text(self.head.content_type),
            metadata={**self.head.metadata, SOURCE: self._mark("")},
            attributes={**self._carried, **tags},
        )

    @property
    def _carried(self) -> dict[str, Any]:
        encoding = {"ContentEncoding": sent_text(self.head.encoding)} if self.head.encoding else {}
        return {**self.head.carried(), **encoding}

    def delete(self) -> None:
        """Delete the current object if it is still this one; one that is gone is no error.

        In a versioned lake that is a delete marker. Fails with ConditionLost when it has changed.
        """
        calls: Any = self._s3
        delete(calls, self.bucket, self.key, condition=Matches(f'"{self.head.etag}"'))

    def write(
        self, key: str, content: bytes, *, content_type: str, condition: Condition = None, recipe: str = ""
    ) -> None:
        """Write another object of the same bucket, whole or not at all; a return says that it is there.

        Where the head was looked at, or a ``recipe`` is given, it carries what ``has_made`` knows it by.

        ``condition`` is ``Absent()`` (only if there is none), ``Matches(etag)`` (only if it is still this one), or
        none: replace what is there. Fails with ConditionLost when the condition did not hold. A conditional write whose
        answer got lost is settled by a look at the object, so the operation's ``reads`` must have its keys too.
        """
        metadata = {SOURCE: self._mark(recipe)} if recipe or "head" in self.__dict__ else {}
        if condition is None:
            # To send it again is the same, so a lost answer needs no look, and the role no right to read.
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, ContentType=content_type, Metadata=metadata)
        else:
            put(
                self._s3,
                self.bucket,
                key,
                content,
                content_type=content_type,
                condition=condition,
                metadata=metadata,
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
