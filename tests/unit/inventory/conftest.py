"""Deliveries on disk, written here from AWS's documents and from lines of real ones."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pytest
from pyarrow import orc, parquet

from brigade.inventory import Delivery, open_delivery
from tests.fake_client import FakeClient

Write = Callable[..., Path]

ENVIRONMENT = {**os.environ, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1"}
SCHEMAS: Mapping[str, str] = {
    "CSV": "Bucket, Key, VersionId, IsLatest, Size, LastModifiedDate, ETag",
    "ORC": "struct<bucket:string,key:string,version_id:string,is_latest:boolean,size:bigint,"
    "last_modified_date:timestamp,e_tag:string>",
    "Parquet": "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);  "
    "optional binary version_id (STRING);  optional boolean is_latest;  optional int64 size;  "
    "optional int64 last_modified_date (TIMESTAMP(MILLIS,true));  optional binary e_tag (STRING);}",
}


def write(folder: Path, form: str, schema: str, files: Sequence[bytes], **changes: Any) -> Path:
    """Write a delivery's files as S3 lays them out, and give the path of its manifest.json."""
    stamp, data = folder / "2025-06-02T01-00Z", folder / "data"
    stamp.mkdir(parents=True, exist_ok=True)
    data.mkdir(exist_ok=True)
    entries = []
    for number, body in enumerate(files):
        name = f"ed88423e-6457-4a45-ad18-{number:012d}.{'csv.gz' if form == 'CSV' else form.lower()}"
        (data / name).write_bytes(body)
        entries.append(
            {"key": f"inv/b/id/data/{name}", "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()}
        )
    manifest = {
        "sourceBucket": "b",
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": "1748826000000",
        "fileFormat": form,
        "fileSchema": schema,
        "files": entries,
        **changes,
    }
    body = json.dumps(manifest, indent=2, separators=(",", " : ")).encode()
    (stamp / "manifest.json").write_bytes(body)
    (stamp / "manifest.checksum").write_text(hashlib.md5(body).hexdigest() + "\n")
    return stamp / "manifest.json"


def csv_file(rows: Sequence[Sequence[str]]) -> bytes:
    lines = (",".join('"' + value.replace('"', '""') + '"' for value in row) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode(), mtime=0)


def columnar_file(table: pa.Table, form: str) -> bytes:
    sink = pa.BufferOutputStream()
    if form == "ORC":
        naive = [column.cast(pa.timestamp("ns")) if pa.types.is_timestamp(column.type) else column for column in table]
        orc.write_table(pa.table(naive, names=table.column_names), sink, compression="zlib")
    else:
        parquet.write_table(table, sink, compression="snappy")
    return bytes(sink.getvalue())


def of_keys(folder: Path, form: str, keys: Sequence[str]) -> Delivery:
    """A delivery with one row a key, ten bytes more each."""
    if form == "CSV":
        rows = [
            ("b", quote_plus(key, safe="/"), "", "true", str(number * 10), "2024-04-22T01:11:06.000Z", f"etag{number}")
            for number, key in enumerate(keys)
        ]
        body = csv_file(rows)
    else:
        count = len(keys)
        moment = pa.array([1713748266000] * count, pa.timestamp("ms", tz="UTC"))
        table = pa.table(
            {
                "bucket": pa.array(["b"] * count, pa.string()),
                "key": pa.array(keys, pa.string()),
                "version_id": pa.array([""] * count, pa.string()),
                "is_latest": pa.array([True] * count, pa.bool_()),
                "size": pa.array([number * 10 for number in range(count)], pa.int64()),
                "last_modified_date": moment,
                "e_tag": pa.array([f"etag{number}" for number in range(count)], pa.string()),
            }
        )
        body = columnar_file(table, form)
    return open_delivery(NO_S3, str(write(folder, form, SCHEMAS[form], [body])))


class _NoS3(FakeClient):
    """Stands where a client is asked for and none is used: a copy on disk calls nothing."""

    def get_object(self, **arguments: Any) -> Any:
        raise AssertionError(f"S3 was called for {arguments}")

    list_objects_v2 = get_object


NO_S3 = _NoS3()


@pytest.fixture(params=["CSV", "ORC", "Parquet"])
def form(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen
