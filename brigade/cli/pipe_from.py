"""``brigade pipe from``."""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.combinations import combining
from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.pipe.open_streams import ReadOptions

Text = str | None
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


@combining(
    needs={"dead_after": "follow"},
    excludes={
        "follow": "length offset prefix tail unproved verify_first version_id",
        "prefix": "version_id",
        "tail": "length offset",
    },
)
def from_(
    context: typer.Context,
    uris: Annotated[list[str], typer.Argument(metavar="s3://BUCKET/KEY…", help="Objects, given one after another.")],
    prefix: Annotated[bool, typer.Option("--prefix", help="Every object that starts so, in order of keys.")] = False,
    separator: Annotated[Text, typer.Option(help="Bytes between objects; \\n, \\t and \\0 are understood.")] = None,
    offset: Annotated[Text, typer.Option(metavar="SIZE", help="Start at this byte.")] = None,
    length: Annotated[Text, typer.Option(metavar="SIZE", help="Give so many bytes at most.")] = None,
    tail: Annotated[Text, typer.Option(metavar="SIZE", help="Give the last so many bytes.")] = None,
    version_id: Annotated[Text, typer.Option(help="This version, not the current one.")] = None,
    verify_first: Annotated[bool, typer.Option("--verify-first", help="Prove all before the first byte.")] = False,
    unproved: Annotated[
        bool, typer.Option("--unproved", help="Read also what S3 keeps no checksum of; of a part, only itself.")
    ] = False,
    decompress: Annotated[bool, typer.Option("--decompress", help="Take off gzip or zstd.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Read segments while they are written.")] = False,
    dead_after: Annotated[str, typer.Option(metavar="AGE", help="Without a sign of the writer, fail.")] = "60s",
    throttle: Annotated[Text, typer.Option(metavar="RATE", help="Give at most so fast: 10MB/s.")] = None,
    memory: Annotated[Text, typer.Option(metavar="SIZE", help="Ceiling of the process.  [default: 128MiB]")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Ranges read at a time, if memory allows.")] = 6,
    sse_c_key: Annotated[Text, typer.Option(metavar="KEY", help="Your own key: base64, or @FILE.")] = None,
) -> None:
    """Give an object to stdout; the exit status is 0 only if every byte is what S3 was given."""
    from brigade.pipe.file_descriptor import write_blocks
    from brigade.pipe.open_streams import open_streams
    from brigade.pipe.throttle import open_watches
    from brigade.pipe.units import parse_size

    session: Session = context.obj
    wish, s3 = _wish(context.params), _client(session, sse_c_key)
    shown = sys.stderr if sys.stderr.isatty() and not sys.stdout.isatty() and not session.quiet else None
    between = _separator(separator) if separator else b""
    with open_watches(parse_size(throttle) if throttle else None, shown, uris[0]) as watches:
        for number, (name, blocks) in enumerate(open_streams(s3, uris, wish, prefix=prefix)):
            if number and between:
                write_blocks(1, [memoryview(between)], [])
            write_blocks(1, _plain(blocks, name) if decompress else blocks, watches)


def _separator(text: str) -> bytes:
    """Return the bytes that `text` names: itself as UTF-8, where an escape is one byte."""

    def byte(found: "re.Match[bytes]") -> bytes:
        escape = found[1]
        if escape[:1] == b"x" and len(escape) == 3:
            return bytes.fromhex(escape[1:].decode())
        if escape not in _ESCAPES:
            raise UsageError(f"--separator {text!r}: the escapes are \\n, \\r, \\t, \\0, \\\\ and \\xHH")
        return _ESCAPES[escape]

    return re.sub(rb"\\(x[0-9A-Fa-f]{2}|.?)", byte, text.encode(), flags=re.DOTALL)


def _wish(options: Mapping[str, Any]) -> "ReadOptions":
    """Read what is wanted from the command's options, by the names that its parameters have."""
    from brigade.pipe.open_streams import ReadOptions
    from brigade.pipe.read import ByteRange
    from brigade.pipe.units import parse_age, parse_size

    offset, length, tail = (
        parse_size(options[name]) if options[name] else None for name in ("offset", "length", "tail")
    )
    if options["version_id"] and len(options["uris"]) > 1:
        raise UsageError("--version-id is of one object")
    return ReadOptions(
        span=ByteRange(offset or 0, length, tail)
        if options["offset"] or options["length"] or options["tail"]
        else None,
        version_id=options["version_id"],
        first=options["verify_first"],
        unproved=options["unproved"],
        memory=parse_size(options["memory"]) if options["memory"] else None,
        threads=options["parallel"],
        follow=options["follow"],
        dead_after=parse_age(options["dead_after"]),
    )


def _client(session: Session, key: str | None) -> Any:
    from brigade.pipe.client import open_client

    if not key:
        return open_client(session.connection)
    from brigade.pipe.attributes import SseCustomerClient, read_customer_key

    return SseCustomerClient(open_client(session.connection), read_customer_key(key))


def _plain(blocks: "Iterator[memoryview]", name: str) -> "Iterator[bytes]":
    from brigade.codec import decompress_detected

    return decompress_detected(blocks, name)
