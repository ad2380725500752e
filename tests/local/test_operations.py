"""The operations that ship, by the test kit, over the real S3 API of the local AWS."""

import gzip
import io
import json
import random
import subprocess
import sys
import uuid
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
from backports import zstd
from PIL import Image
from pyarrow import parquet

from brigade.operations import object as object_module
from brigade.operations.invocation import TaskResult
from brigade.operations.testing import run_operation
from brigade.s3 import concatenate
from lambdas.batch_operations.operations import forget, recompress, rekey, to_parquet, verify
from tests.local.conftest import REPOSITORY, Emulator

LINES = b"".join(json.dumps({"n": n, "text": "ü" * (n % 7), "price": n / 4}).encode() + b"\n" for n in range(5000))


class Lake:
    """A versioned bucket and what is in it."""

    def __init__(self, s3: Any) -> None:
        self.s3, self.name = s3, f"operations-{uuid.uuid4().hex[:8]}"
        s3.create_bucket(Bucket=self.name)
        s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, body: bytes, **more: Any) -> str:
        version: str = self.s3.put_object(Bucket=self.name, Key=key, Body=body, **more)["VersionId"]
        return version

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def listed(self) -> set[str]:
        return {item["Key"] for item in self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])}

    def run(self, module: Any, key: str, arguments: Mapping[str, str] | None = None, **more: Any) -> TaskResult:
        return run_operation(module.OPERATION, self.s3, self.name, key, arguments, **more)


@pytest.fixture
def lake(emulator: Emulator) -> Lake:
    return Lake(emulator.root("s3"))


def done(result: TaskResult) -> str:
    assert result.code == "Succeeded", result.text
    return result.text


def refused(result: TaskResult) -> str:
    assert result.code == "PermanentFailure", result.text
    return result.text


def test_recompress_keeps_content_metadata_and_tags_and_removes_the_original(lake: Lake) -> None:
    kept = {"Metadata": {"owner": "me"}, "Tagging": "team=a%26b", "CacheControl": "no-store"}
    lake.put("a b+c/x.jsonl.gz", gzip.compress(LINES) + gzip.compress(LINES), **kept)
    assert "a b+c/x.jsonl.zst" in done(lake.run(recompress, "a b+c/x.jsonl.gz"))
    assert lake.listed() == {"a b+c/x.jsonl.zst"}
    assert zstd.decompress(lake.get("a b+c/x.jsonl.zst")) == LINES * 2
    head = lake.s3.head_object(Bucket=lake.name, Key="a b+c/x.jsonl.zst")
    assert (head["Metadata"]["owner"], head["CacheControl"]) == ("me", "no-store")
    tags = lake.s3.get_object_tagging(Bucket=lake.name, Key="a b+c/x.jsonl.zst")["TagSet"]
    assert tags == [{"Key": "team", "Value": "a&b"}]
    done(lake.run(recompress, "a b+c/x.jsonl.zst", {"to": "gz", "keep": "true"}))
    assert gzip.decompress(lake.get("a b+c/x.jsonl.gz")) == LINES * 2
    assert lake.listed() == {"a b+c/x.jsonl.zst", "a b+c/x.jsonl.gz"}


def test_recompress_goes_on_after_a_stop_and_overwrites_nothing(lake: Lake) -> None:
    lake.put("x.gz", gzip.compress(LINES))
    done(lake.run(recompress, "x.gz", {"keep": "true"}))  # as if it had been stopped before it deleted
    first = lake.s3.head_object(Bucket=lake.name, Key="x.zst")["VersionId"]
    done(lake.run(recompress, "x.gz"))
    assert lake.s3.head_object(Bucket=lake.name, Key="x.zst")["VersionId"] == first
    assert lake.listed() == {"x.zst"}
    lake.put("y.gz", gzip.compress(LINES))
    lake.put("y.zst", b"something else")
    assert "PreconditionFailed" in (text := refused(lake.run(recompress, "y.gz"))) or "exists already" in text
    assert {"y.gz", "y.zst"} <= lake.listed()
    assert lake.get("y.zst") == b"something else"


