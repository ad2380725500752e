"""A delivery as S3 writes one, in the three formats: every column, a third of the keys with what CSV has to encode."""

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip
from pyarrow import csv, fs, orc, parquet

_STAMP = "2026-11-22T01-00Z"
_FIELDS = (
    "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, "
    "IsMultipartUploaded, ReplicationStatus, EncryptionStatus, ObjectLockRetainUntilDate, ObjectLockMode, "
    "ObjectLockLegalHoldStatus, "
    "IntelligentTieringAccessTier, BucketKeyStatus, ChecksumAlgorithm, ObjectAccessControlList, ObjectOwner"
)
_NAMES = ["IMG", "2024 report (final) é", "naïve+plus=100%", "日本語 写真", "emoji 🪣 x", 'quo"te, comma']
_ACL = (
    '{"version":"2022-11-10","status":"AVAILABLE","grants":[{"canonicalId":"' + "a1b2" * 16 + '",'
    '"type":"CanonicalUser","permission":"FULL_CONTROL"}]}'
)
_TIME = pa.timestamp("ms", tz="UTC")


def make(folder: Path, files: int, rows: int) -> None:
    """Write the deliveries ``CSV-10``, ``ORC-10``, ``Parquet-10``, ``CSV-5`` and ``CSV-1``, unless they are there."""
    done = folder / f"{files}x{rows}, in halves too"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(files):
        table, encoded = _rows(rows, number)
        for form in ("CSV", "ORC", "Parquet"):
            path = folder / f"{form}-{files}" / "lake" / "data" / f"{number:08}.{_suffix(form)}"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, form, table, encoded)
    written = sorted((folder / f"CSV-{files}" / "lake" / "data").iterdir())
    for count in (files // 2, 1):
        fewer = folder / f"CSV-{count}" / "lake" / "data"
        fewer.mkdir(parents=True)
        for path in written[:count]:
            os.link(path, fewer / path.name)
    for delivery in folder.iterdir():
        _manifest(delivery / "lake", delivery.name.partition("-")[0], table.schema)
    done.touch()


def _rows(count: int, seed: int) -> tuple[pa.Table, pa.Array]:
    """Return the rows, and their keys as CSV encodes them."""
    random = np.random.default_rng(seed)
    folders = pa.array(
        [f"photos/{y}/{m:02}/camera-{c}" for y in range(2015, 2026) for m in range(1, 13) for c in range(8)]
    )
    parts = folders.take(pa.array(random.integers(0, len(folders), count)))
    which = pa.array(np.maximum(random.integers(-9, 6, count), 0))
    numbers = pa.array(random.integers(0, 1 << 62, count)).cast(pa.string())

    def keys(names: list[str]) -> pa.Array:
        joined = pc.binary_join_element_wise(parts, pa.array(names).take(which), numbers, "/")
        return pc.binary_join_element_wise(joined, "jpg", ".")

    letters = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._", np.uint8)
    texts = {
        "version_id": letters[random.integers(0, 64, count * 32)],
        "e_tag": np.frombuffer(random.bytes(16 * count).hex().encode(), np.uint8),
    }
    of_32 = {name: pa.array(data.view("S32")).cast(pa.string()) for name, data in texts.items()}
    classes = pa.array(["STANDARD", "STANDARD_IA", "GLACIER_IR"])

    def always(value: Any) -> pa.Array:
        return pa.repeat(pa.scalar(value), count)

    columns = [
        always("a-bucket-of-photographs"),
        keys(_NAMES),
        of_32["version_id"],
        pa.array(random.integers(0, 10, count) > 0),
        always(False),
        pa.array(random.integers(0, 50_000_000, count)),
        pa.array(1_600_000_000_000 + random.integers(0, 150_000_000, count) * 1000, _TIME),
        of_32["e_tag"],
        classes.take(pa.array(random.integers(0, 3, count))),
        always(False),
        *(always(value) for value in ("", "SSE-S3")),
        pa.nulls(count, _TIME),
        *(always(value) for value in ("", "", "", "DISABLED", "CRC64NVME")),
        always(base64.b64encode(_ACL.encode()).decode()),
        always("a1b2" * 16),
    ]
    return pa.table(columns, names=_columns()), keys([quote_plus(name) for name in _NAMES])


def _write(path: Path, form: str, table: pa.Table, encoded: pa.Array) -> None:
    if form == "Parquet":
        parquet.write_table(table, path, compression="snappy", row_group_size=250_000)
    elif form == "ORC":
        naive = [
            column.cast(pa.timestamp("ns")) if pa.types.is_timestamp(column.type) else column
            for column in table.columns
        ]
        with fs.LocalFileSystem().open_output_stream(str(path)) as out:
            orc.write_table(pa.table(naive, names=table.column_names), out, compression="zlib")
    else:
        out = pa.BufferOutputStream()
        columns = [_text(column) for column in table.set_column(1, "key", encoded).columns]
        options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
        csv.write_csv(pa.table(columns, names=table.column_names), out, options)
        path.write_bytes(igzip.compress(out.getvalue(), 2))


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        naive = column.cast(pa.timestamp("ms")).cast(pa.string())
        column = pc.binary_join_element_wise(pc.replace_substring(naive, " ", "T"), "Z", "")
    return pc.fill_null(column.cast(pa.string()), "")


def _manifest(folder: Path, form: str, schema: pa.Schema) -> None:
    entries = []
    for path in sorted((folder / "data").iterdir()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        entries.append({"key": f"lake/data/{path.name}", "size": path.stat().st_size, "MD5checksum": digest})
    kinds = {pa.int64(): "bigint", pa.bool_(): "boolean", pa.string(): "string", _TIME: "timestamp"}
    spelled = {"bigint": "int64 {}", "boolean": "boolean {}", "string": "binary {} (STRING)"}
    spelled["timestamp"] = "int64 {} (TIMESTAMP(MILLIS,true))"
    schemas = {
        "CSV": _FIELDS,
        "ORC": f"struct<{','.join(f'{field.name}:{kinds[field.type]}' for field in schema)}>",
        "Parquet": "message s3.inventory {"
        + "".join(f"  optional {spelled[kinds[field.type]].format(field.name)};" for field in schema)
        + "}",
    }
    document = {
        "sourceBucket": "a-bucket-of-photographs",
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": "1795309200000",
        "fileFormat": form,
        "fileSchema": schemas[form],
        "files": entries,
    }
    body = json.dumps(document, indent=2).encode()
    (folder / _STAMP).mkdir()
    (folder / _STAMP / "manifest.json").write_bytes(body)
    (folder / _STAMP / "manifest.checksum").write_text(hashlib.md5(body).hexdigest() + "\n")


def _columns() -> list[str]:
    names = _FIELDS.split(", ")
    return [
        "e_tag" if name == "ETag" else "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
        for name in names
    ]


def _suffix(form: str) -> str:
    return "csv.gz" if form == "CSV" else form.lower()
