"""``brigade pipe to``."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.combinations import combining
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.codec import Compression
    from brigade.pipe.write import UploadJob, UploadResult
    from brigade.s3.conditions import Condition
    from brigade.s3.location import Location

Text = str | None
Texts = list[str] | None


@combining(
    needs={"exec_retries": "command", "level": "gzip zstd", "segment_size": "segments", "state": "resume"},
    excludes={
        "no_overwrite": "if_match",
        "gzip": "zstd",
        "segments": "dry_run exec_retries if_match parallel resume sha256",
        "resume": "dry_run",
    },
)
def to(
    context: typer.Context,
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The object to publish.")],
    command: Annotated[
        Texts, typer.Argument(metavar="[-- COMMAND …]", help="Program whose output is piped, instead of stdin.")
    ] = None,
    no_overwrite: Annotated[bool, typer.Option("--no-overwrite", help="Only if there is no such object.")] = False,
    if_match: Annotated[Text, typer.Option(metavar="ETAG", help="Only if the object has this ETag.")] = None,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Publish an empty object of no input.")] = False,
    expect_bytes: Annotated[Text, typer.Option(metavar="N", help="Only if the input has so many bytes.")] = None,
    expect_sha256: Annotated[Text, typer.Option(metavar="HEX", help="Only if the input has this SHA-256.")] = None,
    expect_trailer: Annotated[Text, typer.Option(metavar="TEXT", help="Only if it is in the last 4 KiB.")] = None,
    exec_retries: Annotated[int, typer.Option(min=0, metavar="N", help="Run COMMAND again so often if it fails.")] = 0,
    resume: Annotated[Text, typer.Option(metavar="NAME", help="Go on with the upload that a run of NAME left.")] = None,
    state: Annotated[
        Text, typer.Option(metavar="s3://BUCKET/PREFIX", help="Where --resume keeps its state; default: the stage's.")
    ] = None,
    segments: Annotated[bool, typer.Option("--segments", help="Many objects, s3://BUCKET/KEY/00…, to follow.")] = False,
    segment_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Of a segment, with its unit: 64MiB, 100MB. A bare number is bytes.")
    ] = "100MB",
    sha256: Annotated[bool, typer.Option("--sha256", help="Tell the input's SHA-256 too.")] = False,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress by gzip.")] = False,
    zstd: Annotated[bool, typer.Option("--zstd", help="Compress by Zstandard.")] = False,
    level: Annotated[int | None, typer.Option(help="Of compression: gzip 0 to 3, zstd 1 to 19.")] = None,
    memory: Annotated[Text, typer.Option(metavar="SIZE", help="Ceiling of the process.  [default: 128MiB]")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Parts sent at a time, as far as memory allows.")] = 6,
    throttle: Annotated[Text, typer.Option(metavar="RATE", help="Take the input at most so fast: 10MB/s.")] = None,
    content_type: Annotated[Text, typer.Option(help="Default: guessed from the key.")] = None,
    content_encoding: Annotated[Text, typer.Option()] = None,
    content_disposition: Annotated[Text, typer.Option()] = None,
    content_language: Annotated[Text, typer.Option()] = None,
    cache_control: Annotated[Text, typer.Option()] = None,
    expires: Annotated[Text, typer.Option(metavar="TIME", help="ISO 8601.")] = None,
    metadata: Annotated[Texts, typer.Option(metavar="NAME=VALUE", help="May be given again.")] = None,
    tag: Annotated[Texts, typer.Option(metavar="NAME=VALUE", help="May be given again, ten times.")] = None,
    storage_class: Annotated[Text, typer.Option(help="STANDARD_IA, GLACIER_IR …")] = None,
    sse: Annotated[Text, typer.Option(help="AES256, aws:kms or aws:kms:dsse.")] = None,
    sse_kms_key: Annotated[Text, typer.Option(help="Key of KMS.")] = None,
    sse_c_key: Annotated[Text, typer.Option(metavar="KEY", help="Your own key: base64, or @FILE.")] = None,
    acl: Annotated[Text, typer.Option(help="bucket-owner-full-control …")] = None,
    lock_mode: Annotated[Text, typer.Option(help="GOVERNANCE or COMPLIANCE.")] = None,
    lock_until: Annotated[Text, typer.Option(metavar="TIME", help="ISO 8601.")] = None,
    legal_hold: Annotated[bool, typer.Option("--legal-hold")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and run nothing; say what would be done.")] = False,
) -> None:
    """Publish stdin, or the output of COMMAND, as one object: whole, or not at all."""
    _do(context.obj, context.params)


def _do(session: Session, options: Mapping[str, Any]) -> None:
    """Do what the command's options say, by the names that its parameters have."""
    job = _job(session, options["uri"], condition(options["no_overwrite"], options["if_match"]), options)
    if options["dry_run"]:
        _would(session, job)
    elif options["segments"]:
        _segments(session, job, options["segment_size"], explicit=options["memory"] is not None)
    else:
        _publish(session, job, options["resume"], options["state"])


