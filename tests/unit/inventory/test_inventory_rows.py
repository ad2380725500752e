"""Rows of deliveries: exact keys, typed columns, and every damage said on one line that names the file."""

import gzip
import hashlib
import json
import threading
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brigade.errors import InvalidData, NotFound, UsageError
from brigade.inventory import open_delivery, read
from tests.examples import examples
from tests.unit.inventory.conftest import NO_S3, SCHEMAS, csv_file, of_keys, write

ODD = [
    "plain/key.txt",
    "space and+plus 100%=sure.txt",
    'quotes "and", commas',
    "new\nline\r\nand\ttab",
    "emoji 🪣/日本語/Ωмега",
    "/leading//double/../dots",
    "%41 is not A",
    "~*'()",
    " ",
]

# Lines of a real delivery, of dandiarchive (s3-facts A4).
DANDI = (
    '"dandiarchive","zarr/73fb586f/0/0/0/14/4/100","nuYD8l5blCvLV3DbAiN1IXuwo7aF3F98","true","false","1511723",'
    '"2022-12-12T13:20:39.000Z","627c47efe292876b91978324485cd2ec","false"\n'
    '"dandiarchive","zarr/73fb586f/0/0/0/14/4/100","t5w9XO56_Yi1eF6HE7KUgoLumufisMyo","false","true","",'
    '"2022-12-11T17:55:08.000Z","",""\n'
    '"dandiarchive","dandiarchive/dandiarchive/hive/dt%3D2024-05-07-01-00/symlink.txt",'
    '"t4Z7oFATOK2678GfaU8oLcjWDMAS0RgK","true","false","38129","2024-05-07T21:12:55.000Z",'
    '"f58c1f0e5fb20a9152788f825375884a","false"\n'
)
DANDI_SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, IsMultipartUploaded"


def rows(manifest: Path, **options: Any) -> list[dict[str, Any]]:
    delivery = open_delivery(NO_S3, str(manifest))
    return [row for batch in read(delivery, **options) for row in batch.to_pylist()]


def keys(folder: Path, form: str, given: Sequence[str]) -> list[str]:
    delivery = of_keys(folder, form, given)
    return [key for batch in read(delivery, ["key"]) for key in batch["key"].to_pylist()]


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("files", [1, 2, 3])
def test_rows_and_refusals_are_the_same_on_any_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, files: int
) -> None:
    monkeypatch.setattr("brigade.inventory.rows.scanner.count_cores", lambda: count)
    packed = gzip.compress(DANDI.encode())
    assert len(rows(write(tmp_path / "sound", "CSV", DANDI_SCHEMA, [packed] * files))) == 3 * files
    with pytest.raises(InvalidData, match="is a torn gzip"):
        rows(write(tmp_path / "torn", "CSV", DANDI_SCHEMA, [*[packed] * (files - 1), packed[:-9]]))


def test_rows_of_a_real_csv_delivery_are_typed(tmp_path: Path) -> None:
    found = rows(write(tmp_path, "CSV", DANDI_SCHEMA, [gzip.compress(DANDI.encode())]))
    assert found[0] == {
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
    marker = found[1]
    assert (marker["is_delete_marker"], marker["size"], marker["e_tag"], marker["is_multipart_uploaded"]) == (
        True,
        None,
        None,
        None,
    )
    assert found[2]["key"] == "dandiarchive/dandiarchive/hive/dt=2024-05-07-01-00/symlink.txt"


def test_odd_keys_are_exact(tmp_path: Path, form: str) -> None:
    assert keys(tmp_path, form, ODD) == ODD


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_keys=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80), max_size=30))
def test_any_key_survives_each_format(form: str, given_keys: list[str]) -> None:
    with TemporaryDirectory() as folder:
        assert keys(Path(folder), form, given_keys) == given_keys


def test_the_formats_agree(tmp_path: Path) -> None:
    found = [
        [row for batch in read(of_keys(tmp_path / form, form, ODD)) for row in batch.to_pylist()] for form in SCHEMAS
    ]
    assert found[0] == found[1] == found[2]
    assert found[0][0]["version_id"] is None


def test_columns_come_as_asked(tmp_path: Path, form: str) -> None:
    batches = list(read(of_keys(tmp_path, form, ODD), ["size", "key"]))
    assert [batch.schema.names for batch in batches] == [["size", "key"]]
    assert batches[0]["size"].to_pylist() == [number * 10 for number in range(len(ODD))]


