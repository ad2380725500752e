"""A server that passes over the conditions of writes is found before a condition is trusted to it."""

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from brigade.errors import BrigadeError, UsageError
from brigade.ingest.extract import write_object
from brigade.pipe import open_write
from brigade.pipe.resume import upload_resumable
from brigade.pipe.segments.write import write_segments
from brigade.pipe.write import UploadJob, upload_stream
from brigade.s3 import Absent, Location, Matches, conditions
from brigade.s3.conditions import Condition, require_conditions
from tests.unit.pipe.memory import Lenient, failure

WHERE = Location("bucket", "k")
CALLS = {"put_object": "PutObject", "complete_multipart_upload": "CompleteMultipartUpload"}


class Server(Lenient):
    """A server that holds the conditions of the calls named, at an address of its own."""

    def __init__(self, *holding: str, endpoint_url: str = "http://127.0.0.1:9") -> None:
        super().__init__()
        self.holding = holding
        self.meta = SimpleNamespace(endpoint_url=endpoint_url)

    def put_object(self, **arguments: Any) -> Any:
        self._hold("put_object", **arguments)
        return super().put_object(**arguments)

    def complete_multipart_upload(self, **arguments: Any) -> Any:
        self._hold("complete_multipart_upload", **arguments)
        return super().complete_multipart_upload(**arguments)

    def list_objects_v2(self, **_: Any) -> Any:
        return {"Contents": [], "IsTruncated": False}

    def _hold(self, call: str, *, Key: str, IfMatch: str = "", IfNoneMatch: str = "", **_: Any) -> None:  # noqa: N803
        there = self.objects[Key][1]["ETag"] if Key in self.objects else None
        if call in self.holding and ((IfNoneMatch and there) or (IfMatch and IfMatch != there)):
            raise failure("PreconditionFailed", 412, CALLS[call])


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "_honored", set())


@pytest.mark.parametrize("condition", [Absent(), Matches('"x"')])
@pytest.mark.parametrize(
    ("holding", "passed_over"),
    [((), "PutObject"), (("put_object",), "CompleteMultipartUpload"), (("complete_multipart_upload",), "PutObject")],
)
def test_a_server_that_passes_over_a_condition_is_refused(
    holding: tuple[str, ...], passed_over: str, condition: Condition
) -> None:
    client: Any = Server(*holding)
    for _ in range(2):
        with pytest.raises(UsageError, match=rf"passes over If(None)?Match of {passed_over}, so that s3://bucket/k "):
            require_conditions(client, WHERE, condition)
        assert (client.objects, client.uploads) == ({}, {})


def test_one_that_holds_them_is_asked_once_a_bucket_and_kind_and_aws_never() -> None:
    client: Any = Server(*CALLS)
    require_conditions(client, WHERE, Absent())
    assert (client.objects, client.uploads) == ({}, {})
    asked = len(client.asked)
    assert asked > 0
    require_conditions(client, Location("bucket", "other"), Absent())
    require_conditions(client, WHERE, None)
    assert len(client.asked) == asked
    require_conditions(client, WHERE, Matches("x"))
    require_conditions(client, Location("another", "k"), Absent())
    assert len(client.asked) == 3 * asked
    for host in ("s3.eu-central-1.amazonaws.com", "b.s3.cn-north-1.amazonaws.com.cn"):
        aws: Any = Server(endpoint_url=f"https://{host}")
        require_conditions(aws, WHERE, Absent())
        assert aws.asked == []
    liar: Any = Server(endpoint_url="https://s3.amazonaws.com.example.org")
    with pytest.raises(UsageError, match="passes over"):
        require_conditions(liar, WHERE, Absent())


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("NotImplemented", 501), ("SlowDown", 503)])
def test_a_server_that_cannot_be_asked_is_not_trusted(code: str, status: int) -> None:
    client: Any = Server(*CALLS)

    def refuse() -> None:
        raise failure(code, status, "PutObject")

    client.before["put_object"] = refuse
    with pytest.raises(BrigadeError, match=r"probe conditions by writing s3://bucket/k\.brigade-probe-"):
        require_conditions(client, WHERE, Absent())


def write_open(client: Any, condition: Condition) -> None:
    with open_write(client, str(WHERE), condition=condition) as file:
        file.write(b"x")


def job(client: Any, condition: Condition) -> UploadJob:
    return UploadJob(client=client, location=WHERE, command=["printf", "x"], condition=condition)


WRITERS: list[Any] = [
    write_open,
    lambda client, condition: upload_stream(job(client, condition)),
    lambda client, condition: upload_resumable(job(client, condition), "n", "bucket", ""),
    lambda client, condition: write_object(iter([b"{}\n"]), client, WHERE),
]


@pytest.mark.parametrize("write", [*WRITERS, lambda client, condition: write_segments(job(client, condition), 9)])
def test_what_takes_a_condition_writes_nothing_where_it_would_not_hold(write: Any) -> None:
    """Two that publish in the same instant would both say that they were the first."""
    client: Any = Server()
    with pytest.raises(UsageError, match="passes over IfNoneMatch"):
        write(client, Absent())
    assert (client.objects, client.uploads) == ({}, {})


def test_of_two_that_publish_in_the_same_instant_one_loses() -> None:
    """The rival writes between the last look and the write."""
    client: Any = Server(*CALLS)
    require_conditions(client, WHERE, Absent())
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(BrigadeError, match="nothing was written"))
        stack.enter_context(open_write(client, str(WHERE), condition=Absent())).write(b"x")
        client.before["put_object"] = lambda: client.put("k", b"theirs")
    assert client.objects["k"][0] == b"theirs"
