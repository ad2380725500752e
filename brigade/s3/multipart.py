"""A multipart upload, part by part. It is only an id and a list of parts, so another process can continue it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from brigade.errors import BrigadeError, NotFound, RetryLater
from brigade.headers import check_metadata
from brigade.s3.checksum import CRC32, ChecksumAlgorithm
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import (
    TOKEN,
    TRIES,
    Absent,
    Condition,
    condition_arguments,
    is_ambiguous,
    new_token,
    pause,
)
from brigade.s3.errors import (
    client_errors,
    error_code,
    is_absent,
    require_fields,
    required_field,
    translate_error,
    translate_errors,
)
from brigade.s3.listing import ListedObject
from brigade.s3.location import Location
from brigade.s3.objects import ObjectHead, WriteResult, resolve_write

SMALLEST_PART = 5 * 1024 * 1024
LARGEST_PART = 5 * 1024 * 1024 * 1024
MOST_PARTS = 10_000
_PARTS_BEFORE_GROWTH = 1000


class Part(NamedTuple):
    """A part that S3 has. It is durable until the upload is completed or aborted."""

    number: int
    etag: str
    size: int
    checksum: str


def part_size(number: int, first: int) -> int:
    """Return the size in bytes of part `number` (from 1): `first`, doubled after every 1,000 parts, at most 5 GiB.

    So an object of unknown size does not run out of its 10,000 parts: 8 MiB at first reaches 7.8 TiB, 50 MiB reaches
    20 TiB, and the parts of a small object are small.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    """
    return min(first << ((number - 1) // _PARTS_BEFORE_GROWTH), LARGEST_PART)


class Upload(NamedTuple):
    """An open multipart upload of one key. Nothing is visible under the key until `complete` returns."""

    client: S3Client
    bucket: str
    key: str
    id: str
    token: str
    checksum: ChecksumAlgorithm = CRC32

    @classmethod
    def create(
        cls,
        client: S3Client,
        bucket: str,
        key: str,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "binary/octet-stream",
        token: str | None = None,
        checksum: ChecksumAlgorithm = CRC32,
        attributes: Mapping[str, Any] | None = None,
    ) -> Self:
        """Open an upload.

        Args:
            token: Identifies the object that it will publish.
            attributes: More arguments of CreateMultipartUpload, as in `objects.put`.
        """
        token = token or new_token()
        marked = {**(metadata or {}), TOKEN: token}
        check_metadata(marked)
        arguments: dict[str, Any] = {
            "ContentType": content_type,
            "Metadata": marked,
            "ChecksumAlgorithm": checksum.name,
            **({"ChecksumType": "FULL_OBJECT"} if checksum.full else {}),
            **(attributes or {}),
        }
        with translate_errors("write", bucket, key), require_fields("write", bucket, key):
            answer = client.create_multipart_upload(Bucket=bucket, Key=key, **arguments)
            return cls(client, bucket, key, required_field(answer, "UploadId"), token, checksum)

    def part(self, number: int, body: bytes | bytearray) -> Part:
        """Send part `number`, from 1 to 10,000. On return S3 has it, and has compared its checksum.

        A part of the same number replaces an earlier one. Every part but the last needs 5 MiB or more, which S3 checks
        at the end.

        Raises:
            NotFound: S3 no longer has the upload: a rule or a person aborted it.
            BrigadeError: `number` is beyond 10,000.
        """
        self._check_number(number)
        checksum = self.checksum.of(body)
        arguments: dict[str, Any] = {self.checksum.field: checksum}
        action, place = "write a part of", (self.bucket, self.key)
        with translate_errors(action, *place), require_fields(action, *place):
            answer = self.client.upload_part(
                Bucket=self.bucket, Key=self.key, UploadId=self.id, PartNumber=number, Body=body, **arguments
            )
            return Part(number, required_field(answer, "ETag"), len(body), checksum)

    def copy_part(
        self,
        number: int,
        source: Location,
        current: ObjectHead | ListedObject,
        span: tuple[int, int] | None = None,
    ) -> Part:
        """Make part `number` a copy of `source`. S3 copies it, so no byte is downloaded.

        Args:
            source: An object of at most 5 GiB, or of more than 5 MiB if `span` is given.
            current: The version of the source that is copied.
            span: The first byte, and the byte behind the last.

        Raises:
            BrigadeError: The source has changed.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
        """
        action, place = "copy into the upload of", (self.bucket, self.key)
        span_argument: dict[str, Any] = {"CopySourceRange": f"bytes={span[0]}-{span[1] - 1}"} if span else {}
        with translate_errors(action, *place), require_fields(action, *place):
            answer = self.client.upload_part_copy(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self.id,
                PartNumber=number,
                CopySource={"Bucket": source.bucket, "Key": source.key},
                CopySourceIfMatch=current.etag,
                **span_argument,
            )["CopyPartResult"]
            size = span[1] - span[0] if span else current.size
            fields: Mapping[str, Any] = answer
            return Part(number, required_field(answer, "ETag"), size, fields.get(self.checksum.field, ""))

    def complete(self, parts: Sequence[Part], condition: Condition = None) -> WriteResult:
        """Publish the parts as one object, whole, under `condition`. On return the object is there.

        If the checksum is of the whole object, S3 gets it together with the size, and publishes only what has both.
        May be called again after an ambiguous end, also by another process.

        Raises:
            ConditionLost: Another write won.
            NotFound: S3 no longer has the upload, and the object is not of this upload.
            RetryLater: It is not known if the object was published. The upload stays open: call `complete` again, or
                `abort`.
        """
        action = "complete the upload of"
        arguments: dict[str, Any] = {
            "MultipartUpload": {"Parts": [self._completed_part(part) for part in parts]},
            **self._whole(parts),
            **condition_arguments(condition),
        }
        for attempt in range(TRIES):
            try:
                answer: Mapping[str, Any] = self.client.complete_multipart_upload(
                    Bucket=self.bucket, Key=self.key, UploadId=self.id, **arguments
                )
                if answer.get("ETag"):
                    return WriteResult(answer["ETag"], answer.get("VersionId"), answer.get(self.checksum.field))
                failure: Exception = KeyError("ETag")  # a proxy made the answer up, or cut it
            except client_errors() as error:
                if not is_ambiguous(error, condition) and not is_absent(error):
                    raise translate_error(error, action, self.bucket, self.key) from error
                failure = error
            if written := resolve_write(self.client, self.bucket, self.key, self.token, condition):
                return written
            if error_code(failure) in {"NoSuchUpload", "NoSuchBucket", "InvalidPart"}:
                raise translate_error(failure, action, self.bucket, self.key) from failure
            if error_code(failure) in {"ConditionalRequestConflict", "409"} and isinstance(condition, Absent):
                # S3 asks for a new upload after a 409. The parts of this one cannot be published any more.
                self.abort()
                raise NotFound(
                    f"S3 dropped the upload of s3://{self.bucket}/{self.key} (409): start again"
                ) from failure
            pause(attempt)
        raise RetryLater(
            f"S3 returned no clear answer: s3://{self.bucket}/{self.key} may be published or not; try again later"
        )

    def abort(self) -> None:
        """Delete the upload and its parts. If it is already completed or aborted, that is no error."""
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self.id)
        except client_errors() as error:
            if not is_absent(error):
                raise translate_error(error, "abort the upload of", self.bucket, self.key) from error

    def _check_number(self, number: int) -> None:
        if number > MOST_PARTS:
            raise BrigadeError(
                f"s3://{self.bucket}/{self.key} has {MOST_PARTS} parts, the most that S3 accepts: "
                "give it more memory, so that parts are larger"
            )

    def _completed_part(self, part: Part) -> dict[str, Any]:
        checksum = {self.checksum.field: part.checksum} if part.checksum else {}
        return {"PartNumber": part.number, "ETag": part.etag, **checksum}

    def _whole(self, parts: Sequence[Part]) -> dict[str, Any]:
        if not self.checksum.full or not all(part.checksum for part in parts):
            return {}
        whole = self.checksum.whole((part.checksum, part.size) for part in parts)
        size = sum(part.size for part in parts)
        return {self.checksum.field: whole, "ChecksumType": "FULL_OBJECT", "MpuObjectSize": size}
