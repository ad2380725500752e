"""Base of every exercise: the deployment, its contents, and waits for what happens soon."""

import io
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Protocol

import pytest
from PIL import Image

from tests.local.conftest import Emulator
from tests.local.deployment import Deployment


class Patience:
    """Timeouts of an exercise's waits, in seconds."""

    LONGEST_S: ClassVar[float] = 20.0
    seconds: ClassVar[float] = LONGEST_S

    @classmethod
    @contextmanager
    def of(cls, seconds: float) -> Iterator[None]:
        """Wait at most `seconds` in the block."""
        cls.seconds = min(seconds, cls.LONGEST_S)
        try:
            yield
        finally:
            cls.seconds = cls.LONGEST_S


class Base:
    """The clients of root and the buckets of a deployment, with two photographs and their inventory in it."""

    def __init__(self, deployed: Deployment, folder: Path) -> None:
        self._seconds: dict[str, float] = {}
        self._deployed, self._folder = deployed, folder
        self._s3, self._lambda = deployed.emulator.root("s3"), deployed.emulator.root("lambda")
        self._lake, self._state = deployed.outputs["LakeBucket"], deployed.outputs["StateBucket"]
        self._reports = deployed.outputs["ReportsBucket"]
        self._days = (date(2000, 1, 1) + timedelta(days=n) for n in itertools.count())
        for key in ("photographs/a b+c.jpg", "photographs/d.jpg"):
            self._s3.put_object(Bucket=self._lake, Key=key, Body=_photograph())
        self.deliver_the_inventory()

    def succeed(self, exercise: str) -> None:
        """Run the exercise. Keep how long it took."""
        begun = time.monotonic()
        getattr(self, exercise)()
        self._seconds[exercise] = time.monotonic() - begun

    def fail(self, exercise: str) -> None:
        """Run the exercise, which must fail.

        What does not happen is awaited half as long again as the whole exercise took, plus 2 seconds.
        """
        took = self._seconds.get(exercise, Patience.LONGEST_S)
        with Patience.of(1.5 * took + 2), pytest.raises(AssertionError):
            getattr(self, exercise)()

    def deliver_the_inventory(self) -> None:
        self._deployed.ask("local", "deliver-inventory", self._lake)

    def _day(self) -> str:
        return next(self._days).isoformat()

    def _keys(self, bucket: str, prefix: str) -> list[str]:
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def _uploads(self, prefix: str) -> list[str]:
        listed = self._s3.list_multipart_uploads(Bucket=self._lake, Prefix=prefix)
        return [upload["Key"] for upload in listed.get("Uploads", [])]

    def _put(self, key: str, content: bytes = b"content") -> None:
        self._s3.put_object(Bucket=self._lake, Key=key, Body=content, Tagging="team=a")


def _photograph() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "JPEG")
    return buffer.getvalue()


class Emulated(Protocol):
    """Deployment on an emulator."""

    @property
    def emulator(self) -> Emulator:
        """Return the emulator."""


@contextmanager
def logged(deployed: Emulated, function: str, holding: str = "") -> Iterator[None]:
    """Check that the block writes a new stream to the function's log group, with ``holding`` in one of its lines."""
    logs = deployed.emulator.root("logs")
    settings = deployed.emulator.root("lambda").get_function_configuration(FunctionName=function)
    group = settings["LoggingConfig"]["LogGroup"]

    def lines() -> int:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return sum(holding in event["message"] for page in pages for event in page["events"])

    before = lines()
    yield
    soon(lambda: lines() > before, f"nothing was logged to {group}")


def soon(holds: Callable[[], bool], otherwise: str, patience_s: float | None = None) -> None:
    """Wait until `holds()`, for `patience_s` seconds, or as long as exercises wait now; then fail with `otherwise`."""
    end = time.monotonic() + (Patience.seconds if patience_s is None else patience_s)
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)


@contextmanager
def traced(deployed: Emulated, name: str, kind: str = "AWS::Lambda::Function") -> Iterator[None]:
    """Check that the block leaves a trace of the function, or of another segment of this kind and name."""
    xray, begun = deployed.emulator.root("xray"), datetime.now(UTC)

    def told() -> bool:
        pages = xray.get_trace_summaries(StartTime=begun, EndTime=datetime.now(UTC))["TraceSummaries"]
        return any(
            (service["Name"], service["Type"]) == (name, kind) for summary in pages for service in summary["ServiceIds"]
        )

    yield
    soon(told, f"there is no trace of {name}")
