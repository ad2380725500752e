"""Peers that ingest an API: the usual plain scripts, and dlt, smart_open and s3fs from their own wheels.

``python benchmarks/ingest_peers.py TOOL KIND PAGES [URL ENDPOINT BUCKET]``: pages from memory to compressed bytes, or
from an API to S3. Imports nothing of this product, and runs in an environment without it.
"""

import gzip
import io
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import ingest_data  # type: ignore[import-not-found] # beside this file, which is in no package there

STAMP = {"ingest_date": "2026-11-22", "ingest_ts": "2026-11-22T05:30:00.000Z"}


def _transformed(record: dict[str, Any]) -> dict[str, Any]:
    record["label"] = str(record["id"])
    return record


def _rows(pages: Iterator[bytes], transform: bool) -> Iterator[dict[str, Any]]:
    for page in pages:
        for record in json.loads(page)["rows"]:
            yield (_transformed(record) if transform else record) | STAMP


def stream_file(pages: Iterator[bytes], transform: bool = False) -> Path:
    """Stream into a file: one record in memory, json and gzip of the standard library."""
    path = Path(tempfile.mkstemp(suffix=".jsonl.gz")[1])
    with gzip.open(path, "wt") as out:
        for record in _rows(pages, transform):
            out.write(json.dumps(record) + "\n")
    return path


def concatenate(pages: Iterator[bytes]) -> Path:
    """Join all into one string, as the Lambda of the incident did."""
    text = ""
    for record in _rows(pages, transform=False):
        text += json.dumps(record) + "\n"
    return _written(gzip.compress(text.encode()))


def list_and_join(pages: Iterator[bytes]) -> Path:
    """Collect lines in a list and join them."""
    return _written(gzip.compress("\n".join(json.dumps(record) for record in _rows(pages, transform=False)).encode()))


def _written(body: bytes) -> Path:
    path = Path(tempfile.mkstemp(suffix=".jsonl.gz")[1])
    path.write_bytes(body)
    return path


def fetched(url: str) -> Iterator[bytes]:
    """Ask page after page."""
    import urllib3

    pool, token = urllib3.PoolManager(), None
    while True:
        answer = pool.request("GET", url + (f"?after={token}" if token else ""))
        yield answer.data
        token = json.loads(answer.data[-40:].rpartition(b'"next":')[2].rstrip(b"}"))
        if not token:
            return


def upload(path: Path, endpoint: str, bucket: str) -> None:
    """Send the file by boto3's managed transfer."""
    import boto3

    boto3.client("s3", endpoint_url=endpoint).upload_file(str(path), bucket, f"peer/{path.name}")


def through_smart_open(url: str, endpoint: str, bucket: str) -> None:
    """Stream by smart_open with orjson."""
    import boto3
    import orjson
    from smart_open import open as s3_open

    options = {"client": boto3.client("s3", endpoint_url=endpoint)}
    with s3_open(f"s3://{bucket}/peer/smart.jsonl.gz", "wb", transport_params=options) as out:
        for page in fetched(url):
            for record in orjson.loads(page)["rows"]:
                out.write(orjson.dumps(record | STAMP) + b"\n")


def through_s3fs(url: str, endpoint: str, bucket: str) -> None:
    """Stream by s3fs with orjson and the standard library's gzip."""
    import orjson
    import s3fs  # type: ignore[import-not-found] # in the peers' environment only

    files = s3fs.S3FileSystem(endpoint_url=endpoint)
    with files.open(f"{bucket}/peer/s3fs.jsonl.gz", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb") as out:
        for page in fetched(url):
            for record in orjson.loads(page)["rows"]:
                out.write(orjson.dumps(record | STAMP) + b"\n")


def through_dlt(url: str, endpoint: str, bucket: str) -> None:
    """Let dlt fetch and write, nested values as JSON in the record, as ours are."""
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DESTINATION__FILESYSTEM__BUCKET_URL": f"s3://{bucket}/peer/dlt",
        "DESTINATION__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL": endpoint,
        "DESTINATION__FILESYSTEM__CREDENTIALS__REGION_NAME": "us-east-1",
    }
    import dlt  # type: ignore[import-not-found] # in the peers' environment only
    from dlt.sources.rest_api import rest_api_resources  # type: ignore[import-not-found] # in the peers' environment only

    base, _, path = url.rpartition("/")
    cursor = {"type": "cursor", "cursor_path": "next", "cursor_param": "after"}
    resources = rest_api_resources(
        {
            "client": {"base_url": base, "paginator": cursor},
            "resources": [
                {"name": "rows", "max_table_nesting": 0, "endpoint": {"path": path, "data_selector": "rows"}}
            ],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("bench", destination="filesystem", dataset_name="bench", pipelines_dir=folder)
        pipeline.run([each.add_map(lambda record: record | STAMP) for each in resources], loader_file_format="jsonl")


def main() -> None:
    """Run one tool and print what it took."""
    tool, kind, count, *place = sys.argv[1:]
    began = time.monotonic()
    if place:
        url, endpoint, bucket = place
        whole = {"smart_open": through_smart_open, "s3fs": through_s3fs, "dlt": through_dlt}
        if tool in whole:
            whole[tool](url, endpoint, bucket)
        else:
            make = {"file": stream_file, "concatenate": concatenate, "list": list_and_join}[tool]
            path = make(fetched(url))
            upload(path, endpoint, bucket)
            path.unlink()
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
    else:
        pages = list(ingest_data.pages(kind, int(count)))
        before = time.process_time()
        if tool == "file":
            path = stream_file(iter(pages))
        elif tool == "file, function":
            path = stream_file(iter(pages), transform=True)
        else:
            path = {"concatenate": concatenate, "list": list_and_join}[tool](iter(pages))
        cpu = time.process_time() - before
        path.unlink()
    peak = next(
        int(line.split()[1]) / 1024
        for line in io.StringIO(Path("/proc/self/status").read_text())
        if line.startswith("VmHWM:")
    )
    print(json.dumps({"cpu_s": cpu, "wall_s": time.monotonic() - began, "peak_mib": peak}))


if __name__ == "__main__":
    main()
