"""The object that an operation is called with: its head, its bytes in bounded memory, and writes beside it."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.headers import sent_text
from brigade.operations.object_properties import SOURCE, ObjectProperties, read_object_properties, short_digest
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import Absent, Condition, Matches, condition_arguments
from brigade.s3.errors import translate_errors
from brigade.s3.objects import delete, head, put
from brigade.s3.read import stream_object

if TYPE_CHECKING:
    from brigade.s3 import Writer

_MIB = 1024 * 1024
_COPIED_AT_ONCE = 5 * 1024 * _MIB  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that are unreadable until a restore: a new object there could not be read."""


class Object:
    """One object of a job. The constructor sends no request.

    The object is the version that the manifest names, or else the current version. `head` and `stream` pin the current
    version by its ETag: if the object changes meanwhile, reading raises RetryLater.
    """

    def __init__(self, s3: S3Client, bucket: str, key: str, version_id: str | None = None) -> None:
        self.bucket = bucket
        self.key = key
        self.version_id = version_id
        self._s3 = s3

    def __repr__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @cached_property
    def head(self) -> ObjectProperties:
        """Size, ETag, type and metadata, by one HeadObject on first use. Raises NotFound if there is no object."""
        return read_object_properties(self._s3, self.bucket, self.key, self.version_id)

    @cached_property
    def tags(self) -> dict[str, str]:
        """The tags of this version, by one request on first use. The operation must declare `tags`."""
        asked: Any = self._s3
        with translate_errors("look at the tags of", self.bucket, self.key):
            pinned = {"VersionId": self.version_id} if self.version_id else {}
            answer = asked.get_object_tagging(Bucket=self.bucket, Key=self.key, **pinned)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def at(self, key: str) -> "Object":
        """Return another object of the same bucket, in its current version."""
        return Object(self._s3, self.bucket, key)

    @property
    def labels(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the user's metadata, without the marks of this library, and the tags."""
        return self.head.user_metadata, self.tags

    def must_be_current(self) -> None:
        """Raise InvalidData if this version is not the current one. Only the current version can be replaced.

        Versions are compared by their ids: an older version may have the same bytes, and so the same ETag.
        """
        if self.version_id is None:
            return
        current = self.at(self.key).head
        if (current.version_id or "null") != self.version_id:
            raise InvalidData(f"version {self.version_id} is not the current one; nothing was done")

    def read(self, limit_mib: int) -> bytes:
        """Return the whole content, by one GetObject. Raises InvalidData as soon as it is over `limit_mib` MiB."""
        content = bytearray()
        for piece in self.stream():
            content += piece
            if len(content) > limit_mib * _MIB:
                raise InvalidData(f"the object is larger than {limit_mib} MiB, the most that this operation reads")
        return bytes(content)

    def stream(self, piece_bytes: int = _MIB) -> Iterator[bytes]:
        """Yield the whole content in pieces of at most `piece_bytes`. Memory: one piece.

        A broken connection is resumed after the last byte.

        Raises:
            NotFound: There is no object.
            RetryLater: The object changed, or S3 does not answer now.
        """
        seen = self.__dict__.get("head")
        try:
            yield from stream_object(
                self._s3, self.bucket, self.key, self.version_id, if_match=seen and seen.etag, chunk=piece_bytes
            )
        except ConditionLost as error:
            raise RetryLater("the object changed while it was read") from error

    def seekable(self) -> io.BufferedIOBase:
        """Return the content as a seekable file, read by ranges of at least 1 MiB, all of the same version."""
        from brigade.operations.range_file import RangeFile  # few operations seek: the others start without it

        return io.BufferedReader(RangeFile(self._s3, self.bucket, self.key, self.head, self.version_id), _MIB)

    def sha256(self) -> str:
        """Return the SHA-256 of the whole content, in hexadecimal."""
        digest = hashlib.sha256()
        for piece in self.stream():
            digest.update(piece)
        return digest.hexdigest()

    def has_made(self, key: str, recipe: str = "") -> bool:
        """Return whether `key` already holds the result of this content and this `recipe`, so there is nothing to do.

        The metadata entry `SOURCE` records it. `copy` and `writer` set this entry; `write` sets it once `head` has been
        read. The operation's `reads` or `checks` must allow the key.

        Args:
            key: The key of the result.
            recipe: Text that contains every argument that changes the result.
        """
        found = head(self._s3, self.bucket, key)
        return found is not None and found.metadata.get(SOURCE) == self._mark(recipe)

    def made_key(self, key: str) -> bool:
        """Return whether `key` holds a result of an object with this key, of any content.

        This object itself may be gone: S3 runs a task again if its answer was lost, also after it moved the object.
        """
        found = head(self._s3, self.bucket, key)
        return found is not None and self._is_marked(found.metadata)

    def replaces(self, key: str) -> Condition:
        """Return the condition for a write to `key`: there is no object, or it is an earlier result of this key.

        Raises:
            ConditionLost: The key holds another object, or the result of another key.
        """
        found = head(self._s3, self.bucket, key)
        if found is None:
            return Absent()
        if not self._is_marked(found.metadata):
            raise ConditionLost(
                f"{key} exists and was not made from {self.key}; nothing was written; delete or rename it"
            )
        return Matches(found.etag)

    def _is_marked(self, metadata: Mapping[str, str]) -> bool:
        return metadata.get(SOURCE, "").split(" ")[1:2] == [short_digest(self.key)]

    def _mark(self, recipe: str) -> str:
        return f"{self.head.etag} {short_digest(self.key)} {short_digest(recipe)}"

    def writer(
        self,
        key: str,
        *,
        content_type: str,
        condition: Condition = None,
        tags: Mapping[str, str] | None = None,
        recipe: str = "",
    ) -> "Writer":
        """Return a stream to another object of the same bucket. It is published whole when the `with` block succeeds.

        The new object has the metadata and storage class of this object, `tags`, and the entry that `has_made` reads.
        If this object is in an archive class, the new one is in S3's default class, because it must be readable.
        Memory: two parts of 8 MiB. Conditions and errors are those of `write`.
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
        given = self.head.put_arguments()
        if given.get("StorageClass") in _ARCHIVED:
            del given["StorageClass"]
        return given

    def copy(self, key: str, condition: Condition) -> None:
        """Copy this object to another key of the same bucket, inside S3.

        The copy has the metadata, tags, headers and storage class of this object, and the entry that `has_made`
        reads. The class is stated, because CopyObject without one writes to STANDARD. Over 5 GiB the object is
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
        with translate_errors("copy to", self.bucket, key):
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
                    **condition_arguments(condition),
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
        from brigade.s3.listing import ListedObject

        self.must_be_current()
        source = ListedObject(self.key, self.head.size, f'"{self.head.etag}"')
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
        return {**self.head.put_arguments(), **encoding}

    def delete(self) -> None:
        """Delete the current object if it has not changed. A missing object is no error.

        In a versioned bucket this writes a delete marker. Raises ConditionLost if the object has changed.
        """
        calls: Any = self._s3
        delete(calls, self.bucket, self.key, condition=Matches(f'"{self.head.etag}"'))

    def write(
        self, key: str, content: bytes, *, content_type: str, condition: Condition = None, recipe: str = ""
    ) -> None:
        """Write another object of the same bucket, whole or not at all.

        The new object has the entry that `has_made` reads if `head` has been read or a `recipe` is passed.

        Args:
            condition: `Absent()`: only if there is no object. `Matches(etag)`: only if it has this ETag. None: replace.
                A conditional write whose answer is lost is resolved by HeadObject, so `reads` must allow the key too.

        Raises:
            ConditionLost: The condition did not hold.
        """
        metadata = {SOURCE: self._mark(recipe)} if recipe or "head" in self.__dict__ else {}
        if condition is None:
            # To send it again is the same, so a lost answer needs no look, and the role no right to read.
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, ContentType=content_type, Metadata=metadata)
        else:
            put(self._s3, self.bucket, key, content, content_type=content_type, condition=condition, metadata=metadata)
