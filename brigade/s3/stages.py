"""Parts larger than memory: gathered in an object beside the key, and taken over by a copy on the side of S3.

An object has 10,000 parts of 5 GiB at most. Who holds some 25 MiB of a part at a time reaches 226 GiB with them; who
gathers 5 GiB of such pieces into an object of its own first, and copies that in as one part, the 45 TiB beyond.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from brigade.errors import BrigadeError, InvalidData
from brigade.s3.condition import Condition
from brigade.s3.copy import copy_part
from brigade.s3.delete import Deletes, delete
from brigade.s3.head import head
from brigade.s3.location import Location
from brigade.s3.settle import Written
from brigade.s3.upload import LARGEST_PART, MOST_PARTS, Part, Upload, Uploads

_ENCRYPTION = ("ServerSideEncryption", "SSEKMSKeyId")


class Stageable(Uploads, Deletes, Protocol):
    """The calls that staging needs, ``upload_part_copy`` besides."""


@dataclass
class _Stage:
    upload: Upload
    parts: dict[int, Part] = field(default_factory=dict)
    closing: bool = False
    written: Written | None = None


class Stages:
    """A writer's destination whose first ``direct`` parts go to ``upload``, and all behind them through stages.

    They have ``piece`` bytes each, a stage 5 GiB: ``<key>.brigade-stage/<token>-<number>``, deleted once it is copied,
    and encrypted as ``attributes``, those of the object, say.

    Nothing is under the key before ``complete``. A killed process leaves one stage at most, beside the upload.
    """

    def __init__(
        self,
        client: Stageable,
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
        """How many parts a writer may send."""
        return self._direct + (MOST_PARTS - self._direct) * self._pieces

    def part(self, number: int, body: bytearray) -> Part:
        """Send a part, or a piece of a stage; the piece that fills one has it copied."""
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

    def complete(self, parts: Sequence[Part], condition: Condition) -> Written:
        """Copy the last stage and publish."""
        for index in sorted(self._stages):
            self._close(index)
        staged = [self._copied[index] for index in sorted(self._copied)]
        return self._upload.complete([*parts[: self._direct], *staged], condition)

    def abort(self) -> None:
        """Abort the upload and the stages that are open: all of them, then raise what failed, if anything did."""
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
        copied = copy_part(self._upload, self._direct + index + 1, Location(bucket, key), found)
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
            # Who writes backups is often not let delete versions: the bucket's rule for old ones does it then.
            delete(self._client, *place)

    def _open(self, index: int) -> Upload:
        upload = self._upload
        return Upload.create(
            self._client, upload.bucket, self._key(index), checksum=upload.checksum, attributes=self._encryption
        )

    def _key(self, index: int) -> str:
        return f"{self._upload.key}.brigade-stage/{self._upload.token}-{index + 1:05d}"
