"""The pieces of a delivery against what real S3 has written (quoted from published manifests and report rows)."""

import gzip
import hashlib
import io
from datetime import UTC, datetime
from urllib.parse import unquote_plus

import pyarrow as pa
import pytest
from pyarrow import orc, parquet

from local.inventory import columns, files, manifest
from local.inventory.columns import Format

MANIFEST = b"""{
  "sourceBucket" : "nix-cache",
  "destinationBucket" : "arn:aws:s3:::nix-cache-inventory",
  "version" : "2016-11-30",
  "creationTimestamp" : "1748826000000",
  "fileFormat" : "Parquet",
  "fileSchema" : "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);\
  optional int64 size;  optional int64 last_modified_date (TIMESTAMP(MILLIS,true));  optional binary e_tag (STRING);\
  optional binary storage_class (STRING);}",
  "files" : [ {
    "key" : "nix-cache/nix-cache-inventory/data/ed88423e-6457-4a45-ad18-6e13b66d076f.parquet",
    "size" : 176058964,
    "MD5checksum" : "55bf7c536ac7b6de3c79ff4520a0fa7d"
  }, {
    "key" : "nix-cache/nix-cache-inventory/data/0f.parquet",
    "size" : 7,
    "MD5checksum" : "00"
  } ]
}"""
NIX_FIELDS = ("Size", "LastModifiedDate", "ETag", "StorageClass")
DANDI_FIELDS = ("Size", "LastModifiedDate", "ETag", "IsMultipartUploaded")
DANDI_ROWS = """\
"dandiarchive","zarr/73fb586f/0/0/0/14/4/100","nuYD8l5blCvLV3DbAiN1IXuwo7aF3F98","true","false","1511723",\
"2022-12-12T13:20:39.000Z","627c47efe292876b91978324485cd2ec","false"
"dandiarchive","zarr/73fb586f/0/0/0/14/4/100","t5w9XO56_Yi1eF6HE7KUgoLumufisMyo","false","true","",\
"2022-12-11T17:55:08.000Z","",""
"dandiarchive","dandiarchive/dandiarchive/hive/dt%3D2024-05-07-01-00/symlink.txt","t4Z7oFATOK2678GfaU8oLcjWDMAS0RgK",\
"true","false","38129","2024-05-07T21:12:55.000Z","f58c1f0e5fb20a9152788f825375884a","false"
"""
MANIFEST_MD5 = "55bf7c536ac7b6de3c79ff4520a0fa7d"
STAMP = datetime(2025, 6, 2, 1, tzinfo=UTC)
PLACE = manifest.Place("", "nix-cache", "nix-cache-inventory")


def dandi_rows() -> list[files.Row]:
    written: dict[str, files.Value] = {
        "bucket": "dandiarchive",
        "key": "zarr/73fb586f/0/0/0/14/4/100",
        "version_id": "nuYD8l5blCvLV3DbAiN1IXuwo7aF3F98",
        "is_latest": True,
        "is_delete_marker": False,
        "size": 1511723,
        "last_modified_date": datetime(2022, 12, 12, 13, 20, 39, tzinfo=UTC),
        "e_tag": "627c47efe292876b91978324485cd2ec",
        "is_multipart_uploaded": False,
    }
    marker: files.Row = {
        "bucket": "dandiarchive",
        "key": "zarr/73fb586f/0/0/0/14/4/100",
        "version_id": "t5w9XO56_Yi1eF6HE7KUgoLumufisMyo",
        "is_latest": False,
        "is_delete_marker": True,
        "last_modified_date": datetime(2022, 12, 11, 17, 55, 8, tzinfo=UTC),
    }
    symlink = {
        **written,
        "key": "dandiarchive/dandiarchive/hive/dt=2024-05-07-01-00/symlink.txt",
        "version_id": "t4Z7oFATOK2678GfaU8oLcjWDMAS0RgK",
        "size": 38129,
        "last_modified_date": datetime(2024, 5, 7, 21, 12, 55, tzinfo=UTC),
        "e_tag": "f58c1f0e5fb20a9152788f825375884a",
    }
    return [written, marker, symlink]


def test_manifest_is_printed_as_s3_prints_it() -> None:
    schema = columns.schema(columns.chosen(NIX_FIELDS, versions=False), "Parquet")
    listed = [
        manifest.File(PLACE.data("ed88423e-6457-4a45-ad18-6e13b66d076f.parquet"), 176058964, MANIFEST_MD5),
        manifest.File(PLACE.data("0f.parquet"), 7, "00"),
    ]
    assert manifest.render(PLACE, "nix-cache-inventory", STAMP, "Parquet", schema, listed) == MANIFEST


