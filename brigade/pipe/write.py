"""Write a stream to one S3 object, whole or not at all."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from brigade.codec import BLOCK, Compression, open_compressed_stream
from brigade.errors import InvalidData, RetryLater
from brigade.pipe.attributes import SseCustomerClient, check_attributes
from brigade.pipe.expectation import Expectation
from brigade.pipe.file_descriptor import Watch, read_into, widen_pipe
from brigade.pipe.producer import Producer, ProducerFailed
from brigade.pipe.writer import MEMORY, THREADS, open_writer
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import Condition, require_conditions
from brigade.s3.location import Location
from brigade.s3.objects import check_condition, head
from brigade.s3.writer import Writer


@dataclass(frozen=True)
class UploadResult:
    """The result of an upload: the published version and its checksums."""

    location: Location
    etag: str
    version_id: str | None
    bytes: int
    input_bytes: int
    parts: int
    crc64nvme: str
    sha256: str | None
    seconds: float


@contextmanager
def open_write(client: S3Client, uri: str, **options: Any) -> Iterator[Writer]:
    """Yield a file. When the block ends well, its content is published whole; after an exception nothing is.

    `with open_write(client, "s3://bucket/key", condition=Absent()) as file: file.write(block)`. After the block, S3's
    checksum of the object has been compared, and `file.written` has the version. Blocks have any size. An object has at
    most 46 TiB.

    Args:
        options: `condition` of `brigade.s3`; `attributes` by boto3's names (`ContentType`, `Metadata`, `ACL` …);
            `memory`, bytes for the process (default 128 MiB, 67 MiB or more); `threads`, parts sent at a time
            (default 6).

    Raises:
        ConditionLost: Another write won.
        RetryLater: S3 does not take it now.
        InvalidData: S3 has other bytes.
        BrigadeError: Not allowed.
    """
    location = Location.parse(uri)
    check_attributes(options.get("attributes") or {})
    require_conditions(client, location, options.get("condition"))
    with open_writer(client, location, **options) as file:
        yield file
    verify(client, location, file)


@dataclass(frozen=True, kw_only=True)
class UploadJob:
    """An upload of the output of a command, or of stdin.

    Attributes:
        command: The program and its arguments. Empty: stdin is the input.
        attributes: By boto3's names.
        customer_key: Arguments of SSE-C.
        retries: Number of further runs of a failed command.
        memory: Bytes for the process.
        throttle: Bytes a second.
    """

    client: Any
    location: Location
    command: Sequence[str] = ()
    condition: Condition = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    customer_key: Mapping[str, Any] = field(default_factory=dict)
    expect_bytes: int | None = None
    expect_sha256: str | None = None
    expect_trailer: bytes | None = None
    sha256: bool = False
    allow_empty: bool = False
    retries: int = 0
    compression: Compression | None = None
    level: int | None = None
    memory: int = MEMORY
    threads: int = THREADS
    throttle: float | None = None

    def __post_init__(self) -> None:
        check_attributes(self.attributes)
        self.expectation()

    @property
    def keyed(self) -> Any:
        """The client, which adds the customer's key if there is one."""
        return SseCustomerClient(self.client, self.customer_key) if self.customer_key else self.client

    def expectation(self) -> Expectation:
        """Return a new watch for the expectations of the input."""
        return Expectation(self.expect_bytes, self.expect_sha256, self.expect_trailer, self.sha256)

    def writer(self) -> Writer:
        """Return a new writer of the object."""
        return open_writer(
            self.keyed,
            self.location,
            condition=self.condition,
            attributes=self.attributes,
            memory=self.memory,
            threads=self.threads,
        )


