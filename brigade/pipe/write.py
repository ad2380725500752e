"""From a stream to one object of S3, whole or not at all."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from brigade.codec import BLOCK, Compression, open_sink
from brigade.errors import ConditionLost, InvalidData, RetryLater
from brigade.pipe.attributes import Keyed, check_attributes
from brigade.pipe.descriptor import Watch, fill_from, widen
from brigade.pipe.expectation import Expectation
from brigade.pipe.growing import MEMORY, THREADS, writer
from brigade.pipe.producer import Producer, ProducerFailed
from brigade.s3.client_type import S3Client
from brigade.s3.conditions import Absent, Condition, Matches, require_conditions
from brigade.s3.location import Location
from brigade.s3.objects import head
from brigade.s3.writer import Writer


@dataclass(frozen=True)
class Sent:
    """An object that was published: where, which version, and what S3 says of it."""

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
    """Publish what is written into the file object when the block ends well, whole; nothing after an exception.

    ``with open_write(client, "s3://bucket/key", condition=Absent()) as file: file.write(block)``. After the block S3's
    checksum of the object has been compared with that of what was written, and ``file.written`` tells the version.

    Options: ``condition`` of ``brigade.s3``; ``attributes`` by boto3's names (``ContentType``, ``Metadata``, ``ACL``
    …); ``memory``, the process's ceiling in bytes (128 MiB; 67 MiB or more); ``threads``, parts sent at a time (6).

    Fails with ConditionLost when another write won, RetryLater when S3 does not take it now, InvalidData when S3 says
    that it has other bytes, BrigadeError when not allowed. Blocks of any size; of no object more than 46 TiB.
    """
    location = Location.parse(uri)
    check_attributes(options.get("attributes") or {})
    require_conditions(client, location, options.get("condition"))
    with writer(client, location, **options) as file:
        yield file
    prove(client, location, file)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be published where: ``command``'s output, or stdin where that is empty, under ``condition``.

    ``attributes`` by boto3's names; ``retries``, how often a command that failed is run again; ``memory`` in bytes for
    the process; ``throttle`` in bytes a second.
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
        """The client, giving the customer's key where there is one."""
        return Keyed(self.client, self.customer_key) if self.customer_key else self.client

    def expectation(self) -> Expectation:
        """Give a new watch for what the input must be."""
        return Expectation(self.expect_bytes, self.expect_sha256, self.expect_trailer, self.sha256)

    def writer(self) -> Writer:
        """Give a new writer of the object."""
        return writer(
            self.keyed,
            self.location,
            condition=self.condition,
            attributes=self.attributes,
            memory=self.memory,
            threads=self.threads,
        )


def run(job: Job, watches: Sequence[Watch] = ()) -> Sent:
    """Publish the job's input whole, or nothing; a return says that it is there and that S3 has the same bytes.

    A command is run again after a failure, ``job.retries`` times. Fails as the writer does, with InvalidData when the
    input is not what was expected, or empty and not allowed to be, with ProducerFailed when the command failed, with
    BrigadeError when reading failed.
    """
    begun = time.monotonic()
    check_first(job.keyed, job.location, job.condition)
    require_conditions(job.keyed, job.location, job.condition)
    file, expectation = feed(job, job.writer, watches)
    return sent(job, file, expectation, begun)


def feed(job: Job, make: Callable[[], Writer], watches: Sequence[Watch]) -> tuple[Writer, Expectation]:
    """Bring the job's input into the writer that ``make`` gives for each try; a return says that it is published."""
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
    job: Job, fd: int, file: Writer, finish: Callable[[], None], watches: Sequence[Watch]
) -> tuple[Writer, Expectation]:
    expectation = job.expectation()
    with file:
        pump(fd, file, [expectation, *watches], job.compression, job.level)
        finish()
        expectation.check()
        if not expectation.bytes and not job.allow_empty:
            raise InvalidData("the input is empty; nothing was published (--allow-empty publishes an empty object)")
    return file, expectation


def sent(job: Job, file: Writer, expectation: Expectation, begun: float) -> Sent:
    """Compare what was published with what S3 says of it, and tell it."""
    proof = prove(job.keyed, job.location, file)
    return Sent(
        location=job.location,
        etag=file.written.etag,
        version_id=file.written.version_id,
        bytes=file.bytes,
        input_bytes=expectation.bytes,
        parts=file.parts,
        crc64nvme=proof,
        sha256=expectation.hexdigest,
        seconds=round(time.monotonic() - begun, 3),
    )


def pump(
    fd: int, file: Writer, watches: Iterable[Watch], compression: Compression | None = None, level: int | None = None
) -> None:
    """Move all bytes of ``fd`` into the writer, past the watches; without compression straight into its buffer."""
    watches = list(watches)
    widen(fd)
    if compression is None:
        while True:
            with file.room() as room:
                count = fill_from(fd, room)
                with room[:count] as block:
                    for watch in watches:
                        watch.update(block)
            if not count:
                return
            file.advance(count)
    packed, buffer = open_sink(compression, file, level), memoryview(bytearray(BLOCK))
    try:
        while count := fill_from(fd, buffer):
            for watch in watches:
                watch.update(buffer[:count])
            packed.write(buffer[:count])
    except BaseException:
        packed.drop()
        raise
    packed.finish()


def check_first(client: S3Client, location: Location, condition: Condition) -> None:
    """Fail with ConditionLost at once where the condition is lost already: before hours of input, not after."""
    if condition is None:
        return
    with suppress(RetryLater):
        found = head(client, location.bucket, location.key)
        if isinstance(condition, Absent) and found:
            raise ConditionLost(f"{location} exists already, as ETag {found.etag}; nothing was read")
        if isinstance(condition, Matches) and (not found or found.etag.strip('"') != condition.etag.strip('"')):
            now = f"ETag {found.etag}" if found else "not there"
            raise ConditionLost(f"{location} is {now}, not {condition.etag}; nothing was read")


def prove(client: S3Client, location: Location, file: Writer) -> str:
    """Compare the whole object's CRC-64 with what S3 says of it, and give it.

    S3 says it in its answer to the write, else it is asked. Fails with InvalidData when S3 has other bytes.
    """
    told, meant = file.written.checksum, file.whole
    if told is None:
        found = head(client, location.bucket, location.key, checksum=True)
        if found is None or found.etag != file.written.etag:
            return meant  # replaced already by another writer; the write itself carried the checksum
        if found.size != file.bytes:
            raise InvalidData(f"{location} has {found.size} bytes at S3, {file.bytes} were sent: do not use it")
        told = found.checksums.get("CRC64NVME")
    if told is not None and told != meant:
        raise InvalidData(f"S3 says that {location} has CRC-64 {told}, {meant} was sent: do not use it")
    return meant
