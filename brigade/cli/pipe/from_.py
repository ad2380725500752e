"""`brigade pipe from`."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.options import expand_options
from brigade.cli.pipe.options import CustomerKey, Text, TransferOptions, parse_size
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.pipe.read import ByteRange

_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


@dataclass(frozen=True)
class RangeOptions:
    """The range of bytes to read."""

    offset: Annotated[
        Text, typer.Option(metavar="SIZE", show_default="0", help="Start at this byte: 0 is the first, 64MiB.")
    ] = None
    length: Annotated[
        Text, typer.Option(metavar="SIZE", show_default="to the end", help="Write at most this many bytes: 64MiB.")
    ] = None
    tail: Annotated[
        Text, typer.Option(metavar="SIZE", show_default="off", help="Write only the last bytes, this many: 4KiB.")
    ] = None

    @property
    def span(self) -> "ByteRange | None":
        """The bytes to read; None for all."""
        from brigade.pipe.read import ByteRange

        if not (self.offset or self.length or self.tail):
            return None
        return ByteRange(parse_size(self.offset) or 0, parse_size(self.length), parse_size(self.tail))


@check_combinations(
    needs={"dead_after": "follow"},
    excludes={
        "follow": "length offset prefix tail unproved verify_first version_id",
        "prefix": "version_id",
        "tail": "length offset",
    },
)
@expand_options
def from_(
    context: typer.Context,
    uris: Annotated[list[str], typer.Argument(metavar="s3://BUCKET/KEY…", help="Objects, written one after another.")],
    selected: RangeOptions,
    transfer: TransferOptions,
    prefix: Annotated[
        bool, typer.Option("--prefix", help="Write every object whose key starts with KEY, in the order of the keys.")
    ] = False,
    separator: Annotated[
        Text,
        typer.Option(metavar="BYTES", show_default="none", help="Bytes between objects: text, \\n, \\t, \\0, \\xHH."),
    ] = None,
    version_id: Annotated[
        Text, typer.Option(metavar="ID", show_default="the current one", help="Read this version of the object.")
    ] = None,
    verify_first: Annotated[
        bool,
        typer.Option("--verify-first", help="Verify the whole object before the first byte is written. Reads twice."),
    ] = False,
    unproved: Annotated[
        bool,
        typer.Option(
            "--unproved", help="Also read an object that has no checksum. Read only the range, and do not verify it."
        ),
    ] = False,
    decompress: Annotated[bool, typer.Option("--decompress", help="Decompress gzip or Zstandard.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Read segments while `pipe to --segments` is still writing.")
    ] = False,
    dead_after: Annotated[
        str, typer.Option(metavar="AGE", help="Fail if the writer shows no sign of life for this long: 90s, 30m.")
    ] = "60s",
    sse_c_key: CustomerKey = None,
) -> None:
    """Write an object to stdout. Exit status 0 means that every byte is verified.

    Use it to restore a backup or to feed an object to a program. It reads parallel ranges of one version in bounded
    memory, needs no disk, and compares the bytes with the checksum that S3 stores. Nothing follows a wrong byte.

    Examples:
        brigade pipe from s3://backups/shop.dump | pg_restore --dbname shop
        brigade pipe from s3://lake/demo/date=2026-11-22/demo.jsonl.gz --decompress | head -n 1
    """
    from brigade.pipe.file_descriptor import write_blocks
    from brigade.pipe.open_streams import ReadOptions, open_streams
    from brigade.pipe.throttle import open_watches
    from brigade.pipe.units import parse_age

    if version_id and len(uris) > 1:
        raise UsageError("--version-id works for one object only")
    session: Session = context.obj
    options = ReadOptions(
        span=selected.span,
        version_id=version_id,
        first=verify_first,
        unproved=unproved,
        memory=transfer.memory_bytes,
        threads=transfer.parallel,
        follow=follow,
        dead_after=parse_age(dead_after),
    )
    s3 = _client(session, sse_c_key)
    progress = sys.stderr if sys.stderr.isatty() and not sys.stdout.isatty() and not session.quiet else None
    between = _separator(separator) if separator else b""
    with open_watches(transfer.throttle_bytes, progress, uris[0]) as watches:
        for number, (name, blocks) in enumerate(open_streams(s3, uris, options, prefix=prefix)):
            if number and between:
                write_blocks(1, [memoryview(between)], [])
            write_blocks(1, _decompress(blocks, name) if decompress else blocks, watches)


def _separator(text: str) -> bytes:
    """Return the UTF-8 bytes of `text`, with each escape replaced by its byte.

    Raises:
        UsageError: An escape is unknown.
    """

    def byte(found: "re.Match[bytes]") -> bytes:
        escape = found[1]
        if escape[:1] == b"x" and len(escape) == 3:
            return bytes.fromhex(escape[1:].decode())
        if escape not in _ESCAPES:
            raise UsageError(f"--separator {text!r}: the escapes are \\n, \\r, \\t, \\0, \\\\ and \\xHH")
        return _ESCAPES[escape]

    return re.sub(rb"\\(x[0-9A-Fa-f]{2}|.?)", byte, text.encode(), flags=re.DOTALL)


def _client(session: Session, key: str | None) -> Any:
    from brigade.pipe.client import open_client

    if not key:
        return open_client(session.connection)
    from brigade.pipe.attributes import SseCustomerClient, read_customer_key

    return SseCustomerClient(open_client(session.connection), read_customer_key(key))


def _decompress(blocks: "Iterator[memoryview]", name: str) -> "Iterator[bytes]":
    from brigade.codec import decompress_detected

    return decompress_detected(blocks, name)
