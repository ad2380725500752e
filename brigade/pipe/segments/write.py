"""Write a stream as segments, in parallel. Readers may follow."""

import base64
import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from brigade.errors import BrigadeError, ConditionLost, InvalidData, UsageError
from brigade.pipe.file_descriptor import Watch
from brigade.pipe.segments import manifest
from brigade.pipe.segments.manifest import SegmentManifest
from brigade.pipe.write import UploadJob, feed_writer
from brigade.pipe.writer import PROCESS
from brigade.s3.checksum import crc64nvme
from brigade.s3.conditions import Absent, Condition, Matches, require_conditions
from brigade.s3.listing import list_keys
from brigade.s3.location import Location
from brigade.s3.multipart import Part
from brigade.s3.objects import WriteResult, put
from brigade.s3.writer import Writer

BEAT_S = 5.0
_LOOK_S = 1.0
_BUFFERS = 3


@dataclass(frozen=True)
class SegmentsResult:
    """The result of a stream that was written completely as segments."""

    path: Location
    segments: int
    bytes: int
    seconds: float


def write_segments(
    job: UploadJob, size: int, watches: Sequence[Watch] = (), *, memory: int | None = None
) -> SegmentsResult:
    """Write the job's input as segments of `size` bytes under its location, and a manifest of the progress.

    The manifest never names a segment that is not stored, is `completed` only after a good end and `failed` after a bad
    one, and changes every five seconds while this process is alive.

    Args:
        memory: Bytes for the process. Default: three segments and 56 MiB.

    Raises:
        UsageError: `memory` does not hold a segment, or the job has an option for single objects.
        ConditionLost: There are already segments.
        BrigadeError: As `upload_stream`.
    """
    path, begun = job.location, time.monotonic()
    if isinstance(job.condition, Matches):
        raise UsageError("--if-match works for one object only; segments are written only where there are none")
    if job.retries:
        raise UsageError("--exec-retries works for one object only: a reader may already have read a segment")
    if next(list_keys(job.client, path.bucket, f"{path.key}/"), None) is not None:
        raise ConditionLost(f"{path}/ holds objects already; nothing was written")
    require_conditions(job.keyed, path, job.condition)
    room = _BUFFERS if memory is None else (memory - PROCESS) // size
    if room < 1:
        raise UsageError(f"one segment of {size} bytes does not fit {memory} bytes of memory; lower --segment-size")
    file, _ = feed_writer(job, lambda: SegmentWriter(job, size, int(room)), watches)
    return SegmentsResult(path, file.parts, file.bytes, round(time.monotonic() - begun, 3))


class SegmentDestination:
    """The path of segments: the destination of `SegmentWriter`."""

    def __init__(self, client: Any, path: Location, size: int, attributes: Mapping[str, Any]) -> None:
        self.reason = "the writer failed"
        self._client, self._path, self._attributes = client, path, dict(attributes)
        self._metadata, self._content_type = self._attributes.pop("Metadata", None), self._attributes.pop("ContentType")
        self._checksum = crc64nvme()
        self._manifest = SegmentManifest(segment_size=size, began=manifest.now(), heartbeat=0)
        self._sizes: dict[int, int] = {}
        self._etag = ""
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._lost: BrigadeError | None = None
        self._heart = threading.Thread(target=self._beat, name="brigade-heartbeat", daemon=True)

    def open(self) -> None:
        """Write the first manifest.

        Raises:
            ConditionLost: There is already a manifest.
        """
        self._store(self._manifest, Absent())
        self._heart.start()

    def part(self, number: int, body: bytearray) -> Part:
        """Store a segment. S3 compares its MD5 and CRC-64, and this method compares its ETag."""
        if self._lost:
            raise self._lost
        md5 = hashlib.md5(body, usedforsecurity=False)
        written = put(
            self._client,
            self._path.bucket,
            manifest.segment_key(self._path, number),
            body,
            condition=Absent(),
            metadata=self._metadata,
            content_type=self._content_type,
            checksum=self._checksum,
            attributes={**self._attributes, "ContentMD5": base64.b64encode(md5.digest()).decode()},
        )
        etag = written.etag.strip('"')
        if etag != md5.hexdigest() and "ServerSideEncryption" not in self._attributes:
            raise InvalidData(f"S3 has segment {number} with MD5 {etag}, {md5.hexdigest()} was sent")
        with self._lock:
            self._sizes[number] = len(body)
        return Part(number, written.etag, len(body), self._checksum.of(body))

    def complete(self, parts: Sequence[Part], condition: Condition) -> WriteResult:
        """Write a completed manifest."""
        self._stop()
        return self._store(replace(self._reached(), completed=True, ended=manifest.now()), Matches(self._etag))

    def abort(self) -> None:
        """Write the reason of the failure to the manifest. The segments stay, and readers refuse them."""
        self._stop()
        with suppress(ConditionLost):
            self._store(replace(self._reached(), failed=self.reason, ended=manifest.now()), Matches(self._etag))

    def _reached(self) -> SegmentManifest:
        """Return a manifest of the stored segments up to the first gap."""
        with self._lock:
            count, total = self._manifest.segments, self._manifest.total
            while count + 1 in self._sizes:
                count += 1
                total += self._sizes.pop(count)
            beat = (self._manifest.heartbeat or 0) + 1
            self._manifest = replace(self._manifest, segments=count, total=total, heartbeat=beat)
            return self._manifest

    def _beat(self) -> None:
        written, stored = 0, time.monotonic()
        while not self._ended.wait(_LOOK_S):
            if not (written + 1 in self._sizes or time.monotonic() - stored >= BEAT_S):
                continue
            try:
                reached = self._reached()
                self._store(reached, Matches(self._etag))
                written, stored = reached.segments, time.monotonic()
            except ConditionLost as error:
                self._lost = error  # another writer has this path: write no further segment
                return
            except BrigadeError:
                continue  # readers wait a dozen beats; if S3 does not come back, a segment fails and raises

    def _store(self, progress: SegmentManifest, condition: Condition) -> WriteResult:
        written = put(self._client, self._path.bucket, manifest.key(self._path), progress.encode(), condition=condition)
        self._etag = written.etag
        return written

    def _stop(self) -> None:
        self._ended.set()
        if self._heart.is_alive():
            self._heart.join()


class SegmentWriter(Writer):
    """A writer whose parts are separate objects, and which publishes by completing the manifest."""

    def __init__(self, job: UploadJob, size: int, buffers: int) -> None:
        super().__init__(job.keyed, *job.location, threads=max(1, buffers - 1))
        self._job, self._segment_size = job, size
        self._path = SegmentDestination(job.keyed, job.location, size, job.attributes)

    def open(self) -> SegmentDestination:
        """Write the first manifest."""
        self._path.open()
        return self._path

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._path.reason = str(error) or type(error).__name__
        super().__exit__(kind, error, trace)

    def _size(self) -> int:
        return self._segment_size

    def _publish(self) -> WriteResult:
        if not self.bytes:
            self._send()  # empty input is one empty segment: s3pipe2's readers wait for a first segment
        return super()._publish()
