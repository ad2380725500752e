"""An operation that runs here does what it declares and nothing else, whatever the credentials allow."""

import contextlib
import fnmatch
from typing import Any

import boto3
import pytest
from botocore import xform_name
from hypothesis import given
from hypothesis import strategies as st

from brigade.operations.object import Object
from brigade.operations.operation import Operation
from brigade.operations.rights import LimitedClient, NoRight, covers, matches_any
from brigade.operations.testing import run_operation
from tests.unit.operations.operations_lake import Lake

S3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
PATTERNS = st.lists(st.text("ab/*?.", min_size=1, max_size=6), min_size=1, max_size=3)
KEYS = st.text("ab/.\n", max_size=8)


class Recorder:
    """A client that records the names of the calls which reach it."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.sent.append(name)


def operation(**declared: Any) -> Operation:
    return Operation(run=lambda source, arguments: "", summary="", **{"reads": (), **declared})


def calls() -> list[str]:
    """Every call of S3 that the installed service model knows."""
    return [xform_name(name) for name in S3.meta.service_model.operation_names]


def sent(declared: Operation, key: str = "k", **request: Any) -> set[str]:
    """The calls that reach S3 of all that there are, for one key."""
    recorder = Recorder()
    limited = LimitedClient(recorder, declared, "lake")
    for name in calls():
        with contextlib.suppress(NoRight):
            getattr(limited, name)(Bucket="lake", Key=key, **request)
    return set(recorder.sent)


READS = {"get_object", "head_object"}
WRITES = {"put_object", "copy_object", "create_multipart_upload", "upload_part", "upload_part_copy"}
WRITES |= {"complete_multipart_upload", "abort_multipart_upload"}


@pytest.mark.parametrize(
    ("declared", "allowed"),
    [
        ({}, set()),
        ({"reads": ("*",)}, READS),
        ({"reads": ("*",), "content": False}, {"head_object"}),
        ({"checks": ("*",)}, READS),
        ({"writes": ("*",)}, WRITES),
        ({"deletes": ("*",)}, {"delete_object"}),
        ({"reads": ("*",), "tags": True}, READS | {"get_object_tagging"}),
        ({"writes": ("*",), "tags": True}, WRITES | {"put_object_tagging"}),
    ],
)
def test_of_all_calls_of_s3_only_the_declared_ones_are_sent(declared: dict[str, Any], allowed: set[str]) -> None:
    assert sent(operation(**declared)) == allowed | {"list_objects_v2"}
    narrow = {name: ("in/*",) if value == ("*",) else value for name, value in declared.items()}
    assert sent(operation(**narrow), "in/k") == allowed | {"list_objects_v2"}
    assert sent(operation(**narrow), "out/k") == {"list_objects_v2"}


def test_versions_other_buckets_tags_and_sources_of_copies_need_their_declaration() -> None:
    everything = operation(reads=("in/*",), writes=("*",), deletes=("*",), checks=("*",))
    assert "delete_object" not in sent(everything, VersionId="v")
    assert READS & sent(everything, "out/k", VersionId="v") == set()
    assert sent(everything, "in/k", VersionId="v") >= READS
    assert not sent(everything, Tagging="a=b") & {"put_object", "copy_object"}
    for source, allowed in (
        ({"Bucket": "lake", "Key": "in/k"}, True),
        ({"Bucket": "lake", "Key": "out/k"}, False),
        ({"Bucket": "other", "Key": "in/k"}, False),
        ("lake/in/k", False),
    ):
        assert ("copy_object" in sent(everything, CopySource=source)) is allowed
    with pytest.raises(NoRight, match="may use only the bucket 'lake'"):
        LimitedClient(Recorder(), everything, "lake").get_object(Bucket="other", Key="in/k")


def test_the_settings_of_a_bucket_replace_the_patterns_and_add_no_right() -> None:
    limited = LimitedClient(Recorder(), operation(reads=("in/*",)), "beside", ("pictures/*",))
    limited.get_object(Bucket="beside", Key="pictures/a")
    for call, key in (("get_object", "in/a"), ("put_object", "pictures/a"), ("delete_object", "pictures/a")):
        with pytest.raises(NoRight):
            getattr(limited, call)(Bucket="beside", Key=key)


def test_an_operation_that_declares_no_delete_deletes_nothing_here() -> None:
    def liar(source: Object, _: Any) -> str:
        source.delete()
        return "deleted"

    lake = Lake(k=b"only copy")
    result = run_operation(Operation(run=liar, summary="", reads=("*",)), lake, "lake", "k")
    assert (result.code, "`deletes` does not allow" in result.text) == ("PermanentFailure", True)
    assert lake.objects == {"k": b"only copy"}


@given(PATTERNS, KEYS)
def test_patterns_match_as_the_standard_library_has_it(patterns: list[str], key: str) -> None:
    assert matches_any(patterns, key) == any(fnmatch.fnmatchcase(key, one) for one in patterns)


@given(PATTERNS, KEYS, KEYS, KEYS)
def test_what_is_covered_is_matched_whatever_stands_between(
    patterns: list[str], prefix: str, suffix: str, middle: str
) -> None:
    if covers(patterns, prefix, suffix):
        assert matches_any(patterns, prefix + middle + suffix)


@pytest.mark.parametrize(
    ("patterns", "prefix", "suffix", "covered"),
    [
        (("*",), "", "", True),
        (("photographs/*",), "photographs/2024", "", True),
        (("photographs/*",), "photo", "", False),
        (("*.jsonl", "*.jsonl.gz"), "", ".jsonl.gz", True),
        (("*.jsonl", "*.jsonl.gz"), "x/", "", False),
        (("a/?",), "a/", "", False),
        (("a/?*",), "a/", "", False),
        (("a/?*",), "a/b", "", True),
    ],
)
def test_a_prefix_is_covered_or_not(patterns: tuple[str, ...], prefix: str, suffix: str, covered: bool) -> None:
    assert covers(patterns, prefix, suffix) is covered