def upload_stream(job: UploadJob, watches: Sequence[Watch] = ()) -> UploadResult:
    """Publish the job's input, whole or not at all. On return S3 has the same bytes.

    A failed command runs again, `job.retries` times.

    Raises:
        InvalidData: The input is not as expected, or is empty and may not be.
        ProducerFailed: The command failed.
        ConditionLost: Another write won.
        BrigadeError: The read failed, or an error of the writer.
    """
    begun = time.monotonic()
    check_condition_first(job.keyed, job.location, job.condition)
    require_conditions(job.keyed, job.location, job.condition)
    file, expectation = feed_writer(job, job.writer, watches)
    return verified_result(job, file, expectation, begun)


def feed_writer(job: UploadJob, make: Callable[[], Writer], watches: Sequence[Watch]) -> tuple[Writer, Expectation]:
    """Copy the job's input into a new writer of `make()` for each try. On return it is published."""
    if not job.command:
        return _feed(job, 0, make(), lambda: None, watches)
    for left in range(job.retries, -1, -1):
        try:
            with Producer(job.command) as producer:
                return _feed(job, producer.fd, make(), producer.finish, watches)
        except ProducerFailed:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _feed(
    job: UploadJob, fd: int, file: Writer, finish: Callable[[], None], watches: Sequence[Watch]
) -> tuple[Writer, Expectation]:
    expectation = job.expectation()
    with file:
        copy_input(fd, file, [expectation, *watches], job.compression, job.level)
        finish()
        expectation.check()
        if not expectation.bytes and not job.allow_empty:
            raise InvalidData("the input is empty; nothing was published (--allow-empty publishes an empty object)")
    return file, expectation


def verified_result(job: UploadJob, file: Writer, expectation: Expectation, begun: float) -> UploadResult:
    """Verify the published object and return the result."""
    crc64nvme = verify(job.keyed, job.location, file)
    return UploadResult(
        location=job.location,
        etag=file.written.etag,
        version_id=file.written.version_id,
        bytes=file.bytes,
        input_bytes=expectation.bytes,
        parts=file.parts,
        crc64nvme=crc64nvme,
        sha256=expectation.hexdigest,
        seconds=round(time.monotonic() - begun, 3),
    )


def copy_input(
    fd: int, file: Writer, watches: Iterable[Watch], compression: Compression | None = None, level: int | None = None
) -> None:
    """Copy all bytes of `fd` into the writer. The watches observe them. Without compression no byte is copied twice."""
    watches = list(watches)
    widen_pipe(fd)
    if compression is None:
        while True:
            with file.room() as room:
                count = read_into(fd, room)
                with room[:count] as block:
                    for watch in watches:
                        watch.update(block)
            if not count:
                return
            file.advance(count)
    packed, buffer = open_compressed_stream(compression, file, level), memoryview(bytearray(BLOCK))
    try:
        while count := read_into(fd, buffer):
            for watch in watches:
                watch.update(buffer[:count])
            packed.write(buffer[:count])
    except BaseException:
        packed.drop()
        raise
    packed.finish()


def check_condition_first(client: S3Client, location: Location, condition: Condition) -> None:
    """Raise ConditionLost if the condition does not hold: before hours of input, not after."""
    if condition is None:
        return
    with suppress(RetryLater):
        check_condition(head(client, location.bucket, location.key), location, condition, "nothing was read")


def verify(client: S3Client, location: Location, file: Writer) -> str:
    """Return the CRC-64 of the whole object after comparing it with S3's.

    S3's is in its answer to the write. If not, HeadObject reads it.

    Raises:
        InvalidData: S3 has other bytes.
    """
    stored, sent = file.written.checksum, file.whole
    if stored is None:
        found = head(client, location.bucket, location.key, checksum=True)
        if found is None or found.etag != file.written.etag:
            return sent  # another writer has replaced it; the write itself carried the checksum
        if found.size != file.bytes:
            raise InvalidData(f"{location} has {found.size} bytes at S3, {file.bytes} were sent: do not use it")
        stored = found.checksums.get("CRC64NVME")
    if stored is not None and stored != sent:
        raise InvalidData(f"S3 reports CRC-64 {stored} for {location}, but {sent} was sent: do not use it")
    return sent
