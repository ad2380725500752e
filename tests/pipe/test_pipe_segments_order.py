"""Segments go up side by side and end in any order; the manifest never names one that is not there."""

import os
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from brigade.errors import BrigadeError, ConditionLost
from brigade.pipe.segments import manifest, write
from brigade.pipe.segments.manifest import SegmentManifest
from brigade.pipe.segments.write import write_segments
from brigade.pipe.write import UploadJob
from brigade.s3.location import Location
from tests.pipe.conftest import MIB, Bucket

COUNT, SIZE = 24, MIB // 4
DATA = random.Random(16).randbytes(COUNT * SIZE - 5)


class Uneven:
    """A client whose segments take their time, each another; it keeps what was there when a manifest was written."""

    def __init__(self, client: Any, *, failing: int | None = None, wrong: int | None = None) -> None:
        self._client, self._failing, self._wrong, self._lock = client, failing, wrong, threading.Lock()
        self._pauses = random.Random(17)
        self.there: set[str] = set()
        self.told: list[tuple[SegmentManifest, set[str]]] = []
        self.side_by_side = self._going = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, **arguments: Any) -> Any:
        name = arguments["Key"].rpartition("/")[2]
        if name == ".manifest":
            answer = self._client.put_object(**arguments)
            read = manifest.read(
                self._client, Location(arguments["Bucket"], arguments["Key"].removesuffix("/.manifest"))
            )
            if read:
                self.told.append((read[0], set(self.there)))
            return answer
        with self._lock:
            self._going += 1
            self.side_by_side = max(self.side_by_side, self._going)
            pause = self._pauses.uniform(0, 0.12)
        time.sleep(pause)
        if self._failing == int(name):
            raise ConditionLost("segment is taken")
        answer = self._client.put_object(**arguments)
        with self._lock:
            self._going -= 1
            self.there.add(name)
        return {**answer, "ETag": '"0"'} if self._wrong == int(name) else answer


@pytest.fixture
def input_(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace stdin with the data, and write the manifest after every change."""
    monkeypatch.setattr(write, "_LOOK_S", 0.01)
    monkeypatch.setattr(write, "_BUFFERS", 6)
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as file:
            try:
                file.write(DATA)
            except BrokenPipeError:
                return

    feeder = threading.Thread(target=feed)
    feeder.start()
    before = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)
    yield
    os.dup2(before, 0)  # closes the reading end: who still feeds it ends
    os.close(before)
    feeder.join()


@pytest.mark.usefixtures("input_")
def test_a_manifest_names_only_what_is_there(bucket: Bucket) -> None:
    client = Uneven(bucket.client)
    path = Location(bucket.name, bucket.key("p"))
    done = write_segments(UploadJob(client=client, location=path, attributes={"ContentType": "text/plain"}), SIZE)
    assert (done.segments, done.bytes) == (COUNT, len(DATA))
    assert client.side_by_side > 2
    for told, there in client.told:
        named = {f"{number:015d}" for number in range(1, told.segments + 1)}
        assert named <= there
        assert told.total == min(told.segments * SIZE, len(DATA))
    counts = [told.segments for told, _ in client.told]
    assert counts == sorted(counts)
    assert len(set(counts)) > 3, "it is told while it grows"
    assert [told.completed for told, _ in client.told] == [False] * (len(counts) - 1) + [True]
    assert counts[-1] == COUNT
    beats = [told.heartbeat or 0 for told, _ in client.told]
    assert beats == sorted(set(beats))


@pytest.mark.usefixtures("input_")
@pytest.mark.parametrize(
    ("fault", "why"), [({"failing": 9}, "segment is taken"), ({"wrong": 9}, "S3 has segment 9 with")]
)
def test_a_segment_that_fails_is_never_named_nor_what_is_behind_it(
    bucket: Bucket, fault: dict[str, int], why: str
) -> None:
    """Refused, or there with another MD5 than was sent."""
    client = Uneven(bucket.client, **fault)
    path = Location(bucket.name, bucket.key("p"))
    with pytest.raises(BrigadeError, match=why):
        write_segments(UploadJob(client=client, location=path, attributes={"ContentType": "text/plain"}), SIZE)
    told = client.told[-1][0]
    assert (told.completed, (told.failed or "").startswith(why)) == (False, True)
    assert told.segments == 8
