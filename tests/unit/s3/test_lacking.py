"""Answers that lack what each of S3's has: never the end of a list, never a write that is known to have happened."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brigade.errors import BrigadeError, ConditionLost, InvalidData, NotFound, RetryLater, UsageError
from brigade.pipe.unfinished_uploads import UnfinishedUpload, abort_upload, list_unfinished
from brigade.s3 import Absent, Location, conditions
from brigade.s3.listing import ListedObject, list_keys, list_objects, list_upload_ids, list_versions
from brigade.s3.multipart import Part, Upload
from brigade.s3.objects import put
from brigade.s3.read import read_range, stream_object
from brigade.s3.staged_upload import StagedUpload
from tests.fake_client import FakeClient

NOW = datetime(2026, 1, 31, tzinfo=UTC)


class Fake(FakeClient):
    """A client that gives the answers of a call in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {name: list(given) if isinstance(given, tuple) else [given] for name, given in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.asked.append((name, arguments))
            answers = self._answers[name]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer(arguments) if callable(answer) else answer

        return call


def refused(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("objects", "multipart", "read"):
        monkeypatch.setattr(f"brigade.s3.{module}.pause", lambda _: None)


OBJECT = {"Key": "k", "Size": 1, "ETag": '"e"'}
UPLOAD = {"Key": "k", "UploadId": "u", "Initiated": NOW}
VERSION = {"Key": "k", "VersionId": "v", "LastModified": NOW, "IsLatest": True}
MARKED = {"NextKeyMarker": "k", "NextUploadIdMarker": "u", "NextVersionIdMarker": "v", "NextContinuationToken": "t"}
LISTS: list[tuple[str, str, dict[str, Any], Callable[[Any], Iterator[Any]]]] = [
    ("list_objects_v2", "Contents", OBJECT, lambda client: list_objects(client, "b")),
    ("list_objects_v2", "Contents", OBJECT, lambda client: list_keys(client, "b")),
    ("list_multipart_uploads", "Uploads", UPLOAD, lambda client: iter(list_upload_ids(client, "b", "k"))),
    ("list_multipart_uploads", "Uploads", UPLOAD, lambda client: list_unfinished(client, "b")),
    ("list_object_versions", "Versions", VERSION, lambda client: list_versions(client, "b", "k")),
]


@pytest.mark.parametrize(("call", "name", "item", "ask"), LISTS)
@pytest.mark.parametrize(
    "page",
    [
        {},
        {"IsTruncated": True},
        {"IsTruncated": True, **dict.fromkeys(MARKED, "")},
    ],
)
def test_a_page_that_does_not_say_how_it_goes_on_is_not_the_end(
    call: str, name: str, item: dict[str, Any], ask: Callable[[Any], Iterator[Any]], page: dict[str, Any]
) -> None:
    parts = {"IsTruncated": False, "Parts": []}
    with pytest.raises(RetryLater, match="the answer lacks"):
        list(ask(Fake(**{call: {name: [item], **page}, "list_parts": parts})))


@pytest.mark.parametrize(("call", "name", "item", "ask"), LISTS)
def test_a_page_that_names_itself_as_the_next_is_not_read_for_ever(
    call: str, name: str, item: dict[str, Any], ask: Callable[[Any], Iterator[Any]]
) -> None:
    page = {name: [item], "IsTruncated": True, **MARKED}
    with pytest.raises(RetryLater, match="the answer lacks a new"):
        list(ask(Fake(**{call: page, "list_parts": {"IsTruncated": False}})))


@pytest.mark.parametrize(("call", "name", "item", "ask"), LISTS)
def test_an_item_that_lacks_anything_is_refused(
    call: str, name: str, item: dict[str, Any], ask: Callable[[Any], Iterator[Any]]
) -> None:
    for field in item:
        cut = {each: value for each, value in item.items() if each != field}
        page = {name: [cut], "IsTruncated": False}
        with pytest.raises(RetryLater, match=f"lacks {field}"):
            list(ask(Fake(**{call: page, "list_parts": {"IsTruncated": False}})))


def test_a_server_that_passes_over_the_prefix_is_an_error() -> None:
    """It would give every object of the bucket, and have every upload aborted."""
    client = Fake(
        list_objects_v2={"Contents": [{**OBJECT, "Key": "other"}], "IsTruncated": False},
        list_multipart_uploads={"Uploads": [UPLOAD, {**UPLOAD, "Key": "other"}], "IsTruncated": False},
        list_parts={"IsTruncated": False},
    )
    for ask in (list_objects, list_unfinished):
        with pytest.raises(BrigadeError, match="s3://b/k: the server ignores the prefix, and listed 'other' too"):
            list(ask(client, "b", "k"))


def test_all_pages_of_uploads_are_read() -> None:
    """Those of a key come behind a page of others that start so, once a page is full."""
    first = {"Uploads": [{**UPLOAD, "Key": "k", "UploadId": "1"}], "IsTruncated": True, **MARKED}
    second = {"Uploads": [{**UPLOAD, "UploadId": "2"}, {**UPLOAD, "Key": "k2"}], "IsTruncated": False}
    assert list_upload_ids(Fake(list_multipart_uploads=(first, second)), "b", "k") == ["1", "2"]


def test_parts_of_an_upload_that_do_not_say_how_they_go_on() -> None:
    page = {"Uploads": [UPLOAD], "IsTruncated": False}
    for told in ({}, {"IsTruncated": True}):
        with pytest.raises(RetryLater, match="cannot list the parts of"):
            list(list_unfinished(Fake(list_multipart_uploads=page, list_parts=told), "b"))


def test_an_upload_that_is_gone_is_not_counted_as_aborted() -> None:
    upload = UnfinishedUpload(Location("b", "k"), "u", NOW, 0, 0)
    assert abort_upload(Fake(abort_multipart_upload={}), upload) is True
    assert abort_upload(Fake(abort_multipart_upload=refused("NoSuchUpload", 404)), upload) is False


@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey"])
def test_another_absence_does_not_say_that_an_upload_has_ended(code: str) -> None:
    page = {"Uploads": [UPLOAD], "IsTruncated": False}
    with pytest.raises(NotFound, match="list the parts of"):
        list(list_unfinished(Fake(list_multipart_uploads=page, list_parts=refused(code, 404)), "b"))
    with pytest.raises(NotFound, match="abort the upload of"):
        abort_upload(
            Fake(abort_multipart_upload=refused(code, 404)), UnfinishedUpload(Location("b", "k"), "u", NOW, 0, 0)
        )


def mine(arguments: dict[str, Any]) -> dict[str, Any]:
    del arguments
    return {"ETag": '"new"', "ContentLength": 1, "LastModified": NOW, "Metadata": {conditions.TOKEN: "mine"}}


GONE = ClientError({"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}, "HeadObject")


def test_a_put_without_an_etag_is_settled() -> None:
    assert put(Fake(put_object={}, head_object=mine), "b", "k", b"x", token="mine").etag == '"new"'
    client = Fake(put_object=({}, {"ETag": '"second"'}), head_object=GONE)
    assert put(client, "b", "k", b"x", token="mine").etag == '"second"'
    with pytest.raises(ConditionLost):
        put(Fake(put_object={}, head_object=mine), "b", "k", b"x", condition=Absent())
    with pytest.raises(RetryLater, match="no clear answer 4 times"):
        put(Fake(put_object={"ETag": ""}, head_object=GONE), "b", "k", b"x")


def test_a_complete_without_an_etag_is_settled() -> None:
    part = Part(1, '"p"', 1, "AAAAAA==")

    def upload(**answers: Any) -> Upload:
        return Upload(Fake(**answers), "b", "k", "u", "mine")

    assert upload(complete_multipart_upload={}, head_object=mine).complete([part]).etag == '"new"'
    second = upload(complete_multipart_upload=({}, {"ETag": '"second"'}), head_object=GONE)
    assert second.complete([part]).etag == '"second"'
    with pytest.raises(RetryLater, match="may be published or not"):
        upload(complete_multipart_upload={}, head_object=GONE).complete([part])
    with pytest.raises(NotFound, match="no longer has the upload"):
        upload(complete_multipart_upload=({}, refused("NoSuchUpload", 404)), head_object=GONE).complete([part])


def test_an_upload_without_an_id_or_a_part_without_an_etag_is_none() -> None:
    """An empty id would make a part the whole object, on some servers."""
    for answer in ({}, {"UploadId": ""}):
        with pytest.raises(RetryLater, match="lacks UploadId"):
            Upload.create(Fake(create_multipart_upload=answer), "b", "k")
    for answer in ({}, {"ETag": ""}):
        with pytest.raises(RetryLater, match="lacks ETag"):
            Upload(Fake(upload_part=answer), "b", "k", "u", "t").part(1, b"x")
        client = Fake(upload_part_copy={"CopyPartResult": answer})
        with pytest.raises(RetryLater, match="lacks ETag"):
            Upload(client, "b", "k", "u", "t").copy_part(1, Location("b", "s"), ListedObject("s", 1, '"e"'))


@pytest.mark.parametrize("metadata", [{"a b": "c"}, {"A": "1", "a": "2"}, {"Brigade-Write": "x"}, {"a": "\r\nb: c"}])
def test_metadata_that_headers_cannot_carry_reaches_no_client(metadata: dict[str, str]) -> None:
    client = Fake()
    with pytest.raises(UsageError):
        put(client, "b", "k", b"", metadata=metadata)
    with pytest.raises(UsageError):
        Upload.create(client, "b", "k", metadata=metadata)
    assert client.asked == []


class Body(io.BytesIO):
    """A body that is closed when it is not read."""


def given(body: bytes, status: int, said: str | None, etag: str = '"e"') -> dict[str, Any]:
    answer: dict[str, Any] = {"Body": Body(body), "ETag": etag, "ContentLength": len(body)}
    answer["ResponseMetadata"] = {"HTTPStatusCode": status}
    return {**answer, "ContentRange": said} if said else answer


WRONG = [
    (200, None),
    (206, None),
    (200, "bytes 5-7/10"),
    (206, "bytes 0-2/10"),
    (206, "bytes 5-6/10"),
    (206, "bytes 5-8/10"),
    (206, "bytes 5-7"),
    (206, "junk"),
]


@pytest.mark.parametrize(("status", "said"), WRONG)
def test_other_bytes_than_asked_are_refused(status: int, said: str | None) -> None:
    answer = given(b"abc", status, said)
    buffer = memoryview(bytearray(3))
    with pytest.raises(InvalidData, match="does not support ranges"):
        read_range(Fake(get_object=answer), "b", "k", 5, buffer, etag='"e"')
    assert (bytes(buffer), answer["Body"].closed) == (bytes(3), True)


def test_another_version_than_asked_is_refused() -> None:
    answer = given(b"abc", 206, "bytes 5-7/10", etag='"f"')
    with pytest.raises(ConditionLost):
        read_range(Fake(get_object=answer), "b", "k", 5, memoryview(bytearray(3)), etag='"e"')
    with pytest.raises(ConditionLost):
        list(stream_object(Fake(get_object=given(b"abc", 200, None, etag='"f"')), "b", "k", if_match='"e"'))


@pytest.mark.parametrize(
    ("status", "said"), [(200, None), (206, "bytes 0-9/10"), (206, "bytes 5-8/10"), (206, "bytes 5-9/*")]
)
def test_a_stream_does_not_go_on_with_other_bytes(status: int, said: str | None) -> None:
    first = {**given(b"01234", 200, None), "ContentLength": 10}
    with pytest.raises(InvalidData, match="does not support ranges"):
        list(stream_object(Fake(get_object=(first, given(b"01234", status, said))), "b", "k"))
    first = {**given(b"01234", 200, None), "ContentLength": 10}
    right = given(b"56789", 206, "bytes 5-9/10")
    assert b"".join(stream_object(Fake(get_object=(first, right)), "b", "k")) == b"0123456789"


def test_an_abort_that_fails_leaves_no_other_upload() -> None:
    """Stages abort all that they have opened, whichever of them fails."""

    class Failing(Fake):
        def abort_multipart_upload(self, **arguments: Any) -> None:
            self.asked.append(("abort", arguments))
            if arguments["UploadId"] == "1":
                raise refused("SlowDown", 503)

    ids = iter("123")
    client: Any = Failing(
        create_multipart_upload=lambda _: {"UploadId": next(ids)}, upload_part=lambda _: {"ETag": '"p"'}
    )
    stages = StagedUpload(client, Upload(client, "b", "k", "main", "t"), 0, 5 * 1024**3 // 2)
    for number in (1, 3):
        stages.part(number, bytearray(b"x"))
    with pytest.raises(RetryLater):
        stages.abort()
    aborted = [arguments["UploadId"] for name, arguments in client.asked if name == "abort"]
    assert sorted(aborted) == ["1", "2", "main"]