def test_recompress_leaves_what_is_not_sound(lake: Lake) -> None:
    lake.put("torn.gz", gzip.compress(LINES)[:-9])
    lake.put("plain.txt", b"x")
    assert "in the middle" in refused(lake.run(recompress, "torn.gz"))
    assert "does not end in .gz" in refused(lake.run(recompress, "plain.txt"))
    assert lake.listed() == {"torn.gz", "plain.txt"}


def test_an_old_version_is_neither_replaced_nor_forgotten(lake: Lake) -> None:
    old = lake.put("v.gz", gzip.compress(b"old"))
    lake.put("v.gz", gzip.compress(b"new"))
    for module, arguments in ((recompress, {}), (forget, {"mode": "delete"}), (rekey, {"to": "moved/{name}"})):
        assert "is not the current one" in refused(lake.run(module, "v.gz", arguments, version_id=old))
    assert lake.listed() == {"v.gz"}


@pytest.mark.parametrize("packed", [True, False])
def test_to_parquet_finds_the_columns(lake: Lake, packed: bool) -> None:
    key = "d/x.jsonl.gz" if packed else "d/x.jsonl"
    mixed = LINES + b'{"n": 1.5, "more": true}\n'
    lake.put(key, gzip.compress(mixed) if packed else mixed)
    assert "rows=5001 columns=4" in done(lake.run(to_parquet, key))
    table = parquet.read_table(io.BytesIO(lake.get("d/x.parquet")))
    assert (table.num_rows, table["n"][5000].as_py(), table["more"][0].as_py()) == (5001, 1.5, None)
    assert table["text"][6].as_py() == "ü" * 6
    assert "made already" in done(lake.run(to_parquet, key))
    assert "rows=5001 columns=1" in done(lake.run(to_parquet, key, {"columns": "n:number"}))
    assert "made already" in done(lake.run(to_parquet, key, {"columns": "n:number"}))
    assert "rows=5001" in done(lake.run(verify, "d/x.parquet"))


def test_to_parquet_takes_columns_and_names_what_is_wrong(lake: Lake) -> None:
    lake.put("x.jsonl", LINES)
    done(lake.run(to_parquet, "x.jsonl", {"columns": "price:number,absent:text"}))
    table = parquet.read_table(io.BytesIO(lake.get("x.parquet")))
    assert table.column_names == ["price", "absent"]
    assert table["absent"].null_count == 5000
    lake.put("bad.jsonl", LINES + b"{oops\n")
    assert "in the lines from 1" in refused(lake.run(to_parquet, "bad.jsonl"))
    lake.put("empty.jsonl", b"")
    assert "no line" in refused(lake.run(to_parquet, "empty.jsonl"))
    assert "is no name:type" in refused(lake.run(to_parquet, "x.jsonl", {"columns": "n:int"}))
    assert "bad.parquet" not in lake.listed()


def test_to_parquet_takes_so_much_memory_whatever_the_size(lake: Lake, emulator: Emulator) -> None:
    """In a process of its own: a small file, then one of 90 MB, 40 of which without an end of line are refused."""
    lake.put("small.jsonl", LINES)
    lake.put("large.jsonl.gz", gzip.compress(LINES * 400, 1))
    lake.put("endless.jsonl.gz", gzip.compress(b"[" * 40_000_000, 1))
    script = (
        "import boto3\nfrom lambdas.batch_operations.operations.to_parquet import OPERATION\n"
        "from brigade.operations.testing import run_operation\nfrom lambdas.memory import peak_mib\n"
        "s3 = boto3.client('s3')\n"
        "for key in ('small.jsonl', 'large.jsonl.gz', 'endless.jsonl.gz'):\n"
        f"    print(peak_mib(), run_operation(OPERATION, s3, '{lake.name}', key).text)\nprint(peak_mib())"
    )
    environment = {**emulator.environment("root"), "PYTHONPATH": str(REPOSITORY)}
    told = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    start, small, large, end = told.stdout.splitlines()
    assert "rows=5000 " in start
    assert "rows=2000000 " in small
    assert "InvalidData: a line is longer than 8,388,608 bytes" in large
    assert float(end) - float(start.split()[0]) < 150