def test_checksum_is_33_bytes() -> None:
    text = manifest.checksum(MANIFEST)
    assert len(text) == 33
    assert text == hashlib.md5(MANIFEST).hexdigest().encode() + b"\n"


def test_a_stamp_is_spelled_in_two_ways() -> None:
    assert PLACE.folder(STAMP) == "nix-cache/nix-cache-inventory/2025-06-02T01-00Z"
    assert PLACE.symlink(STAMP) == "nix-cache/nix-cache-inventory/hive/dt=2025-06-02-01-00/symlink.txt"
    assert manifest.Place("inventory", "lake", "all").data("x.orc") == "inventory/lake/all/data/x.orc"


def test_file_schema_of_csv_and_orc() -> None:
    some = columns.chosen(("LastModifiedDate", "Size"), versions=False)
    assert columns.schema(some, "CSV") == "Bucket, Key, Size, LastModifiedDate"
    every = columns.chosen(("Size", "IsMultipartUploaded", "ObjectLockRetainUntilDate"), versions=True)
    assert columns.schema(every, "ORC") == (
        "struct<bucket:string,key:string,version_id:string,is_latest:boolean,is_delete_marker:boolean,size:bigint,"
        "is_multipart_uploaded:boolean,object_lock_retain_until_date:timestamp>"
    )


def test_csv_rows_are_those_of_a_real_report() -> None:
    chosen = columns.chosen(DANDI_FIELDS, versions=True)
    (body,) = files.encode(dandi_rows(), chosen, "CSV")
    assert gzip.decompress(body).decode() == DANDI_ROWS


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("a b", "a+b"),
        ("a+b", "a%2Bb"),
        ("100%", "100%25"),
        ("dt=1/x", "dt%3D1/x"),
        ("😀", "%F0%9F%98%80"),
        ("a\nb", "a%0Ab"),
        ('quo"te,', "quo%22te%2C"),
    ],
)
def test_csv_encodes_keys_as_forms_do_but_for_the_slash(key: str, written: str) -> None:
    chosen = columns.chosen((), versions=False)
    (body,) = files.encode([{"bucket": "b", "key": key}], chosen, "CSV")
    assert gzip.decompress(body).decode() == f'"b","{written}"\n'
    assert unquote_plus(written) == key


def test_orc_and_parquet_hold_raw_keys_and_the_declared_types() -> None:
    chosen = columns.chosen(DANDI_FIELDS, versions=True)
    (as_orc,) = files.encode(dandi_rows(), chosen, "ORC")
    (as_parquet,) = files.encode(dandi_rows(), chosen, "Parquet")
    from_orc = orc.ORCFile(io.BytesIO(as_orc))
    from_parquet = parquet.ParquetFile(io.BytesIO(as_parquet))
    assert from_orc.compression == "ZLIB"
    assert from_parquet.metadata.row_group(0).column(0).compression == "SNAPPY"
    assert from_parquet.schema.column(6).logical_type.type == "TIMESTAMP"
    assert from_parquet.schema.column(0).max_definition_level == 0  # required
    assert from_parquet.schema.column(5).physical_type == "INT64"
    for table in (from_orc.read(), from_parquet.read()):
        assert table["key"].to_pylist()[2] == "dandiarchive/dandiarchive/hive/dt=2024-05-07-01-00/symlink.txt"
        assert table["size"].to_pylist() == [1511723, None, 38129]
        assert table["is_delete_marker"].to_pylist() == [False, True, False]
        assert table["e_tag"].to_pylist()[1] is None
        written = table["last_modified_date"].cast(pa.timestamp("ms")).to_pylist()
        assert written[0] == datetime(2022, 12, 12, 13, 20, 39)


@pytest.mark.parametrize("file_format", ["CSV", "ORC", "Parquet"])
def test_many_rows_are_cut_into_files(file_format: Format) -> None:
    chosen = columns.chosen((), versions=False)
    rows = [{"bucket": "b", "key": str(number)} for number in range(5)]
    assert len(list(files.encode(rows, chosen, file_format, rows_per_file=2))) == 3
    assert list(files.encode([], chosen, file_format)) == []
