"""A multipart upload, part by part, in this process or taken up in another: it is only an id and a list of parts."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from brigade.errors import BrigadeError, NotFound, RetryLater
from brigade.headers import check_metadata
from brigade.s3.checksum import CRC32, Checksum
from brigade.s3.condition import Absent, Condition, headers
from brigade.s3.head import Heads
from brigade.s3.refusal import absent, code, complete, failures, field, refusal, refused
from brigade.s3.settle import TOKEN, TRIES, Written, new_token, pause, settle, unclear

SMALLEST_PART = 5 * 1024 * 1024
LARGEST_PART = 5 * 1024 * 1024 * 1024
MOST_PARTS = 10_000
_PARTS_A_SIZE = 1000


class Uploads(Heads, Protocol):
    """The calls that a multipart upload needs."""

    def create_multipart_upload(self, **arguments: Any) -> Any:
        """CreateMultipartUpload."""

    def upload_part(self, **arguments: Any) -> Any:
        """UploadPart."""

    def complete_multipart_upload(self, **arguments: Any) -> Any:
        """CompleteMultipartUpload."""

    def abort_multipart_upload(self, **arguments: Any) -> Any:
        """AbortMultipartUpload."""


class Part(NamedTuple):
    """A part that S3 has: durable until the upload is completed or aborted."""

    number: int
    etag: str
    size: int
    checksum: str


def part_size(number: int, first: int) -> int:
    """Give the size of part ``number`` (from 1): ``first`` bytes, doubled after every 1,000 parts, 5 GiB at most.

    So an object of unknown size does not run out of its 10,000 parts: 8 MiB at first reaches 7.8 TiB, 50 MiB 20 TiB,
    and parts stay small while the object is
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
    """
    return min(first << ((number - 1) // _PARTS_A_SIZE), LARGEST_PART)


class Upload(NamedTuple):
    """An open multipart upload of one key; nothing is visible under the key until ``complete`` returns."""

    client: Uploads
    bucket: str
    key: str
    id: str
    token: str
    checksum: Checksum = CRC32

    @classmethod
    def create(
        cls,
        client: Uploads,
        bucket: str,
        key: str,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "binary/octet-stream",
        token: str | None = None,
        checksum: Checksum = CRC32,
        attributes: Mapping[str, Any] | None = None,
    ) -> Self:
        """Open an upload; ``token`` marks the object it makes, ``attributes`` are what it carries, as in ``put``."""
        token = token or new_token()
        marked = {**(metadata or {}), TOKEN: token}
        check_metadata(marked)
        with refused("write", bucket, key), complete("write", bucket, key):
            answer = client.create_multipart_upload(
                Bucket=bucket,
                Key=key,
                ContentType=content_type,
                Metadata=marked,
                ChecksumAlgorithm=checksum.name,
                **({"ChecksumType": "FULL_OBJECT"} if checksum.full else {}),
                **(attributes or {}),
            )
            return cls(client, bucket, key, field(answer, "UploadId"), token, checksum)

    def part(self, number: int, body: bytes | bytearray) -> Part:
        """Send part ``number``, from 1 to 10,000; a return says that S3 has it, its checksum compared.

        A part of the same number replaces an earlier one. Every part but the last has 5 MiB or more, which S3 checks
        at the end. Fails with NotFound when S3 no longer has the upload: aborted, by a rule or a person; with
        BrigadeError beyond the 10,000th part.
        """
        if number > MOST_PARTS:
            raise BrigadeError(
                f"s3://{self.bucket}/{self.key} has {MOST_PARTS} parts and S3 takes no more: "
                "give it more memory, so that parts are larger"
            )
        proof = self.checksum.of(body)
        act, whole = "write a part of", (self.bucket, self.key)
        with refused(act, *whole), complete(act, *whole):
            answer = self.client.upload_part(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self.id,
                PartNumber=number,
                Body=body,
                **{self.checksum.field: proof},
            )
            return Part(number, field(answer, "ETag"), len(body), proof)

    def complete(self, parts: Sequence[Part], condition: Condition = None) -> Written:
        """Publish the parts as one object, whole, under ``condition``; a return says that it is there.

        Where the checksum is of the whole object, S3 gets it, and the size, and publishes only what has both.
        May be called again after an unclear end, by another process too. Fails with ConditionLost when another write
        won, NotFound when S3 no longer has the upload and the object is not ours, RetryLater when it is not known; the
        upload is left open then, for ``complete`` again or ``abort``.
        """
        for attempt in range(TRIES):
            try:
                answer = self.client.complete_multipart_upload(
                    Bucket=self.bucket,
                    Key=self.key,
                    UploadId=self.id,
                    MultipartUpload={"Parts": [self._named(part) for part in parts]},
                    **self._whole(parts),
                    **headers(condition),
                )
                if answer.get("ETag"):
                    return Written(answer["ETag"], answer.get("VersionId"), answer.get(self.checksum.field))
                failure: Exception = KeyError("ETag")  # of an answer that something between made up, or cut
            except failures() as error:
                if not unclear(error, condition) and not absent(error):
                    raise refusal(error, "complete the upload of", self.bucket, self.key) from error
                failure = error
            if written := settle(self.client, self.bucket, self.key, self.token, condition):
                return written
            if code(failure) in {"NoSuchUpload", "NoSuchBucket", "InvalidPart"}:
                raise refusal(failure, "complete the upload of", self.bucket, self.key) from failure
            if code(failure) in {"ConditionalRequestConflict", "409"} and isinstance(condition, Absent):
                # S3 asks for a new upload after a 409; this one's parts cannot be published any more.
                self.abort()
                raise NotFound(
                    f"S3 dropped the upload of s3://{self.bucket}/{self.key} (409): start again"
                ) from failure
            pause(attempt)
        raise RetryLater(
            f"not known whether s3://{self.bucket}/{self.key} was published: S3 gave no clear answer; try again later"
        )

    def abort(self) -> None:
        """Drop the upload and its parts; one that is gone already, completed or aborted, is no error."""
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self.id)
        except failures() as error:
            if not absent(error):
                raise refusal(error, "abort the upload of", self.bucket, self.key) from error

    def _named(self, part: Part) -> dict[str, Any]:
        proof = {self.checksum.field: part.checksum} if part.checksum else {}
        return {"PartNumber": part.number, "ETag": part.etag, **proof}

    def _whole(self, parts: Sequence[Part]) -> dict[str, Any]:
        if not self.checksum.full or not all(part.checksum for part in parts):
            return {}
        whole = self.checksum.whole((part.checksum, part.size) for part in parts)
        size = sum(part.size for part in parts)
        return {self.checksum.field: whole, "ChecksumType": "FULL_OBJECT", "MpuObjectSize": size}
