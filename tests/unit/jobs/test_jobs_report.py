"""Reports as real S3 has written them (samples of AWS's own pages and of live jobs), in either order of columns."""

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData, NotFound
from brigade.jobs import report_counts
from brigade.jobs.csv_records import format_record, read_records
from brigade.jobs.job import parse_job
from brigade.jobs.notification import build_notification
from brigade.jobs.report import ReportTask, Tally, message_shape, open_report, parse_task
from brigade.jobs.report_counts import count_report
from brigade.jobs.retry import read_failed_rows
from tests.fake_client import FakeClient

TIMED_OUT = (
    b'bkt,image_14975,,failed,200,PermanentFailure,"Lambda returned function error: {""errorMessage"":'
    b'""2019-04-05T17:35:21.155Z 2845ca0d-38d9-4c4b-abcf-379dc749c452 Task timed out after 3.00 seconds""}"\n'
)
MISQUOTED = (
    b'bkt,image_14975,,failed,200,PermanentFailure,"error details: {""failureMessage"":""Task <id> Key not found"", '
    b'""errorCode"": ""404""}"\n'
)


MADE: dict[str, Any] = {
    "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
    "ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}},
}


class Bucket(FakeClient):
    """GetObject over a few objects."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects = dict(objects)

    def get_object(self, **request: Any) -> Any:
        if request["Key"] not in self.objects:
            raise ClientError(
                {"Error": {"Code": "NoSuchKey", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 404}},
                "GetObject",
            )
        body = self.objects[request["Key"]]
        return {
            "Body": io.BytesIO(body),
            "ContentLength": len(body),
            "ETag": '"e"',
            **MADE,
        }


def bucket(**files: bytes) -> Bucket:
    """A report of result files by their status, with its manifest at job-1/manifest.json."""
    results = [
        {
            "TaskExecutionStatus": status,
            "Bucket": "rep",
            "MD5Checksum": hashlib.md5(body, usedforsecurity=False).hexdigest(),
            "Key": f"job-1/results/{status}.csv",
        }
        for status, body in files.items()
    ]
    manifest = {
        "Format": "Report_CSV_20180820",
        "ReportCreationDate": "2025-07-20T21:18:22.395320681Z",
        "Results": results,
        "ReportSchema": "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage",
    }
    return Bucket(
        {"job-1/manifest.json": json.dumps(manifest).encode()}
        | {f"job-1/results/{status}.csv": body for status, body in files.items()}
    )


def tasks(s3: Bucket, *, failed: bool = False) -> list[ReportTask]:
    return list(open_report(s3, "s3://rep/job-1/manifest.json").tasks(s3, failed=failed))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b'bkt,image_17775,,succeeded,200,,"{""a"":1}"\n',
            ("bkt", "image_17775", None, "succeeded", "200", "", '{"a":1}'),
        ),
        (
            b"bkt,obj,886twyul,succeeded,200,,Successful\n",
            ("bkt", "obj", "886twyul", "succeeded", "200", "", "Successful"),
        ),
        (b"bkt,obj,,succeeded,,200,fine\n", ("bkt", "obj", None, "succeeded", "200", "", "fine")),
        (
            b"bkt,obj,,failed,500,SrcObjectNotEligible,Object is not eligible for replication\n",
            ("bkt", "obj", None, "failed", "500", "SrcObjectNotEligible", "Object is not eligible for replication"),
        ),
        (
            b"bkt,obj,,failed,SrcObjectNotEligible,500,Object is not eligible\r\n",
            ("bkt", "obj", None, "failed", "500", "SrcObjectNotEligible", "Object is not eligible"),
        ),
        (
            b"bkt,key,failed,400,InvalidRequest,Task failed due to missing VersionId\n",
            ("bkt", "key", None, "failed", "400", "InvalidRequest", "Task failed due to missing VersionId"),
        ),
        (
            b"bkt,key,,failed,200,PermanentFailure,a message, not quoted\n",
            ("bkt", "key", None, "failed", "200", "PermanentFailure", "a message, not quoted"),
        ),
        (b"bkt,key,,failed,500,404,both numbers\n", ("bkt", "key", None, "failed", "500", "404", "both numbers")),
    ],
)
def test_a_row_is_read_by_content(line: bytes, expected: tuple[Any, ...]) -> None:
    ((_, record),) = read_records([line], "r")
    assert tuple(parse_task(record, "r")) == expected


def test_the_samples_of_the_user_guide() -> None:
    timed_out, not_found = tasks(bucket(failed=TIMED_OUT + MISQUOTED))
    assert timed_out.code == "PermanentFailure"
    assert timed_out.message.endswith('Task timed out after 3.00 seconds"}')
    assert '"404"' in not_found.message


def test_keys_are_the_manifests_text_and_shown_decoded() -> None:
    s3 = bucket(succeeded=b"bkt,pct%2520literal.txt,,succeeded,200,,\nbkt,a+b%0Ac,,succeeded,200,,\n")
    first, second = tasks(s3)
    assert (first.key_text, first.key) == ("pct%2520literal.txt", "pct%20literal.txt")
    assert second.key == "a b\nc"


def test_every_result_file_is_read_and_only_failed_ones_when_asked() -> None:
    s3 = bucket(succeeded=b"b,k1,,succeeded,200,,ok\n", failed=b"b,k2,,failed,200,PermanentFailure,no\n")
    assert [task.key for task in tasks(s3)] == ["k1", "k2"]
    assert [task.key for task in tasks(s3, failed=True)] == ["k2"]


def test_a_damaged_file_is_found() -> None:
    s3 = bucket(failed=b"b,k2,,failed,200,PermanentFailure,no\n")
    s3.objects["job-1/results/failed.csv"] = b"b,k2,,failed,200,PermanentFailure,yes\n"
    with pytest.raises(InvalidData, match=r"results/failed.csv is damaged: its MD5 is"):
        tasks(s3)


@pytest.mark.parametrize("line", [b"a,b\n", b"b,k,,perhaps,200,,\n", b"\n", b"b,k,succeeded,,\n"])
def test_what_is_no_row_is_named(line: bytes) -> None:
    s3 = bucket(failed=b"b,k,,failed,200,X,\n" + line)
    with pytest.raises(InvalidData, match=r"failed.csv, line 2: not a row"):
        tasks(s3)


def test_a_late_report_is_waited_for_and_a_missing_one_said() -> None:
    s3, waits = bucket(succeeded=b""), []
    manifest = s3.objects.pop("job-1/manifest.json")

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            s3.objects["job-1/manifest.json"] = manifest

    assert open_report(s3, "s3://rep/job-1/manifest.json", patience_s=5, pause=pause).files
    assert len(waits) == 3
    with pytest.raises(NotFound, match="no report"):
        open_report(Bucket({}), "s3://rep/job-1/manifest.json", patience_s=2, pause=lambda _: None)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"Format":"Other","Results":[]}'])
def test_what_is_no_report_is_said(body: bytes) -> None:
    with pytest.raises(InvalidData, match="s3://rep/m"):
        open_report(Bucket({"m": body}), "s3://rep/m")


def test_reasons_are_counted_by_shape() -> None:
    tally = Tally()
    rows = [
        [
            "b",
            f"photographs/k+{n}",
            "",
            "failed",
            "200",
            "PermanentFailure",
            f"InvalidData: photographs/k {n} has {n} bytes",
        ]
        for n in range(5)
    ]
    rows += [["b", "k", "", "failed", "200", "PermanentFailure", "OSError: image file is truncated (12 bytes)"]]
    rows += [
        ["b", f"k{n}", "", "succeeded", "200", "", f"wrote 64x{n}, 99 bytes: thumbnails/k{n}.jpg"] for n in range(9)
    ]
    for row in rows:
        tally.add(parse_task(row, "r"))
    assert (tally.succeeded, tally.failed) == (9, 6)
    assert [(reason.tasks, reason.code, reason.shape) for reason in tally.reasons] == [
        (5, "PermanentFailure", "InvalidData: KEY has N bytes"),
        (1, "PermanentFailure", "OSError: image file is truncated (N bytes)"),
        (9, "200", "wrote NxN, N bytes: thumbnails/KEY.jpg"),
    ]


def test_a_key_of_white_space_is_no_part_of_a_message() -> None:
    assert message_shape(parse_task(["b", "+", "", "failed", "200", "X", "it broke"], "r")) == "it broke"


def test_the_number_of_reasons_is_bounded() -> None:
    tally = Tally()
    for n in range(1200):
        word = "".join(chr(ord("a") + int(digit)) for digit in str(n))
        tally.add(parse_task(["b", "key", "", "failed", "200", "X", f"reason-{word}"], "r"))
    assert tally.failed == sum(reason.tasks for reason in tally.reasons) == 1200
    assert len(tally.reasons) <= 1001


@given(st.text(), st.text(min_size=1))
def test_a_shape_is_one_short_line(message: str, key: str) -> None:
    text = message_shape(parse_task(["b", key, "", "failed", "200", "X", message], "r"))
    assert len(text.encode()) <= 200
    assert len(text.splitlines()) <= 1


MESSAGES = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20) | st.sampled_from(
    [
        "wrote 12x3, 9 bytes: KEY",
        "sha256=" + "0af9" * 16,
        "id 123e4567-e89b-12d3-a456-426614174000 gone",
        "0.5 s",
        "a1b22",
    ]
)


@given(st.lists(st.tuples(st.sampled_from(["key+one%20", "%", "über/k7"]), st.booleans(), MESSAGES), max_size=20))
def test_counting_on_columns_is_counting_task_by_task(found: list[tuple[str, bool, str]]) -> None:
    lines = [
        format_record(
            (
                "b",
                key,
                "",
                "failed" if failed else "succeeded",
                "200",
                "X" if failed else "",
                message.replace("{key}", key),
            )
        )
        + "\n"
        for key, failed, message in found
    ]
    s3 = bucket(failed="".join(lines).encode())
    report = open_report(s3, "s3://rep/job-1/manifest.json")
    one_by_one = Tally()
    for _ in one_by_one.over(report.tasks(s3)):
        pass
    assert counted(count_report(report, s3)) == counted(one_by_one)


def counted(tally: Tally) -> tuple[int, int, dict[tuple[str, str, str], int]]:
    return tally.succeeded, tally.failed, {(r.status, r.code, r.shape): r.tasks for r in tally.reasons}


def test_a_block_that_is_not_in_seven_columns_is_counted_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_counts, "BLOCK", 100)
    rows = (
        b'b,k,failed,400,InvalidRequest,no version\nb,k,,failed,200,P,a message, "bare"\nb,k,,failed,200,P,"a\nb"\n'
        * 50
    )
    s3 = bucket(failed=rows)
    assert count_report(open_report(s3, "s3://rep/job-1/manifest.json"), s3).failed == 150


@pytest.mark.parametrize("length", [131_073, 300_000, 1_500_000, 6_000_000])
@pytest.mark.parametrize("version", [b",", b""])
def test_a_message_of_any_length_is_read_and_cut_where_it_is_shown(length: int, version: bytes) -> None:
    """Both with the version's column, which Arrow reads, and without it, row by row."""
    row = b"bkt,%d" + version + b",failed,400,PermanentFailure,%s\n"
    s3 = bucket(failed=row % (1, b"short") + row % (2, b"x" * length) + row % (3, b"short"))
    read = tasks(s3, failed=True)
    assert [len(task.message) for task in read] == [5, length, 5]
    tally = count_report(open_report(s3, "s3://rep/job-1/manifest.json"), s3)
    assert (tally.failed, {len(reason.shape.encode()) for reason in tally.reasons}) == (3, {5, 200})
    described: dict[str, Any] = {"JobId": "1", "Status": "Complete", "CreationTime": None}
    described["Report"] = {"Bucket": "arn:aws:s3:::rep", "Prefix": "", "Enabled": True}
    described["ProgressSummary"] = {"NumberOfTasksFailed": 3}
    assert [row.key_text for row in read_failed_rows(s3, described, everything=True)] == ["1", "2", "3"]
    alarm = build_notification(s3, parse_job(described), "dev", patience_s=0)
    assert "2 × PermanentFailure: short" in alarm.text
    assert len(alarm.text) < 2_000
