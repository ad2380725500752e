"""How the parts of a stream grow, whose size nobody says before."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from brigade.errors import RetryLater, UsageError
from brigade.pipe.quantity import MIB
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
PROCESS = 52 * MIB  # what the interpreter, TLS and the checksum library hold before the first byte
_DIRECT, _GROWS_EACH = 512, 64


def part_plan(memory: int) -> tuple[int, int]:
    """Give the buffers' bytes and the first part's bytes that a process of ``memory`` bytes has room for.

    Fails with UsageError below 68 MiB.
    """
    buffers = memory - PROCESS
    if buffers < 3 * 5 * MIB:
        raise UsageError(f"pipes need {(PROCESS + 15 * MIB) // MIB} MiB of memory or more, not {memory // MIB}")
    return buffers, max(5 * MIB, min(8 * MIB, buffers // 9 // MIB * MIB))


def writer(
    client: S3Client,
    location: Location,
    *,
    condition: Condition = None,
    attributes: Mapping[str, Any] | None = None,
    memory: int = MEMORY,
    threads: int = THREADS,
) -> Writer:
    """Make the writer of a pipe: CRC-64 over parts and whole, the process within ``memory`` bytes."""
    carried = dict(attributes or {})
    buffers, first = part_plan(memory)
    return Growing(
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


def look_again(client: Any, location: Location, condition: Condition, token: str = "") -> None:
    """Raise ConditionLost where `condition` does not hold any more. Called before the request that publishes.

    A server that passes over the condition of a write would replace what another writer published since the start.
    """
    if condition is not None:
        with suppress(RetryLater):  # the write itself is conditional too
            resolve_write(client, *location, token, condition)


class PipeWriter(Writer):
    """A writer that looks at the condition once more before it publishes."""

    def _before_publish(self) -> None:
        location = Location(self._bucket, self._key)
        look_again(self._client, location, self._condition, self._carried["token"] or "")


class Growing(PipeWriter):
    """A writer whose parts grow with the object, and go through stages once they have outgrown the memory.

    In 128 MiB, 64 parts of 8 MiB, 64 of 16 MiB and 384 of 25 MiB hold 11 GiB. Behind these, stages of 5 GiB each take
    203 pieces, so that 10,000 parts reach 46.3 TiB, and nobody has to say the size before. (S3's 48.8 TiB are 10,000
    parts of 5 GiB: each part of less, as a start in little memory takes them, is 5 GiB off that.)
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._beyond: list[tuple[str, int]] = []

    def open(self) -> Destination:
        """Open the upload, and what comes behind its direct parts."""
        upload = super().open()
        if not isinstance(upload, Upload):
            raise TypeError("a growing writer writes uploads")
        attributes = self._carried["attributes"]
        return StagedUpload(self._client, upload, _DIRECT, self._largest, attributes)

    @property
    def _largest(self) -> int:
        """A third of the buffers, or a little less, so that pieces of it fill a stage."""
        third = (self._memory or 3 * self._part_bytes) // 3
        return LARGEST_PART // -(-LARGEST_PART // third)

    @property
    def whole(self) -> str:
        """The checksum of the whole object, as it was sent, once the block has ended."""
        direct = (super().whole, sum(part.size for part in self._parts))
        return crc64nvme().whole([direct, *self._beyond]) if self._beyond else direct[0]

    def _add(self, part: Part) -> None:
        if part.number <= _DIRECT:
            super()._add(part)
            return
        # Two million pieces would outgrow the memory that they are made for: what is behind is one checksum.
        self._beyond.append((part.checksum, part.size))
        if len(self._beyond) > 1:
            self._beyond = [(crc64nvme().whole(self._beyond), sum(size for _, size in self._beyond))]

    def _size(self) -> int:
        number = self._next()
        if number > _DIRECT:
            return self._largest
        return min(self._part_bytes << min(20, (number - 1) // _GROWS_EACH), self._largest)
