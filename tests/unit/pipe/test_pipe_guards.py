"""A pipe checks its input before it has an effect, on a server that accepts requests that S3 refuses."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from brigade.cli.pipe.from_ import _separator
from brigade.errors import BrigadeError, ConditionLost, InvalidData, UsageError
from brigade.pipe import open_write
from brigade.pipe.expectation import Expectation
from brigade.pipe.open_streams import ReadOptions, open_streams
from brigade.pipe.read import ByteRange, ObjectReader
from brigade.pipe.resume import ResumableWriter, ResumeLedger, upload_resumable
from brigade.pipe.segments import manifest
from brigade.pipe.segments.join import join_segments
from brigade.pipe.segments.manifest import SegmentManifest
from brigade.pipe.write import UploadJob
from brigade.s3 import Absent, Location, Matches
from brigade.state import State
from tests.unit.pipe.memory import Lenient, failure

MIB = 2**20
THEIRS = b"theirs"
WHERE = Location("bucket", "k")


@pytest.mark.parametrize("size", [3, 9 * MIB])
@pytest.mark.parametrize("old", [None, b"old"])
def test_an_object_that_came_meanwhile_is_not_replaced(size: int, old: bytes | None) -> None:
    client: Any = Lenient()
    etag = client.put("k", old) if old else ""
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(ConditionLost, match="nothing was written"))
        writing = open_write(client, str(WHERE), condition=Matches(etag) if old else Absent())
        stack.enter_context(writing).write(bytes(size))
        client.put("k", THEIRS)
    assert client.objects["k"][0] == THEIRS
    assert client.uploads == {}


@pytest.mark.parametrize("size", [3, 9 * MIB])
def test_where_nothing_came_meanwhile_it_is_published(size: int) -> None:
    client: Any = Lenient()
    with open_write(client, str(WHERE), condition=Absent()) as file:
        file.write(bytes(size))
    assert client.objects["k"][0] == bytes(size)


def segments(client: Any, *sizes: int) -> None:
    path = Location("bucket", "path")
    for number, size in enumerate(sizes, 1):
        client.put(manifest.segment_key(path, number), bytes(size))
    told = SegmentManifest(segment_size=5 * MIB, began="", segments=len(sizes), total=sum(sizes), completed=True)
    client.put(manifest.key(path), told.encode())


def test_join_replaces_nothing_that_is_there_or_came_meanwhile() -> None:
    client: Any = Lenient()
    segments(client, 5 * MIB, 3)
    client.put("k", THEIRS)
    with pytest.raises(ConditionLost):
        join_segments(client, Location("bucket", "path"), WHERE, condition=Absent())
    assert "upload_part_copy" not in client.asked
    del client.objects["k"]
    client.before["upload_part_copy"] = lambda: client.put("k", THEIRS)
    with pytest.raises(ConditionLost):
        join_segments(client, Location("bucket", "path"), WHERE, condition=Absent())
    assert client.objects.pop("k")[0] == THEIRS
    assert client.uploads == {}
    join_segments(client, Location("bucket", "path"), WHERE, condition=Absent())
    assert client.objects["k"][0] == bytes(5 * MIB + 3)


def test_join_publishes_nothing_where_a_copy_has_another_checksum() -> None:
    client: Any = Lenient()
    segments(client, 5 * MIB, 3)
    client.objects["path/000000000000001"][1]["ChecksumCRC64NVME"] = "AAAAAAAAAAA="
    client.copied = {"ChecksumCRC64NVME": "AQAAAAAAAAA="}
    with pytest.raises(InvalidData, match=r"S3 copied .* nothing was published"):
        join_segments(client, Location("bucket", "path"), WHERE)
    assert "k" not in client.objects
    assert client.uploads == {}
    assert "complete_multipart_upload" not in client.asked


@pytest.mark.parametrize("key", ["path/.manifest", "path/000000000000001", "path/x"])
def test_join_makes_no_object_among_the_segments(key: str) -> None:
    client: Any = Lenient()
    segments(client, 5 * MIB, 3)
    before = dict(client.objects)
    with pytest.raises(UsageError, match="is among the segments"):
        join_segments(client, Location("bucket", "path"), Location("bucket", key))
    assert client.objects == before


@pytest.mark.parametrize("lacking", ["num_segments", "total_size"])
def test_a_manifest_that_says_completed_but_not_how_much_is_no_empty_stream(lacking: str) -> None:
    client: Any = Lenient()
    segments(client, 3)
    key = manifest.key(Location("bucket", "path"))
    lines = client.objects[key][0].decode().splitlines(keepends=True)
    client.put(key, "".join(line for line in lines if not line.startswith(lacking)).encode())
    with pytest.raises(InvalidData, match=lacking):
        manifest.read(client, Location("bucket", "path"))
    client.put(key, "".join(line if not line.startswith(lacking) else f"{lacking} = -1\n" for line in lines).encode())
    with pytest.raises(InvalidData, match="less than 0"):
        manifest.read(client, Location("bucket", "path"))


def resume(client: Any, **options: Any) -> Callable[[], ResumeLedger]:
    job = UploadJob(client=client, location=WHERE, **options)
    return lambda: ResumeLedger(job, State(client, "bucket"), "n.json")


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ({"ContentEncoding": "gzip"}, "ContentEncoding"),
        ({"ServerSideEncryption": "aws:kms"}, "ServerSideEncryption"),
        ({"Metadata": {"a": "2"}}, "Metadata a"),
        ({}, "Metadata a"),
    ],
)
def test_an_upload_of_other_headers_is_not_taken_up(now: dict[str, Any], says: str) -> None:
    client: Any = Lenient()
    first = resume(client, attributes={"Metadata": {"a": "1"}})()
    job = UploadJob(client=client, location=WHERE, attributes={"Metadata": {"a": "1"}})
    ResumableWriter(job, first).open()
    assert resume(client, attributes={"Metadata": {"a": "1"}})().left == first.left
    before = dict(client.objects)
    with pytest.raises(InvalidData, match=f"opened with another {says}, which"):
        resume(client, attributes={"Metadata": {"a": "1"}, **now} if now else {})()
    with pytest.raises(InvalidData, match="SSECustomerKey"):
        resume(client, attributes={"Metadata": {"a": "1"}}, customer_key={"SSECustomerKey": b"x" * 32})()
    assert client.objects == before


def test_a_ceiling_of_memory_that_the_earlier_run_did_not_have_is_refused() -> None:
    client: Any = Lenient()
    ResumableWriter(
        UploadJob(client=client, location=WHERE, memory=700 * MIB), resume(client, memory=700 * MIB)()
    ).open()
    assert resume(client, memory=700 * MIB)().left
    with pytest.raises(InvalidData, match=r"cut its parts for --memory 734003200 \(bytes\), not 134217728"):
        resume(client)()


@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey", "404", "AccessDenied", "InternalError"])
def test_only_an_upload_that_s3_calls_gone_is_begun_anew(code: str) -> None:
    client: Any = Lenient()
    job = UploadJob(client=client, location=WHERE)
    ResumableWriter(job, resume(client)()).open()
    before = dict(client.objects)

    def refuse() -> None:
        raise failure(code, {"AccessDenied": 403, "InternalError": 500}.get(code, 404), "ListParts")

    client.before["list_parts"] = refuse
    with pytest.raises(BrigadeError, match="list the parts of"):
        ResumableWriter(job, resume(client)()).open()
    assert (client.objects, list(client.uploads)) == (before, ["u0"])
    client.uploads.clear()
    ResumableWriter(job, resume(client)()).open()
    assert list(client.uploads) == ["u0"]
    assert client.objects["n.json"] != before["n.json"]


@pytest.mark.parametrize(
    "wish", [ReadOptions(first=True), ReadOptions(unproved=True), ReadOptions(span=ByteRange(tail=1))]
)
def test_what_segments_are_never_read_by_is_refused(wish: ReadOptions) -> None:
    client: Any = Lenient()
    segments(client, 3)
    with pytest.raises(UsageError, match="s3://bucket/path is stored in segments"):
        list(open_streams(client, ["s3://bucket/path"], wish))


@pytest.mark.parametrize("rival", [True, False])
def test_a_run_that_ends_deletes_its_state_and_upload_only_where_no_other_has_begun(rival: bool) -> None:
    client: Any = Lenient()
    job = UploadJob(client=client, location=WHERE, command=["printf", "abc"])
    ResumableWriter(job, resume(client)()).open()
    state = client.objects["n.json"][0] + b" "
    if rival:
        client.before["delete_object"] = lambda: client.put("n.json", state)
    upload_resumable(job, "n", "bucket", "")
    assert client.objects["k"][0] == b"abc"
    assert (client.objects.get("n.json", (None,))[0], list(client.uploads)) == (
        (state, ["u0"]) if rival else (None, [])
    )


def test_where_the_server_does_not_tell_the_sizes_of_parts_the_bytes_are_not_called_wrong() -> None:
    client: Any = Lenient()
    client.put("k", bytes(9), etag='"0123456789abcdef0123456789abcdef-2"', Metadata={})
    reading = ObjectReader.open(client, WHERE)
    with pytest.raises(InvalidData, match=r"no checksum .* --unproved reads it"):
        list(reading.blocks())
    assert b"".join(reading.blocks(unproved=True)) == bytes(9)
    with pytest.raises(InvalidData, match="no checksum"):
        reading.whole()


@pytest.mark.parametrize("options", [{"sha256": ""}, {"sha256": "abc"}, {"sha256": "g" * 64}, {"trailer": b"x" * 4097}])
def test_what_no_input_can_be_is_refused_before_it_is_read(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Expectation(**options)
    with pytest.raises(UsageError):
        UploadJob(client=None, location=WHERE, **{f"expect_{name}": value for name, value in options.items()})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("\\n", b"\n"),
        ("a\\t\\0", b"a\t\0"),
        ("é€", "é€".encode()),
        ("\\xff", b"\xff"),
        ("\\\\n", b"\\n"),
        ("\n", b"\n"),
    ],
)
def test_separators(text: str, meant: bytes) -> None:
    assert _separator(text) == meant


@pytest.mark.parametrize("text", ["\\", "\\u20ac", "\\q", "\\x1", "a\\"])
def test_a_separator_that_would_become_another_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--separator"):
        _separator(text)
