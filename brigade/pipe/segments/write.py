"""From a stream to segments, in parallel, that readers may follow."""

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
from brigade.pipe.descriptor import Watch
from brigade.pipe.growing import PROCESS
from brigade.pipe.segments import manifest
from brigade.pipe.segments.manifest import Manifest
from brigade.pipe.write import Job, feed
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
class Split:
    """A stream that was written whole in segments."""

    path: Location
    segments: int
    bytes: int
    seconds: float


def split(job: Job, size: int, watches: Sequence[Watch] = (), *, memory: int | None = None) -> Split:
    """Write the job's input in segments of ``size`` bytes under its location, and a manifest that tells how far it is.

    The manifest never names a segment that is not there, says ``completed`` only at a good end and ``failed`` at a bad
    one, and changes every five seconds while this process lives. Memory: three segments and 56 MiB, or as many as fit
    ``memory`` (UsageError if that is none). Fails with ConditionLost where segments are already, as ``run`` does.
    """
    path, begun = job.location, time.monotonic()
    if isinstance(job.condition, Matches):
        raise UsageError("--if-match is of one object; segments are written only where there are none")
    if job.retries:
        raise UsageError("--exec-retries is of one object; segments cannot be taken back from their readers")
    if next(list_keys(job.client, path.bucket, f"{path.key}/"), None) is not None:
        raise ConditionLost(f"{path}/ holds objects already; nothing was written")
    require_conditions(job.keyed, path, job.condition)
    room = _BUFFERS if memory is None else (memory - PROCESS) // size
    if room < 1:
        raise UsageError(f"one segment of {size} bytes does not fit {memory} bytes of memory; lower --segment-size")
    file, _ = feed(job, lambda: Segmented(job, size, int(room)), watches)
    return Split(path, file.parts, file.bytes, round(time.monotonic() - begun, 3))


class Segments:
    """A path that segments are written under: the destination of ``Segmented``."""

    def __init__(self, client: Any, path: Location, size: int, attributes: Mapping[str, Any]) -> None:
        self.reason = "the writer failed"
        self._client, self._path, self._attributes = client, path, dict(attributes)
        self._metadata, self._content_type = self._attributes.pop("Metadata", None), self._attributes.pop("ContentType")
        self._checksum = crc64nvme()
        self._manifest = Manifest(segment_size=size, began=manifest.now(), heartbeat=0)
        self._sizes: dict[int, int] = {}
        self._etag = ""
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._lost: BrigadeError | None = None
        self._heart = threading.Thread(target=self._beat, name="brigade-heartbeat", daemon=True)

    def open(self) -> None:
        """Write the first manifest; ConditionLost if there is one."""
        self._store(self._manifest, Absent())
        self._heart.start()

    def part(self, number: int, body: bytearray) -> Part:
        """Store a segment; S3 compares its MD5 and CRC-64, and its ETag is compared here."""
        if self._lost:
            raise self._lost
        md5 = hashlib.md5(body, usedforsecurity=False)
        written = put(
            self._client,
            self._path.bucket,
            manifest.segment(self._path, number),
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
        """Say in the manifest that all is there."""
        self._stop()
        return self._store(replace(self._reached(), completed=True, ended=manifest.now()), Matches(self._etag))

    def abort(self) -> None:
        """Say in the manifest that no more will come, and why; what was written stays for its readers to refuse."""
        self._stop()
        with suppress(ConditionLost):
            self._store(replace(self._reached(), failed=self.reason, ended=manifest.now()), Matches(self._etag))

    def _reached(self) -> Manifest:
        """Give the manifest of the segments that are there without a gap."""
        with self._lock:
            count, total = self._manifest.segments, self._manifest.total
            while count + 1 in self._sizes:
                count += 1
                total += self._sizes.pop(count)
            beat = (self._manifest.heartbeat or 0) + 1
            self._manifest = replace(self._manifest, segments=count, total=total, heartbeat=beat)
            return self._manifest

    def _beat(self) -> None:
        told, stored = 0, time.monotonic()
        while not self._ended.wait(_LOOK_S):
            if not (told + 1 in self._sizes or time.monotonic() - stored >= BEAT_S):
                continue
            try:
                reached = self._reached()
                self._store(reached, Matches(self._etag))
                told, stored = reached.segments, time.monotonic()
            except ConditionLost as error:
                self._lost = error  # another writer has this path: no segment more
                return
            except BrigadeError:
                continue  # readers wait a dozen beats; if S3 stays away, a segment fails and says so

    def _store(self, told: Manifest, condition: Condition) -> WriteResult:
        written = put(self._client, self._path.bucket, manifest.key(self._path), told.encode(), condition=condition)
        self._etag = written.etag
        return written

    def _stop(self) -> None:
        self._ended.set()
        if self._heart.is_alive():
            self._heart.join()


class Segmented(Writer):
    """A writer whose parts are objects of their own, and whose publication is the manifest's last word."""

    def __init__(self, job: Job, size: int, buffers: int) -> None:
        super().__init__(job.keyed, *job.location, threads=max(1, buffers - 1))
        self._job, self._segment_size = job, size
        self._path = Segments(job.keyed, job.location, size, job.attributes)

    def open(self) -> Segments:
        """Open the path: write its first manifest."""
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
            self._send()  # empty input is one empty segment: s3pipe2's readers wait for a first one
        return super()._publish()