def test_a_condition_filters_on_columns_that_are_not_asked_for(tmp_path: Path, form: str) -> None:
    delivery = of_keys(tmp_path, form, ODD)
    found = [
        key for batch in read(delivery, ["key"], "size >= 30 AND e_tag <> 'etag4'") for key in batch["key"].to_pylist()
    ]
    assert found == [ODD[3], *ODD[5:]]
    types = {batch.schema.field("last_modified_date").type.tz for batch in read(delivery, where="size > 0")}
    assert types == {"UTC"}


def test_a_column_that_the_delivery_lacks_is_named(tmp_path: Path) -> None:
    delivery = of_keys(tmp_path, "CSV", ODD)
    with pytest.raises(NotFound, match=r"no column storage_class; there are bucket, key, version_id"):
        read(delivery, ["key", "storage_class"])


@pytest.mark.parametrize(
    "where", ["1 = 1; DROP TABLE inventory", "SELECT 1", "size >", "", "size > 1) UNION (SELECT 1"]
)
def test_what_is_no_condition_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError):
        read(of_keys(tmp_path, "CSV", ODD), where=where)


def test_many_blocks_and_files_are_one_stream(tmp_path: Path) -> None:
    row = ("b", "k" * 900, "v", "true", "1", "2024-04-22T01:11:06.000Z", "e")
    body = csv_file([row] * 12_000)
    found = [
        batch.num_rows for batch in read(open_delivery(NO_S3, str(write(tmp_path, "CSV", SCHEMAS["CSV"], [body] * 3))))
    ]
    assert sum(found) == 36_000
    assert len(found) > 3


