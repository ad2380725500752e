"""Parts larger than memory: written to temporary objects beside the key, which S3 copies into the upload.

10,000 parts of 25 MiB make 226 GiB. To go further, write 5 GiB temporary objects and add each one with
UploadPartCopy as one part: up to 46 TiB.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from brigade.errors import BrigadeError, InvalidData
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import Condition
from brigade.s3.location import Location
from brigade.s3.multipart import LARGEST_PART, MOST_PARTS, Part, Upload
from brigade.s3.objects import WriteResult, delete, head

_ENCRYPTION = ("ServerSideEncryption", "SSEKMSKeyId")


@dataclass
class _Stage:
    upload: Upload
    parts: dict[int, Part] = field(default_factory=dict)
    closing: bool = False
    written: WriteResult | None = None


class StagedUpload:
    """A writer's destination: the first parts go to an upload, all further ones to stages of 5 GiB.

    A stage is a temporary object `<key>.brigade-stage/<token>-<number>`. It is deleted after the copy.

    Nothing is under the key before `complete`. A killed process leaves at most one stage, beside the upload.

    Args:
        upload: The upload of the object.
        direct: Number of parts that go to `upload`.
        piece: Bytes of each further part.
        attributes: Attributes of the object. Its encryption applies to the stages too.
    """

    def __init__(
        self,
        client: S3Client,
        upload: Upload,
        direct: int,
        piece: int,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self._client, self._upload, self._direct = client, upload, direct
        self._encryption = {name: value for name, value in (attributes or {}).items() if name in _ENCRYPTION}
        self._pieces = LARGEST_PART // piece
        self._lock = threading.Lock()
        self._stages: dict[int, _Stage] = {}
        self._copied: dict[int, Part] = {}

    @property
    def most(self) -> int:
        """The largest number of parts that a writer may send."""
        return self._direct + (MOST_PARTS - self._direct) * self._pieces

    def part(self, number: int, body: bytearray) -> Part:
        """Send a part, or a piece of a stage. The last piece of a stage starts the copy of the stage."""
        if number <= self._direct:
            return self._upload.part(number, body)
        index, within = divmod(number - self._direct - 1, self._pieces)
        with self._lock:
            stage = self._stages.get(index) or self._stages.setdefault(index, _Stage(self._open(index)))
        part = stage.upload.part(within + 1, body)
        with self._lock:
            stage.parts[within] = part
            full = len(stage.parts) == self._pieces
        if full:
            self._close(index)
        return Part(number, part.etag, part.size, part.checksum)

    def complete(self, parts: Sequence[Part], condition: Condition) -> WriteResult:
        """Copy the last stage and publish the object."""
        for index in sorted(self._stages):
            self._close(index)
        staged = [self._copied[index] for index in sorted(self._copied)]
        return self._upload.complete([*parts[: self._direct], *staged], condition)

    def abort(self) -> None:
        """Abort the upload and all open stages, then raise the error of one that failed."""
        with ExitStack() as every:  # runs the last one first, and the others also after one has failed
            every.callback(self._upload.abort)
            for index, stage in list(self._stages.items()):
                if stage.closing:
                    every.callback(self._delete, index, stage)
                every.callback(stage.upload.abort)

    def _close(self, index: int) -> None:
        stage = self._stages[index]
        bucket, key = self._upload.bucket, self._key(index)
        parts = [stage.parts[number] for number in sorted(stage.parts)]
        stage.closing = True
        written = stage.written = stage.upload.complete(parts)
        meant = self._upload.checksum.whole((part.checksum, part.size) for part in parts)
        found = head(self._client, bucket, key)
        if found is None or found.etag != written.etag:
            raise InvalidData(f"s3://{bucket}/{key} was changed while it was gathered; nothing was published")
        copied = self._upload.copy_part(self._direct + index + 1, Location(bucket, key), found)
        if copied.checksum and copied.checksum != meant:
            raise InvalidData(f"S3 copied s3://{bucket}/{key} as {copied.checksum}, not {meant}: nothing was published")
        self._copied[index] = Part(copied.number, copied.etag, copied.size, meant)
        del self._stages[index]
        self._delete(index, stage)

    def _delete(self, index: int, stage: _Stage) -> None:
        place = self._upload.bucket, self._key(index)
        version = stage.written.version_id if stage.written else None
        try:
            delete(self._client, *place, version_id=version)
        except BrigadeError:
            if version is None:
                raise
            # A role for backups often may not delete versions. Then the bucket's rule for old versions deletes it.
            delete(self._client, *place)

    def _open(self, index: int) -> Upload:
        upload = self._upload
        return Upload.create(
            self._client, upload.bucket, self._key(index), checksum=upload.checksum, attributes=self._encryption
        )

    def _key(self, index: int) -> str:
        return f"{self._upload.key}.brigade-stage/{self._upload.token}-{index + 1:05d}"