def _job(session: Session, uri: str, condition: "Condition", options: Mapping[str, Any]) -> "UploadJob":
    """Make the job of the command's options, by the names that its parameters have."""
    from brigade.pipe.attributes import read_customer_key
    from brigade.pipe.client import open_client
    from brigade.pipe.units import parse_size
    from brigade.pipe.write import UploadJob
    from brigade.pipe.writer import MEMORY
    from brigade.s3.location import Location

    target = location(Location.parse(uri))
    kind: Compression | None = "gzip" if options["gzip"] else "zstd" if options["zstd"] else None
    trailer = options["expect_trailer"]
    return UploadJob(
        client=open_client(session.connection),
        location=target,
        command=options["command"] or [],
        condition=condition,
        attributes=_attributes(target.key, kind, options),
        customer_key=read_customer_key(options["sse_c_key"]) if options["sse_c_key"] else {},
        expect_bytes=parse_size(options["expect_bytes"]) if options["expect_bytes"] else None,
        expect_sha256=options["expect_sha256"],
        expect_trailer=trailer.encode() if trailer else None,
        sha256=options["sha256"],
        allow_empty=options["allow_empty"],
        retries=options["exec_retries"],
        compression=kind,
        level=options["level"],
        memory=parse_size(options["memory"]) if options["memory"] else MEMORY,
        threads=options["parallel"],
        throttle=parse_size(options["throttle"]) if options["throttle"] else None,
    )


_AS_GIVEN = {
    "acl": "ACL",
    "cache_control": "CacheControl",
    "content_disposition": "ContentDisposition",
    "content_language": "ContentLanguage",
    "lock_mode": "ObjectLockMode",
    "sse_kms_key": "SSEKMSKeyId",
    "storage_class": "StorageClass",
}


def _attributes(key: str, kind: "Compression | None", options: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the object shall carry, by boto3's names."""
    from brigade.pipe.attributes import content_headers, parse_pairs, parse_tags, parse_time

    encryption = options["sse"] or ("aws:kms" if options["sse_kms_key"] else None)
    given = {name: options[option] for option, name in _AS_GIVEN.items()} | {
        "Expires": parse_time(options["expires"]) if options["expires"] else None,
        "Metadata": parse_pairs(options["metadata"] or [], "--metadata"),
        "ObjectLockLegalHoldStatus": "ON" if options["legal_hold"] else None,
        "ObjectLockRetainUntilDate": parse_time(options["lock_until"]) if options["lock_until"] else None,
        "ServerSideEncryption": encryption,
        "Tagging": parse_tags(options["tag"] or []),
    }
    described = content_headers(key, options["content_type"], kind)
    if options["content_encoding"]:
        described["ContentEncoding"] = ",".join(
            filter(None, (options["content_encoding"], described.get("ContentEncoding")))
        )
    return {name: value for name, value in given.items() if value} | described


def _publish(session: Session, job: "UploadJob", resume: str | None, state: str | None) -> None:
    from brigade.pipe.write import upload_stream

    with _watched(session, job) as watches:
        if resume is None:
            sent = upload_stream(job, watches)
        else:
            from brigade.pipe.resume import upload_resumable

            sent = upload_resumable(job, resume, *_state(session, state), watches)
    _told(session, sent)


def _segments(session: Session, job: "UploadJob", given: str, *, explicit: bool) -> None:
    from brigade.pipe import units
    from brigade.pipe.segments.write import write_segments
    from brigade.s3.multipart import SMALLEST_PART

    size = units.parse_size(given)
    if size < SMALLEST_PART:  # a number alone is bytes, where s3pipe2 takes megabytes
        raise UsageError(f"--segment-size {given} is {size} bytes; it takes 5MiB or more, as 64MiB or 100MB")
    with _watched(session, job) as watches:
        done = write_segments(job, size, watches, memory=job.memory if explicit else None)
    session.give(
        {"path": str(done.path), "segments": done.segments, "bytes": done.bytes, "seconds": done.seconds},
        f"{done.path}/: {done.segments} segments, {done.bytes} bytes",
    )


def _told(session: Session, sent: "UploadResult") -> None:
    document = {**asdict(sent), "location": None, "object": str(sent.location)}
    document.pop("location")
    if session.json:
        session.give(document)
    else:
        digest = f" sha256 {sent.sha256}" if sent.sha256 else ""
        session.say(f"{sent.location}: {sent.bytes} bytes, crc64nvme {sent.crc64nvme}{digest}, ETag {sent.etag}")


def _would(session: Session, job: "UploadJob") -> None:
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
    session.give(document)


def _watched(session: Session, job: "UploadJob") -> Any:
    from brigade.pipe.throttle import open_watches

    shown = sys.stderr.isatty() and not session.quiet
    if not job.command and sys.stdin.isatty():
        raise UsageError("stdin is a terminal: pipe something in, or name a program after --")
    return open_watches(job.throttle, sys.stderr if shown else None, job.location.key)


def _state(session: Session, given: str | None) -> tuple[str, str]:
    from brigade.s3.location import Location

    if given:
        bucket, prefix = Location.parse(given)
        return bucket, prefix.rstrip("/") + "/" if prefix else ""
    return session.deployment["StateBucket"], "pipe/"


def location(given: "Location") -> "Location":
    """Give the address of an object; UsageError where the key is missing."""
    if not given.key or given.key.endswith("/"):
        raise UsageError(f"{given} names no object: it ends where the key should be")
    return given


def condition(no_overwrite: bool, if_match: str | None) -> "Condition":
    """Give the condition that the two options name."""
    from brigade.s3.conditions import Absent, Matches

    return Absent() if no_overwrite else Matches(if_match) if if_match else None
