"""Go on with an upload that an earlier run of the same stream left."""

import hashlib
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from brigade.errors import ConditionLost, InvalidData
from brigade.pipe.descriptor import Watch
from brigade.pipe.growing import PipeWriter, part_plan
from brigade.pipe.write import Job, Sent, check_first, feed, sent
from brigade.s3.checksum import crc64nvme
from brigade.s3.conditions import TOKEN, Absent, Condition, Matches, new_token, require_conditions
from brigade.s3.errors import UploadGone, translate_errors
from brigade.s3.location import Location
from brigade.s3.multipart import Part, Upload
from brigade.s3.objects import WriteResult, head
from brigade.state import Entry, State

SAVE_S = 2.0


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has left: its upload, how its parts are cut, and of each durable part its SHA-256."""

    bucket: str
    key: str
    upload: str
    token: str
    memory: int
    parts: dict[int, Part] = {}
    digests: dict[int, str] = {}
    attributes: dict[str, str] | None = None
    """What the upload gives the object; None in the state of a release that did not say it."""


def resumed(job: Job, name: str, bucket: str, prefix: str, watches: Sequence[Watch] = ()) -> Sent:
    """Publish as ``run`` does, but leave what is durable when the run ends badly, and take up what an earlier one left.

    The program, or who feeds stdin, has to give the same stream again: each part that is up already is read, proved to
    be the same by its SHA-256, and not sent again. The state is ``<prefix><name>.json`` in ``bucket``, written each two
    seconds under compare-and-swap, and deleted at the end. Memory: as the first run's.

    Fails as ``run`` does, with InvalidData when the stream is another one than before, with ConditionLost when another
    run of the same name is going on.
    """
    begun = time.monotonic()
    ledger = Ledger(job, State(job.client, bucket), f"{prefix}{name}.json")
    if ledger.published():
        with suppress(ConditionLost):
            ledger.forget()
        raise ConditionLost(f"{job.location} was published by the earlier run of {name!r} already; nothing was read")
    check_first(job.keyed, job.location, job.condition)
    require_conditions(job.keyed, job.location, job.condition)
    file, expectation = feed(job, lambda: Resumed(job, ledger), watches)
    left = ledger.left
    with suppress(ConditionLost):  # another run has begun under the name: its state stays, and what it uploads
        ledger.forget()
        if left and not file.parts:  # less than a part needed no upload, but the earlier run had opened one
            Upload(job.client, left.bucket, left.key, left.upload, left.token).abort()
    return sent(job, file, expectation, begun)


class Ledger:
    """What is durable, here and in the state."""

    def __init__(self, job: Job, state: State, key: str) -> None:
        self._job, self._state, self._key = job, state, key
        self._lock = threading.Lock()
        self._saved = time.monotonic()
        self._entry: Entry[Left] | None = state.get(key, Left)
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
    def left(self) -> Left | None:
        """What there is, if anything."""
        return self._entry.value if self._entry else None

    def published(self) -> bool:
        """Say whether the earlier run published after all, and only its answer was lost."""
        left = self.left
        found = head(self._job.keyed, *self._job.location) if left else None
        return bool(left and found and found.metadata.get(TOKEN) == left.token)

    def begin(self, upload: Upload) -> None:
        """Remember a new upload before its first part is sent."""
        left = Left(
            bucket=upload.bucket,
            key=upload.key,
            upload=upload.id,
            token=upload.token,
            memory=self._job.memory,
            attributes=_attributes(self._job),
        )
        self._store(left)

    def known(self, number: int) -> tuple[Part, str] | None:
        """Give the part of this number that is durable, and its SHA-256."""
        left = self.left
        return (left.parts[number], left.digests[number]) if left and number in left.parts else None

    def add(self, part: Part, digest: str) -> None:
        """Take in a part that has become durable; the state is written when two seconds have passed."""
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

    def _store(self, left: Left) -> None:
        condition: Condition = Matches(self._entry.version) if self._entry else Absent()
        try:
            self._entry = self._state.put(self._key, left, condition)
        except ConditionLost as error:
            raise ConditionLost(f"another run of the same --resume name is going on: {error}") from error
        self._saved = time.monotonic()


class Resumed(PipeWriter):
    """A writer that takes up an upload, and leaves it when it fails."""

    def __init__(self, job: Job, ledger: Ledger) -> None:
        buffers, first = part_plan(job.memory)
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

    def open(self) -> "Kept":
        """Take up the upload that was left, if S3 still has it, else open one and remember it."""
        left = self._ledger.left
        if left and not _there(self._job.client, left):
            self._ledger.forget()
            left = None
        if left:
            self._ledger.save()  # who had it before, if that still runs, finds the state changed and ends
            return Kept(self._job.keyed, left.bucket, left.key, left.upload, left.token, crc64nvme(), self._ledger)
        opened = super().open()
        if not isinstance(opened, Upload):
            raise TypeError("a resumed writer writes uploads")
        try:
            self._ledger.begin(opened)
        except BaseException:
            opened.abort()
            raise
        return Kept(self._job.keyed, opened.bucket, opened.key, opened.id, opened.token, opened.checksum, self._ledger)


class Kept:
    """An upload whose durable parts are remembered."""

    def __init__(
        self, client: Any, bucket: str, key: str, upload: str, token: str, checksum: Any, ledger: Ledger
    ) -> None:
        self._upload = Upload(client, bucket, key, upload, token, checksum)
        self._ledger = ledger

    def part(self, number: int, body: bytearray) -> Part:
        """Send a part, unless it is durable already: then prove that it is the same."""
        digest = hashlib.sha256(body).hexdigest()
        known = self._ledger.known(number)
        if known:
            part, before = known
            if digest == before and part.size == len(body):
                return part
            raise InvalidData(
                f"part {number} of the stream is not what it was in the earlier run: the producer does not repeat "
                "itself; start anew under another --resume name"
            )
        try:
            part = self._upload.part(number, body)
        except UploadGone as error:
            raise ConditionLost(f"the upload was ended by another run of the same --resume name: {error}") from error
        self._ledger.add(part, digest)
        return part

    def complete(self, parts: Sequence[Part], condition: Condition) -> WriteResult:
        """Publish the parts; InvalidData if the stream is shorter than it was."""
        self._ledger.check_end(len(parts))
        self._ledger.save()
        return self._upload.complete(parts, condition)

    def abort(self) -> None:
        """Leave all where it is, for the next run."""
        self._ledger.save()


def _attributes(job: Job) -> dict[str, str]:
    """Return what an upload of the job fixes when it is opened, as text by boto3's names."""
    attributes = {name: str(value) for name, value in job.attributes.items() if name != "Metadata"}
    metadata = {f"Metadata {name}": value for name, value in job.attributes.get("Metadata", {}).items()}
    key = {"SSECustomerKey": "given"} if job.customer_key else {}
    return {**attributes, **metadata, **key}


def _there(client: Any, left: Left) -> bool:
    """Return whether S3 still has the upload. Any answer but that and NoSuchUpload is an error, and the state stays."""
    try:
        with translate_errors("list the parts of", left.bucket, left.key):
            client.list_parts(Bucket=left.bucket, Key=left.key, UploadId=left.upload)
    except UploadGone:
        return False
    return True
