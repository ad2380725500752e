"""The operations that delete or replace: what they leave when names collide, answers get lost and classes differ."""

import gzip
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.batch_operations.operations import forget, recompress, rekey, to_parquet
from tests.local.conftest import Emulator
from tests.local.test_operations import LINES, Lake, done, refused


@pytest.fixture
def lake(emulator: Emulator) -> Lake:
    return Lake(emulator.root("s3"))


def wait_until_restored(lake: Lake, key: str) -> None:
    for _ in range(100):
        if 'ongoing-request="false"' in lake.s3.head_object(Bucket=lake.name, Key=key).get("Restore", ""):
            return
        time.sleep(0.2)
    raise AssertionError(f"{key} was not restored within 20 s")


def test_rekey_keeps_the_storage_class_and_all_headers(lake: Lake) -> None:
    headers = {"ContentType": "a/b", "ContentEncoding": "x", "CacheControl": "no-store", "ContentLanguage": "de"}
    more = {"ContentDisposition": "inline", "Expires": datetime(2031, 1, 2, tzinfo=UTC), "StorageClass": "STANDARD_IA"}
    lake.put("a", b"content", Metadata={"owner": "me"}, Tagging="a=b", **headers, **more)
    done(lake.run(rekey, "a", {"to": "b", "delete": "true"}))
    head = lake.s3.head_object(Bucket=lake.name, Key="b")
    assert {name: head[name] for name in headers | more} == headers | more
    assert head["Metadata"]["owner"] == "me"
    assert lake.s3.get_object_tagging(Bucket=lake.name, Key="b")["TagSet"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize("more", [{}, {"Metadata": {"owner": "you"}}, {"Tagging": "team=b"}])
def test_rekey_refuses_two_sources_for_one_key_even_of_equal_bytes(lake: Lake, more: dict[str, Any]) -> None:
    lake.put("x/same", b"equal", Metadata={"owner": "me"}, Tagging="team=a")
    lake.put("y/same", b"equal", **more)
    arguments = {"to": "all/{name}", "delete": "true"}
    done(lake.run(rekey, "x/same", arguments))
    assert "exists already" in refused(lake.run(rekey, "y/same", arguments))
    assert lake.listed() == {"all/same", "y/same"}
    assert lake.s3.head_object(Bucket=lake.name, Key="all/same")["Metadata"]["owner"] == "me"


@pytest.mark.parametrize(("module", "arguments"), [(rekey, {"to": "{stem}.moved", "delete": "true"}), (recompress, {})])
def test_a_move_whose_answer_was_lost_is_not_a_failure_when_it_is_run_again(
    lake: Lake, module: Any, arguments: dict[str, str]
) -> None:
    lake.put("x.gz", gzip.compress(LINES))
    done(lake.run(module, "x.gz", arguments))
    left = lake.listed()
    assert len(left) == 1
    assert " already" in done(lake.run(module, "x.gz", arguments))
    assert lake.listed() == left
    assert "Not Found" in refused(lake.run(module, "never.gz", arguments))


@pytest.mark.parametrize(("module", "arguments"), [(rekey, {"to": "{stem}.moved"}), (recompress, {"keep": "true"})])
def test_an_original_whose_labels_changed_after_the_copy_stays(
    lake: Lake, module: Any, arguments: dict[str, str]
) -> None:
    lake.put("x.gz", gzip.compress(LINES), Tagging="team=a")
    done(lake.run(module, "x.gz", arguments))
    lake.s3.put_object_tagging(Bucket=lake.name, Key="x.gz", Tagging={"TagSet": [{"Key": "team", "Value": "b"}]})
    final = {**arguments, "delete": "true"} if module is rekey else {}
    assert "other metadata or tags" in refused(lake.run(module, "x.gz", final))
    assert "x.gz" in lake.listed()


def test_an_old_version_of_equal_bytes_is_not_taken_for_the_current_one(lake: Lake) -> None:
    old = lake.put("v", b"same", Metadata={"owner": "me"})
    lake.put("v", b"same", Metadata={"owner": "you"})
    for module, arguments in ((forget, {"mode": "delete"}), (rekey, {"to": "w", "delete": "true"})):
        assert "is not the current one" in refused(lake.run(module, "v", arguments, version_id=old))
    assert lake.listed() == {"v"}


@pytest.mark.parametrize("other", [b"somebody's", None])
def test_to_parquet_replaces_only_what_it_made_of_this_key(lake: Lake, other: bytes | None) -> None:
    lake.put("x.jsonl", b'{"a": 1}\n')
    lake.put("x.jsonl.gz", gzip.compress(b'{"a": 2}\n{"a": 3}\n'))
    if other:
        lake.put("x.parquet", other)
    else:
        done(lake.run(to_parquet, "x.jsonl"))
    before = lake.get("x.parquet")
    assert "was not made from x.jsonl.gz" in refused(lake.run(to_parquet, "x.jsonl.gz"))
    assert lake.get("x.parquet") == before


@pytest.mark.parametrize("module", [recompress, to_parquet])
def test_what_is_made_of_a_restored_object_can_be_read(lake: Lake, module: Any) -> None:
    lake.put("x.jsonl.gz", gzip.compress(LINES), StorageClass="GLACIER")
    assert "InvalidObjectState" in refused(lake.run(module, "x.jsonl.gz"))
    lake.s3.restore_object(Bucket=lake.name, Key="x.jsonl.gz", RestoreRequest={"Days": 1})
    wait_until_restored(lake, "x.jsonl.gz")
    done(lake.run(module, "x.jsonl.gz"))
    (made,) = lake.listed() - {"x.jsonl.gz"}
    assert lake.get(made)
