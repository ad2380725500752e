"""Position of a process, written to memory that outlives the process."""

import threading
from collections.abc import Callable
from typing import Any

from brigade.ingest.declare.target import Target
from tests.fake_client import FakeClient

MOMENTS = (*("start", "fetch", "write", "part", "stage", "checkpoint", "publish", "receipt", "look", "sweep"),)
"""``write`` is what is between calls: lines and their compression. ``look`` reads, ``sweep`` clears up."""
_CALLS = {
    "page": "fetch",
    "create_multipart_upload": "part",
    "upload_part": "part",
    "complete_multipart_upload": "publish",
    "head_object": "look",
    "get_object": "look",
    "list_objects_v2": "look",
    "list_multipart_uploads": "look",
    "delete_object": "sweep",
    "abort_multipart_upload": "sweep",
}


class Moments:
    """The moments of a process's main thread, and of the one that sends parts, in two shared bytes."""

    def __init__(self, shared: Any) -> None:
        self._shared = shared

    def during(self, moment: str, call: Callable[[], Any]) -> Any:
        """Make a call, during which it is this moment; what follows is ``write`` until the next."""
        slot = 0 if threading.current_thread() is threading.main_thread() else 1
        self._shared[slot] = MOMENTS.index(moment)
        try:
            return call()
        finally:
            self._shared[slot] = 0 if slot else MOMENTS.index("write")

    @property
    def now(self) -> str:
        """The moment; of two, that of the thread that sends parts."""
        return MOMENTS[self._shared[1] or self._shared[0]]


class Watched(FakeClient):
    """A client, or an API, whose calls tell the moment."""

    def __init__(self, real: Any, moments: Moments, target: Target) -> None:
        self._real, self._moments, self._target = real, moments, target

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name != "put_object" and name not in _CALLS:
            return real

        def call(*arguments: Any, **named: Any) -> Any:
            moment = _CALLS.get(name) or self._put(named["Bucket"], named["Key"])
            return self._moments.during(moment, lambda: real(*arguments, **named))

        return call

    def _put(self, bucket: str, key: str) -> str:
        if bucket == self._target.lake:
            return "publish"
        return {self._target.checkpoint: "checkpoint", self._target.receipt: "receipt"}.get(key, "stage")
