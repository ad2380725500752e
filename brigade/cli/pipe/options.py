"""The option groups of `brigade pipe`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade import layout

if TYPE_CHECKING:
    from brigade.codec import Compression
    from brigade.s3.conditions import Condition

Text = str | None
Texts = list[str] | None

CustomerKey = Annotated[
    Text,
    typer.Option(
        metavar="KEY",
        show_default="none",
        help="SSE-C key of the object, which you keep: 32 bytes in base64, or @FILE.",
    ),
]


@dataclass(frozen=True)
class ConditionOptions:
    """The condition of the write, which S3 itself checks."""

    no_overwrite: Annotated[
        bool, typer.Option("--no-overwrite", help="Publish only if the object does not exist; else exit 3.")
    ] = False
    if_match: Annotated[
        Text,
        typer.Option(
            metavar="ETAG", show_default="no condition", help="Publish only if the object has this ETag; else exit 3."
        ),
    ] = None

    @property
    def condition(self) -> "Condition":
        """The condition of the write; None without one."""
        from brigade.s3.conditions import Absent, Matches

        return Absent() if self.no_overwrite else Matches(self.if_match) if self.if_match else None


@dataclass(frozen=True)
class InputOptions:
    """Checks of the input. If one fails, nothing is published."""

    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Publish an empty object if the input is empty, instead of failing.")
    ] = False
    expect_bytes: Annotated[
        Text,
        typer.Option(
            metavar="SIZE", show_default="any", help="Publish only if the input has this size: 64MiB, 1048576."
        ),
    ] = None
    expect_sha256: Annotated[
        Text, typer.Option(metavar="HEX", show_default="any", help="Publish only if the input has this SHA-256.")
    ] = None
    expect_trailer: Annotated[
        Text,
        typer.Option(
            metavar="TEXT", show_default="any", help="Publish only if this text is in the last 4 KiB of the input."
        ),
    ] = None
    sha256: Annotated[bool, typer.Option("--sha256", help="Compute and print the SHA-256 of the input.")] = False


@dataclass(frozen=True)
class ResumeOptions:
    """Options of an upload that a later run can continue."""

    resume: Annotated[
        Text,
        typer.Option(
            metavar="NAME",
            show_default="off",
            help="Keep the parts if this run dies. Run again with the same NAME and input to continue.",
        ),
    ] = None
    state: Annotated[
        Text,
        typer.Option(
            metavar="s3://BUCKET/PREFIX",
            show_default=f"{layout.UPLOADS}/ in the state bucket of the stage",
            help="Address at which --resume keeps its state.",
        ),
    ] = None


@dataclass(frozen=True)
class SegmentOptions:
    """Options of writing many objects, which a reader can follow."""

    segments: Annotated[
        bool,
        typer.Option("--segments", help="Write one object per segment: s3://BUCKET/KEY/000000000000001 and so on."),
    ] = False
    segment_size: Annotated[
        str,
        typer.Option(metavar="SIZE", help="Size of a segment: 64MiB, 100MB. A number without a unit is bytes."),
    ] = "100MB"


@dataclass(frozen=True)
class CompressionOptions:
    """Codec and level of compression."""

    gzip: Annotated[bool, typer.Option("--gzip", help="Compress with gzip.")] = False
    zstd: Annotated[bool, typer.Option("--zstd", help="Compress with Zstandard.")] = False
    level: Annotated[
        int | None,
        typer.Option(
            metavar="LEVEL", show_default="of the codec", help="Compression level: 0 to 3 for gzip, 1 to 19 for zstd."
        ),
    ] = None

    @property
    def kind(self) -> "Compression | None":
        """The codec; None without compression."""
        return "gzip" if self.gzip else "zstd" if self.zstd else None


@dataclass(frozen=True)
class TransferOptions:
    """Limits of memory, connections and bandwidth."""

    memory: Annotated[
        Text,
        typer.Option(metavar="SIZE", show_default="128MiB", help="Memory ceiling of the process: 256MiB, 1GiB."),
    ] = None
    parallel: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            metavar="CONNECTIONS",
            help="Parts transferred at the same time, as far as --memory allows: 1 to 64.",
        ),
    ] = 6
    throttle: Annotated[
        Text, typer.Option(metavar="RATE", show_default="no limit", help="Highest bytes a second: 10MB/s.")
    ] = None

    @property
    def memory_bytes(self) -> int | None:
        """The memory ceiling in bytes; None for the default."""
        return parse_size(self.memory)

    @property
    def throttle_bytes(self) -> int | None:
        """The highest rate in bytes a second; None for no limit."""
        return parse_size(self.throttle)


@dataclass(frozen=True)
class ObjectOptions:
    """Headers, metadata, encryption and locks of the object, as in PutObject."""

    content_type: Annotated[
        Text, typer.Option(metavar="TYPE", show_default="guessed from the key", help="Content-Type: text/csv.")
    ] = None
    content_encoding: Annotated[
        Text,
        typer.Option(
            metavar="CODING", show_default="of --gzip or --zstd", help="Content-Encoding of the input, before ours."
        ),
    ] = None
    content_disposition: Annotated[
        Text, typer.Option(metavar="TEXT", show_default="none", help="Content-Disposition: attachment.")
    ] = None
    content_language: Annotated[
        Text, typer.Option(metavar="LANGUAGE", show_default="none", help="Content-Language: de.")
    ] = None
    cache_control: Annotated[
        Text, typer.Option(metavar="TEXT", show_default="none", help="Cache-Control: max-age=3600.")
    ] = None
    expires: Annotated[
        Text, typer.Option(metavar="TIME", show_default="none", help="Expires, in ISO 8601: 2030-01-31T00:00:00Z.")
    ] = None
    metadata: Annotated[
        Texts, typer.Option(metavar="NAME=VALUE", show_default="none", help="User metadata. May be repeated.")
    ] = None
    tag: Annotated[
        Texts, typer.Option(metavar="NAME=VALUE", show_default="none", help="Object tag. May be repeated, 10 at most.")
    ] = None
    storage_class: Annotated[
        Text, typer.Option(metavar="CLASS", show_default="STANDARD", help="Storage class: STANDARD_IA, GLACIER_IR.")
    ] = None
    sse: Annotated[
        Text,
        typer.Option(
            metavar="METHOD",
            show_default="of the bucket",
            help="Server-side encryption: AES256, aws:kms or aws:kms:dsse.",
        ),
    ] = None
    sse_kms_key: Annotated[
        Text,
        typer.Option(metavar="KEY", show_default="of the bucket", help="Id or ARN of the KMS key; implies aws:kms."),
    ] = None
    sse_c_key: CustomerKey = None
    acl: Annotated[
        Text, typer.Option(metavar="ACL", show_default="none", help="Canned ACL: bucket-owner-full-control.")
    ] = None
    lock_mode: Annotated[
        Text, typer.Option(metavar="MODE", show_default="none", help="Object Lock: GOVERNANCE or COMPLIANCE.")
    ] = None
    lock_until: Annotated[
        Text,
        typer.Option(metavar="TIME", show_default="none", help="End of the lock, in ISO 8601: 2030-01-31T00:00:00Z."),
    ] = None
    legal_hold: Annotated[bool, typer.Option("--legal-hold", help="Put a legal hold on the object.")] = False

    def arguments(self, key: str, compression: "Compression | None") -> dict[str, Any]:
        """Return the arguments of PutObject for an object at `key`, by boto3's names."""
        from brigade.pipe.attributes import content_headers, parse_pairs, parse_tags, parse_time

        named = {
            "ACL": self.acl,
            "CacheControl": self.cache_control,
            "ContentDisposition": self.content_disposition,
            "ContentLanguage": self.content_language,
            "Expires": parse_time(self.expires) if self.expires else None,
            "Metadata": parse_pairs(self.metadata or [], "--metadata"),
            "ObjectLockLegalHoldStatus": "ON" if self.legal_hold else None,
            "ObjectLockMode": self.lock_mode,
            "ObjectLockRetainUntilDate": parse_time(self.lock_until) if self.lock_until else None,
            "SSEKMSKeyId": self.sse_kms_key,
            "ServerSideEncryption": self.sse or ("aws:kms" if self.sse_kms_key else None),
            "StorageClass": self.storage_class,
            "Tagging": parse_tags(self.tag or []),
        }
        described = content_headers(key, self.content_type, compression)
        if self.content_encoding:
            codings: Sequence[str | None] = (self.content_encoding, described.get("ContentEncoding"))
            described["ContentEncoding"] = ",".join(filter(None, codings))
        return {name: value for name, value in named.items() if value} | described


def parse_size(text: str | None) -> int | None:
    """Return the bytes of a size such as `64MiB`; None for no text."""
    from brigade.pipe import units

    return units.parse_size(text) if text else None
