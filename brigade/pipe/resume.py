"""Resume an upload that an earlier run of the same stream left unfinished."""

import hashlib
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from brigade.errors import ConditionLost, InvalidData
from brigade.pipe.file_descriptor import Watch
from brigade.pipe.write import UploadJob, UploadResult, check_condition_first, feed_writer, verified_result
from brigade.pipe.writer import PipeWriter, plan_parts
from brigade.s3.checksum import crc64nvme
from brigade.s3.conditions import TOKEN, Absent, Condition, Matches, new_token, require_conditions
from brigade.s3.errors import UploadGone, translate_errors
from brigade.s3.location import Location
from brigade.s3.multipart import Part, Upload
from brigade.s3.objects import WriteResult, head
from brigade.state import Entry, State

SAVE_S = 2.0


class ResumeState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an unfinished run: its upload, the memory that decides the part sizes, and its durable parts.

    Attributes:
        digests: The SHA-256 of each durable part, by its number.
        attributes: The attributes of the upload; None in the state of an older version.
    """

    bucket: str
    key: str
    upload: str
    token: str
    memory: int
    parts: dict[int, Part] = {}
    digests: dict[int, str] = {}
    attributes: dict[str, str] | None = None


def upload_resumable(
    job: UploadJob, name: str, bucket: str, prefix: str, watches: Sequence[Watch] = ()
) -> UploadResult:
    """Publish as `upload_stream` does, but keep the durable parts of a failed run, and resume from them.

    The input must be the same stream again. Each durable part is read, compared by its SHA-256, and not sent again. The
    state is written every two seconds under compare-and-swap, and deleted at the end. Memory: that of the first run.

    Args:
        name: Name of the run. The state is `<prefix><name>.json` in `bucket`.

    Raises:
        InvalidData: The stream is not the same as before.
        ConditionLost: Another run of the same name is active.
        BrigadeError: As `upload_stream`.
    """
    begun = time.monotonic()
    ledger = ResumeLedger(job, State(job.client, bucket), f"{prefix}{name}.json")
    if ledger.published():
        with suppress(ConditionLost):
            ledger.forget()
        raise ConditionLost(f"{job.location} was published by the earlier run of {name!r} already; nothing was read")
    check_condition_first(job.keyed, job.location, job.condition)
    require_conditions(job.keyed, job.location, job.condition)
    file, expectation = feed_writer(job, lambda: ResumableWriter(job, ledger), watches)
    left = ledger.left
    with suppress(ConditionLost):  # another run with the name has begun: its state and its upload stay
        ledger.forget()
        if left and not file.parts:  # the object fits one PutObject, but the earlier run had opened an upload
            Upload(job.client, left.bucket, left.key, left.upload, left.token).abort()
    return verified_result(job, file, expectation, begun)


class ResumeLedger:
    """The durable parts of a run, in memory and in the stored state."""

    def __init__(self, job: UploadJob, state: State, key: str) -> None:
        self._job, self._state, self._key = job, state, key
        self._lock = threading.Lock()
        self._saved = time.monotonic()
        self._entry: Entry[ResumeState] | None = state.get(key, ResumeState)
        if self._entry and (self._entry.value.bucket, self._entry.value.key) != tuple(job.location):
            left = self._entry.value
            other = Location(left.bucket, left.key)
            raise InvalidData(f"s3://{state.bucket}/{key} is the state of {other}; use another name")
        if self._entry and self._entry.value.memory != job.memory:
            raise InvalidData(
                f"the earlier run cut its parts for --memory {self._entry.value.memory} (bytes), not {job.memory}: "
                "give that, or start anew under another --resume name"
            )
        before, now = self._entry.value.attributes if self._entry else None, _attributes(job)
        if before is not None and before != now:
            names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
            raise InvalidData(
                f"the upload of the earlier run was opened with another {', '.join(names)}, which S3 does not change: "
                "give the options of that run, or start anew under another --resume name"
            )

    @property
    def left(self) -> ResumeState | None:
        """The stored state, if there is one."""
        return self._entry.value if self._entry else None

    def published(self) -> bool:
        """Return whether the earlier run published the object, and only the answer was lost."""
        left = self.left
        found = head(self._job.keyed, *self._job.location) if left else None
        return bool(left and found and found.metadata.get(TOKEN) == left.token)

    def begin(self, upload: Upload) -> None:
        """Store a new upload, before its first part is sent."""
        left = ResumeState(
            bucket=upload.bucket,
            key=upload.key,
            upload=upload.id,
            token=upload.token,
            memory=self._job.memory,
            attributes=_attributes(self._job),
        )
        self._store(left)

    def known(self, number: int) -> tuple[Part, str] | None:
        """Return the durable part of this number and its SHA-256, or None."""
        left = self.left
        return (left.parts[number], left.digests[number]) if left and number in left.parts else None

    def add(self, part: Part, digest: str) -> None:
        """Add a durable part. The state is written if the last write is two seconds ago."""
        with self._lock:
            left = self._entry.value if self._entry else None
            if left is None or self._entry is None:
                raise RuntimeError("a part without an upload")
            parts, digests = {**left.parts, part.number: part}, {**left.digests, part.number: digest}
            self._entry = Entry(msgspec.structs.replace(left, parts=parts, digests=digests), self._entry.version)
            if time.monotonic() - self._saved > SAVE_S:
                self._store(self._entry.value)

    def save(self) -> None:
        """Write the state now."""
        with self._lock:
            if self._entry:
                self._store(self._entry.value)

    def forget(self) -> None:
        """Delete the state.

        Raises:
            ConditionLost: Another run of the same name has written it meanwhile. Its state stays.
        """
        if self._entry:
            self._state.delete(self._key, self._entry.version)
        self._entry = None

    def check_end(self, parts: int) -> None:
        """Raise InvalidData if the earlier run sent more than `parts` parts: this stream is another one, or was cut."""
        longest = max(self.left.parts, default=0) if self.left else 0
        if longest > parts:
            raise InvalidData(
                f"the stream is shorter than in the earlier run, which sent {longest} parts: the producer does not "
                "repeat itself; start anew under another --resume name"
            )

    def _store(self, left: ResumeState) -> None:
        condition: Condition = Matches(self._entry.version) if self._entry else Absent()
        try:
            self._entry = self._state.put(self._key, left, condition)
        except ConditionLost as error:
            raise ConditionLost(f"another run of the same --resume name is going on: {error}") from error
        self._saved = time.monotonic()


class ResumableWriter(PipeWriter):
    """A writer that resumes an upload, and keeps it after a failure."""

    def __init__(self, job: UploadJob, ledger: ResumeLedger) -> None:
        buffers, first = plan_parts(job.memory)
        carried = dict(job.attributes)
        super().__init__(
            job.keyed,
            *job.location,
            condition=job.condition,
            metadata=carried.pop("Metadata", None),
            content_type=carried.pop("ContentType", "binary/octet-stream"),
            part_bytes=first,
            threads=job.threads,
            memory=buffers,
            checksum=crc64nvme(),
            attributes=carried,
            token=ledger.left.token if ledger.left else new_token(),
        )
        self._job, self._ledger = job, ledger

    def _publish(self) -> WriteResult:
        if self._upload is None:
            self._ledger.check_end(0)
        return super()._publish()

    def open(self) -> "ResumableUpload":
        """Resume the earlier upload if S3 still has it. Otherwise open one and store it."""
        left = self._ledger.left
        if left and not _exists(self._job.client, left):
            self._ledger.forget()
            left = None
        if left:
            self._ledger.save()  # the earlier run, if it is still active, finds the state changed and ends
            return ResumableUpload(
                self._job.keyed, left.bucket, left.key, left.upload, left.token, crc64nvme(), self._ledger
            )
        opened = super().open()
        if not isinstance(opened, Upload):
            raise TypeError("a resumed writer writes uploads")
        try:
            self._ledger.begin(opened)
        except BaseException:
            opened.abort()
            raise
        return ResumableUpload(
            self._job.keyed, opened.bucket, opened.key, opened.id, opened.token, opened.checksum, self._ledger
        )


class ResumableUpload:
    """An upload whose durable parts are in the ledger."""

    def __init__(
        self, client: Any, bucket: str, key: str, upload: str, token: str, checksum: Any, ledger: ResumeLedger
    ) -> None:
        self._upload = Upload(client, bucket, key, upload, token, checksum)
        self._ledger = ledger

    def part(self, number: int, body: bytearray) -> Part:
        """Send a part. If it is durable already, only compare its SHA-256."""
        digest = hashlib.sha256(body).hexdigest()
        known = self._ledger.known(number)
        if known:
            part, before = known
            if digest == before and part.size == len(body):
                return part
            raise InvalidData(
                f"part {number} of the stream differs from the earlier run: the producer does not repeat "
                "itself; start anew under another --resume name"
            )
        try:
            part = self._upload.part(number, body)
        except UploadGone as error:
            raise ConditionLost(f"the upload was ended by another run of the same --resume name: {error}") from error
        self._ledger.add(part, digest)
        return part

    def complete(self, parts: Sequence[Part], condition: Condition) -> WriteResult:
        """Publish the parts.

        Raises:
            InvalidData: The stream is shorter than in the earlier run.
        """
        self._ledger.check_end(len(parts))
        self._ledger.save()
        return self._upload.complete(parts, condition)

    def abort(self) -> None:
        """Store the state, and keep the upload for the next run."""
        self._ledger.save()


def _attributes(job: UploadJob) -> dict[str, str]:
    """Return the attributes that are fixed when the upload is opened, as text by boto3's names."""
    attributes = {name: str(value) for name, value in job.attributes.items() if name != "Metadata"}
    metadata = {f"Metadata {name}": value for name, value in job.attributes.get("Metadata", {}).items()}
    key = {"SSECustomerKey": "given"} if job.customer_key else {}
    return {**attributes, **metadata, **key}


def _exists(client: Any, left: ResumeState) -> bool:
    """Return whether S3 still has the upload. Any error but NoSuchUpload is raised, and the state stays."""
    try:
        with translate_errors("list the parts of", left.bucket, left.key):
            client.list_parts(Bucket=left.bucket, Key=left.key, UploadId=left.upload)
    except UploadGone:
        return False
    return True
