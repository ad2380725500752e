"""`brigade pipe to`."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade import layout
from brigade.cli.combinations import check_combinations
from brigade.cli.options import expand_options
from brigade.cli.pipe.options import (
    CompressionOptions,
    ConditionOptions,
    InputOptions,
    ObjectOptions,
    ResumeOptions,
    SegmentOptions,
    Texts,
    TransferOptions,
    parse_size,
)
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.pipe.write import UploadJob, UploadResult
    from brigade.s3.location import Location


@check_combinations(
    needs={"exec_retries": "command", "level": "gzip zstd", "segment_size": "segments", "state": "resume"},
    excludes={
        "no_overwrite": "if_match",
        "gzip": "zstd",
        "segments": "dry_run exec_retries if_match parallel resume sha256",
        "resume": "dry_run",
    },
)
@expand_options
def to(
    context: typer.Context,
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The object to publish.")],
    conditions: ConditionOptions,
    checks: InputOptions,
    resumption: ResumeOptions,
    segmentation: SegmentOptions,
    compression: CompressionOptions,
    transfer: TransferOptions,
    attributes: ObjectOptions,
    command: Annotated[
        Texts,
        typer.Argument(
            metavar="[-- COMMAND …]", show_default="stdin", help="Program whose output is published, instead of stdin."
        ),
    ] = None,
    exec_retries: Annotated[
        int, typer.Option(min=0, metavar="RUNS", help="Run COMMAND again up to RUNS times if it fails.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read no input and run nothing. Print what the command would do.")
    ] = False,
) -> None:
    """Publish stdin, or the output of COMMAND, as one object: whole, or not at all.

    Use it for a backup, a dump or any stream of unknown size. It needs no disk. Put the program after `--`: then
    nothing is published if that program fails, which a shell pipe cannot know. S3 verifies a checksum of every part.

    Examples:
        brigade pipe to s3://backups/shop.dump --no-overwrite -- pg_dump -Fc shop
        brigade pipe to s3://backups/logs.json.zst --zstd --storage-class STANDARD_IA < logs.json
    """
    from brigade.pipe.attributes import read_customer_key
    from brigade.pipe.client import open_client
    from brigade.pipe.write import UploadJob
    from brigade.pipe.writer import MEMORY
    from brigade.s3.location import Location

    session: Session = context.obj
    target = check_key(Location.parse(uri))
    trailer = checks.expect_trailer
    job = UploadJob(
        client=open_client(session.connection),
        location=target,
        command=command or [],
        condition=conditions.condition,
        attributes=attributes.arguments(target.key, compression.kind),
        customer_key=read_customer_key(attributes.sse_c_key) if attributes.sse_c_key else {},
        expect_bytes=parse_size(checks.expect_bytes),
        expect_sha256=checks.expect_sha256,
        expect_trailer=trailer.encode() if trailer else None,
        sha256=checks.sha256,
        allow_empty=checks.allow_empty,
        retries=exec_retries,
        compression=compression.kind,
        level=compression.level,
        memory=MEMORY if transfer.memory_bytes is None else transfer.memory_bytes,
        threads=transfer.parallel,
        throttle=transfer.throttle_bytes,
    )
    if dry_run:
        _print_plan(session, job)
    elif segmentation.segments:
        _write_segments(session, job, segmentation.segment_size, memory=transfer.memory_bytes)
    else:
        _publish(session, job, resumption)


def check_key(location: "Location") -> "Location":
    """Return `location`.

    Raises:
        UsageError: It has no key, or a key that ends with a slash.
    """
    if not location.key or location.key.endswith("/"):
        raise UsageError(f"{location} names no object: add the key, s3://bucket/key")
    return location


def _publish(session: Session, job: "UploadJob", resumption: ResumeOptions) -> None:
    from brigade.pipe.write import upload_stream

    with _watch_input(session, job) as watches:
        if resumption.resume is None:
            sent = upload_stream(job, watches)
        else:
            from brigade.pipe.resume import upload_resumable

            sent = upload_resumable(job, resumption.resume, *_state_place(session, resumption.state), watches)
    _print_published(session, sent)


def _write_segments(session: Session, job: "UploadJob", segment_size: str, *, memory: int | None) -> None:
    from brigade.pipe.segments.write import write_segments
    from brigade.s3.multipart import SMALLEST_PART

    size = parse_size(segment_size) or 0
    if size < SMALLEST_PART:  # a number alone is bytes, where s3pipe2 takes megabytes
        raise UsageError(f"--segment-size {segment_size} is {size} bytes; it takes 5MiB or more, as 64MiB or 100MB")
    with _watch_input(session, job) as watches:
        done = write_segments(job, size, watches, memory=memory)
    session.print(
        {"path": str(done.path), "segments": done.segments, "bytes": done.bytes, "seconds": done.seconds},
        f"{done.path}/: {done.segments} segments, {done.bytes} bytes",
    )


def _print_published(session: Session, sent: "UploadResult") -> None:
    document = {**asdict(sent), "location": None, "object": str(sent.location)}
    document.pop("location")
    if session.json:
        session.print(document)
    else:
        digest = f" sha256 {sent.sha256}" if sent.sha256 else ""
        session.note(f"{sent.location}: {sent.bytes} bytes, crc64nvme {sent.crc64nvme}{digest}, ETag {sent.etag}")


def _print_plan(session: Session, job: "UploadJob") -> None:
    from brigade.pipe.write import check_condition_first
    from brigade.pipe.writer import plan_parts

    check_condition_first(job.keyed, job.location, job.condition)
    _, first = plan_parts(job.memory)
    document = {
        "object": str(job.location),
        "from": " ".join(job.command) or "stdin",
        "condition": type(job.condition).__name__.lower() if job.condition else None,
        "compression": job.compression,
        "first_part": first,
        "attributes": {name: str(value) for name, value in job.attributes.items()},
    }
    session.print(document)


def _watch_input(session: Session, job: "UploadJob") -> Any:
    """Return the context manager that limits the rate and shows progress.

    Raises:
        UsageError: There is no input: no COMMAND, and stdin is a terminal.
    """
    from brigade.pipe.throttle import open_watches

    stream = sys.stderr if sys.stderr.isatty() and not session.quiet else None
    if not job.command and sys.stdin.isatty():
        raise UsageError("stdin is a terminal: pipe something in, or name a program after --")
    return open_watches(job.throttle, stream, job.location.key)


def _state_place(session: Session, state: str | None) -> tuple[str, str]:
    """Return the bucket and the prefix of the state of a resumable upload."""
    from brigade.s3.location import Location

    if state:
        bucket, prefix = Location.parse(state)
        return bucket, prefix.rstrip("/") + "/" if prefix else ""
    return session.deployment["StateBucket"], f"{layout.UPLOADS}/"
