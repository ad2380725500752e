"""Pipes as the libraries beside us make them: run by the benchmark in its own venv, ``pipe_peers.py TOOL up|down s3://…``.

Imports nothing of ours; each tool as its documentation says, with its own checksums.
"""

import os
import sys
from typing import Any

BLOCK = 1 << 20


def main(tool: str, way: str, uri: str) -> None:
    """Move stdin to the object, or the object to stdout."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    getattr(sys.modules[__name__], f"{tool}_{way}")(bucket, key)


def obstore_up(bucket: str, key: str) -> None:
    """The writer of obstore."""
    import obstore

    with obstore.open_writer(_store(bucket), key) as writer:
        while block := sys.stdin.buffer.read(BLOCK):
            writer.write(block)


def obstore_down(bucket: str, key: str) -> None:
    """The stream of obstore."""
    import obstore

    for block in obstore.get(_store(bucket), key).stream(min_chunk_size=BLOCK):
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


def boto3_up(bucket: str, key: str) -> None:
    """The managed transfer of boto3."""
    _client().upload_fileobj(sys.stdin.buffer, bucket, key)


def boto3_down(bucket: str, key: str) -> None:
    """The managed transfer of boto3."""
    _client().download_fileobj(bucket, key, _Stdout())


def smart_open_up(bucket: str, key: str) -> None:
    """The file object of smart_open."""
    import smart_open

    with smart_open.open(f"s3://{bucket}/{key}", "wb", transport_params={"client": _client()}) as file:
        while block := sys.stdin.buffer.read(BLOCK):
            file.write(block)


def smart_open_down(bucket: str, key: str) -> None:
    """The file object of smart_open."""
    import smart_open

    with smart_open.open(f"s3://{bucket}/{key}", "rb", transport_params={"client": _client()}) as file:
        while block := file.read(BLOCK):
            sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


class _Stdout:
    """Stdout as s3transfer takes what cannot seek: it writes in order then."""

    def write(self, block: bytes) -> int:
        return sys.stdout.buffer.write(block)

    def flush(self) -> None:
        sys.stdout.buffer.flush()


def _client() -> Any:
    import boto3

    return boto3.client("s3")


def _store(bucket: str) -> Any:
    from obstore.store import S3Store

    return S3Store(
        bucket,
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        client_options={"allow_http": True},
        virtual_hosted_style_request=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
