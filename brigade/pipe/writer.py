"""The writer of a pipe: parts grow with a stream of unknown size, within a memory limit."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from brigade.errors import RetryLater, UsageError
from brigade.pipe.units import MIB
from brigade.s3.checksum import crc64nvme
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import Condition
from brigade.s3.location import Location
from brigade.s3.multipart import LARGEST_PART, Part, Upload
from brigade.s3.objects import resolve_write
from brigade.s3.staged_upload import StagedUpload
from brigade.s3.writer import Destination, Writer

MEMORY = 128 * MIB
THREADS = 6
PROCESS = 52 * MIB  # the interpreter, TLS and the checksum library, before the first byte
_DIRECT, _GROWS_EACH = 512, 64


def plan_parts(memory: int) -> tuple[int, int]:
    """Return the bytes of all buffers and of the first part, for a process of `memory` bytes.

    Raises:
        UsageError: `memory` is below 67 MiB.
    """
    buffers = memory - PROCESS
    if buffers < 3 * 5 * MIB:
        raise UsageError(f"pipes need {(PROCESS + 15 * MIB) // MIB} MiB of memory or more, not {memory // MIB}")
    return buffers, max(5 * MIB, min(8 * MIB, buffers // 9 // MIB * MIB))


def open_writer(
    client: S3Client,
    location: Location,
    *,
    condition: Condition = None,
    attributes: Mapping[str, Any] | None = None,
    memory: int = MEMORY,
    threads: int = THREADS,
) -> Writer:
    """Return the writer of a pipe, with a CRC-64 of each part and of the whole, for a process of `memory` bytes."""
    carried = dict(attributes or {})
    buffers, first = plan_parts(memory)
    return GrowingWriter(
        client,
        location.bucket,
        location.key,
        condition=condition,
        metadata=carried.pop("Metadata", None),
        content_type=carried.pop("ContentType", "binary/octet-stream"),
        part_bytes=first,
        threads=threads,
        memory=buffers,
        checksum=crc64nvme(),
        attributes=carried,
    )


def recheck_condition(client: Any, location: Location, condition: Condition, token: str = "") -> None:
    """Raise ConditionLost if `condition` no longer holds. Called before the request that publishes.

    A server that ignores the condition of a write would replace an object that another writer published meanwhile.
    """
    if condition is not None:
        with suppress(RetryLater):  # the write itself is conditional too
            resolve_write(client, *location, token, condition)


class PipeWriter(Writer):
    """A writer that checks the condition again before it publishes."""

    def _before_publish(self) -> None:
        location = Location(self._bucket, self._key)
        recheck_condition(self._client, location, self._condition, self._carried["token"] or "")


class GrowingWriter(PipeWriter):
    """A writer whose parts grow with the object. Parts larger than the memory go through stages.

    In 128 MiB, 64 parts of 8 MiB, 64 of 16 MiB and 384 of 25 MiB hold 11 GiB. All further parts are stages of 5 GiB, of
    203 pieces each, so 10,000 parts reach 46.3 TiB without a size known before. (S3's limit of 48.8 TiB is 10,000 parts
    of 5 GiB. Each smaller part at the start is up to 5 GiB less.)
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._beyond: list[tuple[str, int]] = []

    def open(self) -> Destination:
        """Open the upload and its stages."""
        upload = super().open()
        if not isinstance(upload, Upload):
            raise TypeError("a growing writer writes uploads")
        attributes = self._carried["attributes"]
        return StagedUpload(self._client, upload, _DIRECT, self._largest, attributes)

    @property
    def _largest(self) -> int:
        """Bytes of the largest part: a third of the buffers, or a little less so that pieces fill a stage exactly."""
        third = (self._memory or 3 * self._part_bytes) // 3
        return LARGEST_PART // -(-LARGEST_PART // third)

    @property
    def whole(self) -> str:
        """The checksum of the whole object as it was sent. Read it after the block has ended."""
        direct = (super().whole, sum(part.size for part in self._parts))
        return crc64nvme().whole([direct, *self._beyond]) if self._beyond else direct[0]

    def _add(self, part: Part) -> None:
        if part.number <= _DIRECT:
            super()._add(part)
            return
        # Two million results would outgrow the memory limit. One combined checksum is enough.
        self._beyond.append((part.checksum, part.size))
        if len(self._beyond) > 1:
            self._beyond = [(crc64nvme().whole(self._beyond), sum(size for _, size in self._beyond))]

    def _size(self) -> int:
        number = self._next()
        if number > _DIRECT:
            return self._largest
        return min(self._part_bytes << min(20, (number - 1) // _GROWS_EACH), self._largest)