def test_memory_does_not_grow_with_a_file_that_inflates_a_thousandfold(tmp_path: Path) -> None:
    row = '"b","' + "k" * 1000 + '","","true","1","2024-04-22T01:11:06.000Z","e"\n'
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [gzip.compress(row.encode() * 150_000)])
    tracemalloc.start()
    count = sum(batch.num_rows for batch in read(open_delivery(NO_S3, str(manifest)), ["size"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 150_000
    assert peak < 48 << 20


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "CSV", SCHEMAS["CSV"], [gzip.compress(b"")])) == []


def test_members_that_follow_each_other_are_one_file(tmp_path: Path) -> None:
    first, second = DANDI.splitlines(keepends=True)[:2]
    body = gzip.compress(first.encode()) + gzip.compress(second.encode())
    assert len(rows(write(tmp_path, "CSV", DANDI_SCHEMA, [body]))) == 2


def csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    return gzip.decompress(csv_file(rows))


def test_fields_with_quotes_or_without_are_read_as_well(tmp_path: Path) -> None:
    body = (
        b'b,k,"","true",7,2024-04-22T01:11:06.000Z,"a ""tag"""\n"b","k2","","true","8","2024-04-22T01:11:06.000Z",""\n'
    )
    found = rows(write(tmp_path, "CSV", SCHEMAS["CSV"], [gzip.compress(body)]), columns=["key", "size", "e_tag"])
    assert [tuple(row.values()) for row in found] == [("k", 7, 'a "tag"'), ("k2", 8, None)]


def test_rows_before_a_failure_are_given_first(tmp_path: Path, form: str) -> None:
    sound = of_keys(tmp_path, form, ODD)
    body = Path(str(sound.place(sound.manifest.files[0]))).read_bytes()
    delivery = open_delivery(NO_S3, str(write(tmp_path, form, SCHEMAS[form], [body, b"rubbish" * 9])))
    given: list[str] = []
    with pytest.raises(InvalidData):
        given.extend(key for batch in read(delivery, ["key"]) for key in batch["key"].to_pylist())
    assert given == ODD


def test_who_takes_the_first_rows_begins_no_other_file_and_leaves_no_thread(tmp_path: Path, form: str) -> None:
    sound = of_keys(tmp_path, form, ODD)
    body = Path(str(sound.place(sound.manifest.files[0]))).read_bytes()
    delivery = open_delivery(NO_S3, str(write(tmp_path, form, SCHEMAS[form], [body, b"never opened", b"nor this"])))
    batches = read(delivery, ["key"])
    assert next(batches)["key"].to_pylist() == ODD
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inventory")]


def row_of(**changes: str) -> tuple[str, ...]:
    row = {"b": "b", "key": "k", "v": "", "latest": "true", "size": "1", "date": "2024-04-22T01:11:06.000Z", "e": "e"}
    return tuple((row | changes).values())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (csv_file([row_of()])[:-9], r"000000\.csv\.gz is a torn gzip"),
        (csv_file([row_of()]) + b"rubbish", r"has something after the end of its gzip"),
        (b"Bucket,Key\n", r"000000\.csv\.gz is not gzip"),
        (csv_file([row_of(), row_of()[:-1]]), r"000000\.csv\.gz row 2: .*Expected 7 columns, got 6"),
        (csv_file([row_of(), (*row_of(), "more")]), r"000000\.csv\.gz row 2: .*Expected 7 columns, got 8"),
        (csv_file([row_of(), row_of(key="")]), r"000000\.csv\.gz row 2: there is no key"),
        (csv_file([row_of(), row_of(size="many")]), r"000000\.csv\.gz row 2: .*int64: invalid value 'many'"),
        (csv_file([row_of(), row_of(date="yesterday")]), r"000000\.csv\.gz row 2: .*invalid value 'yesterday'"),
        (
            gzip.compress(b'"b","k\xff","","true","1","2024-04-22T01:11:06.000Z","e"\n', mtime=0),
            r"row 1: the key 'k�' is not encoded",
        ),
        (csv_file([row_of(), row_of(key="a%FFb")]), r"000000\.csv\.gz row 2: the key 'a%FFb' is not encoded"),
        (csv_file([row_of(), row_of(key="100%")]), r"row 2: the key '100%' is not encoded"),
        (csv_file([row_of(key="100%2"), row_of(key="0k")]), r"row 1: the key '100%2' is not encoded"),
        (csv_file([row_of(), row_of(key="k" * (9 << 20))]), r"000000\.csv\.gz row 2: the row is longer than"),
        (
            csv_file([row_of(key="k" * 9000)] * 400 + [row_of()[:-1]]),
            r"000000\.csv\.gz row 401: .*Expected 7 columns, got 6",
        ),
        (csv_file([row_of(), row_of(latest="maybe")]), r"000000\.csv\.gz row 2: .*bool: invalid value 'maybe'"),
        (gzip.compress(csv_lines([row_of()]) + b"\n", mtime=0), r"000000\.csv\.gz row 2: there is no key"),
    ],
)
def test_damaged_csv_is_said_with_file_and_row(tmp_path: Path, body: bytes, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        rows(write(tmp_path, "CSV", SCHEMAS["CSV"], [body]))


@pytest.mark.parametrize("form", ["ORC", "Parquet"])
def test_damaged_columnar_file_is_named(tmp_path: Path, form: str) -> None:
    with pytest.raises(InvalidData, match=rf"000000\.{form.lower()}, rows from 1: "):
        rows(write(tmp_path, form, SCHEMAS[form], [b"rubbish" * 100]))


@pytest.mark.parametrize("form", ["ORC", "Parquet"])
def test_a_column_that_the_file_lacks_is_an_error(tmp_path: Path, form: str) -> None:
    delivery = of_keys(tmp_path, form, ODD)
    more = (
        SCHEMAS[form]
        .replace("e_tag:string>", "e_tag:string,storage_class:string>")
        .replace("e_tag (STRING);}", "e_tag (STRING);  optional binary storage_class (STRING);}")
    )
    body = Path(str(delivery.place(delivery.manifest.files[0]))).read_bytes()
    with pytest.raises(InvalidData, match="storage_class"):
        rows(write(tmp_path, form, more, [body]))


def test_a_changed_data_file_is_caught(tmp_path: Path, form: str) -> None:
    delivery = of_keys(tmp_path, form, ODD)
    path = Path(str(delivery.place(delivery.manifest.files[0])))
    manifest = json.loads(Path(delivery.uri).read_text())
    manifest["files"][0]["MD5checksum"] = "0" * 32
    body = json.dumps(manifest).encode()
    Path(delivery.uri).write_bytes(body)
    Path(delivery.uri).with_name("manifest.checksum").write_text(hashlib.md5(body).hexdigest())
    with pytest.raises(InvalidData, match=rf"{path.name} has the MD5 [0-9a-f]{{32}}, but the manifest says 0{{32}}"):
        rows(Path(delivery.uri))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidData, match=path.name):
        rows(Path(delivery.uri))


def test_a_missing_data_file_is_named(tmp_path: Path, form: str) -> None:
    delivery = of_keys(tmp_path, form, ODD)
    path = Path(str(delivery.place(delivery.manifest.files[0])))
    path.unlink()
    with pytest.raises(NotFound, match=rf"{path.name} is not beside"):
        rows(Path(delivery.uri))