def test_rekey_copies_proves_and_moves(lake: Lake) -> None:
    lake.put("a/b c+d.tar.gz", b"content", Metadata={"owner": "me"}, Tagging="a=b")
    moved = {"to": "{folder}/new-{stem}{suffix}"}
    done(lake.run(rekey, "a/b c+d.tar.gz", moved))
    done(lake.run(rekey, "a/b c+d.tar.gz", {**moved, "delete": "true"}))
    assert lake.listed() == {"a/new-b c+d.tar.gz"}
    head = lake.s3.head_object(Bucket=lake.name, Key="a/new-b c+d.tar.gz")
    assert head["Metadata"]["owner"] == "me"
    assert lake.s3.get_object_tagging(Bucket=lake.name, Key="a/new-b c+d.tar.gz")["TagSet"]
    assert "has that key" in done(lake.run(rekey, "a/new-b c+d.tar.gz", {"to": "{key}"}))
    lake.put("other", b"another content")
    assert "exists already" in refused(lake.run(rekey, "other", {"to": "a/new-b c+d.tar.gz", "delete": "true"}))
    assert "no part {nope}" in refused(lake.run(rekey, "other", {"to": "{nope}"}))
    assert "other" in lake.listed()


def test_rekey_copies_in_parts_what_s3_does_not_copy_at_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_module, "_COPIED_AT_ONCE", 12 << 20)
    monkeypatch.setattr(concatenate, "LARGEST_PART", 8 << 20)
    body = random.Random(1).randbytes(13 << 20)
    lake.put(
        "large", body, Metadata={"owner": "me"}, Tagging="a=b%26c", ContentEncoding="gzip", CacheControl="no-store"
    )
    done(lake.run(rekey, "large", {"to": "moved/{name}", "delete": "true"}))
    assert lake.listed() == {"moved/large"}
    assert lake.get("moved/large") == body
    head = lake.s3.head_object(Bucket=lake.name, Key="moved/large")
    assert head["ETag"].endswith('-2"')
    assert (head["Metadata"]["owner"], head["ContentEncoding"], head["CacheControl"]) == ("me", "gzip", "no-store")
    tags = lake.s3.get_object_tagging(Bucket=lake.name, Key="moved/large")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b&c"}]
    lake.put("other", body[:-1] + b"x")
    assert "exists already" in (text := refused(lake.run(rekey, "other", {"to": "moved/large"}))) or "Precond" in text
    assert lake.get("moved/large") == body


def test_forget_says_first_and_deletes_when_told(lake: Lake) -> None:
    lake.put("x", b"abc")
    assert "would delete 3 bytes" in done(lake.run(forget, "x"))
    assert lake.listed() == {"x"}
    assert "deleted 3 bytes" in done(lake.run(forget, "x", {"mode": "delete"}))
    assert lake.listed() == set()
    assert "gone already" in done(lake.run(forget, "x", {"mode": "delete"}))


def test_verify_reads_pictures_and_parquet(lake: Lake) -> None:
    picture, table = io.BytesIO(), io.BytesIO()
    Image.linear_gradient("L").save(picture, "PNG")
    parquet.write_table(pa.table({"n": list(range(100_000))}), table)
    for key, body, said in (
        ("a.PNG", picture.getvalue(), "pixels=256x256"),
        ("a.parquet", table.getvalue(), "rows=100000"),
    ):
        version = lake.put(key, body)
        assert said in done(lake.run(verify, key))
        assert said in done(lake.run(verify, key, version_id=version))
        lake.put(key, body[: len(body) // 2])
        assert "not a sound picture" in (text := refused(lake.run(verify, key))) or "cut short" in text
