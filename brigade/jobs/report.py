"""The completion report of a job: every task with its result, and counts of them by reason.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html. The report's own
``ReportSchema`` names ErrorCode before HTTPStatusCode; every row that S3 has been seen to write has them the other way.
So a row is read by its content, not by the declared order.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from brigade.errors import InvalidData, NotFound
from brigade.jobs.csv_records import LONGEST_MESSAGE, read_records
from brigade.jobs.row import display_key
from brigade.operations.outcome import one_line, truncate_text
from brigade.s3 import Location
from brigade.s3.client_type import S3Client
from brigade.s3.objects import get
from brigade.s3.read import stream_object

_FORMAT = "Report_CSV_20180820"
_STATUSES = frozenset({"succeeded", "failed"})
_HTTP = re.compile(r"\d{3}")
_COLUMNS = 7


class ReportTask(NamedTuple):
    """One row of a report. `key_text` is the manifest's text of the key, byte for byte."""

    bucket: str
    key_text: str
    version_id: str | None
    status: str
    http_status: str
    code: str
    message: str

    @property
    def failed(self) -> bool:
        """Return whether the task failed."""
        return self.status == "failed"

    @property
    def key(self) -> str:
        """The decoded key, for display."""
        return display_key(self.key_text)


class _File(msgspec.Struct, frozen=True):
    status: str = msgspec.field(name="TaskExecutionStatus")
    bucket: str = msgspec.field(name="Bucket")
    key: str = msgspec.field(name="Key")
    md5: str = msgspec.field(name="MD5Checksum")


class _Manifest(msgspec.Struct, frozen=True):
    format: str = msgspec.field(name="Format")
    results: list[_File] = msgspec.field(name="Results")


@dataclass(frozen=True)
class Report:
    """A report that S3 has written: result files, in any number, for succeeded and for failed tasks."""

    uri: str
    files: Sequence[_File]

    def tasks(self, s3: S3Client, *, failed: bool = False) -> Iterator[ReportTask]:
        """Yield each task; with `failed` only those that failed. Memory: a block of 1 MiB and a row.

        Raises:
            InvalidData: A file is damaged (its MD5 differs) or a row is invalid. The message names file and line.
                Earlier rows were valid, but their file was not verified whole.
        """
        for name, pieces in self.contents(s3, failed=failed):
            for number, record in read_records(pieces, name, LONGEST_MESSAGE):
                task = parse_task(record, f"{name}, line {number}")
                if task.failed or not failed:
                    yield task

    def contents(self, s3: S3Client, *, failed: bool = False) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield the name and the bytes of each result file. The MD5 is verified after the last byte."""
        for file in self.files:
            if not (failed and file.status == "succeeded"):
                name = f"s3://{file.bucket}/{file.key}"
                yield name, _proved(stream_object(s3, file.bucket, file.key), file.md5, name)


def open_report(
    s3: S3Client, uri: str, *, patience_s: float = 0, pause: Callable[[float], object] = time.sleep
) -> Report:
    """Return the report whose `manifest.json` is at `uri`.

    S3 may write it some time after the job's end, and writes none if no task ran.

    Args:
        patience_s: Seconds to wait for S3 to write it.

    Raises:
        NotFound: There is no report.
        InvalidData: The object is not a report.
    """
    place = Location.parse(uri)
    waited = 0.0
    while (found := get(s3, place.bucket, place.key)) is None:
        if waited >= patience_s:
            raise NotFound(
                f"there is no report at {uri} yet: S3 writes it after the job's end, if a task ran; try again later"
            )
        pause(1.0)
        waited += 1.0
    try:
        manifest = msgspec.json.decode(found.body, type=_Manifest)
    except msgspec.DecodeError as error:
        raise InvalidData(f"{uri} is not the manifest of a completion report: {error}") from None
    if manifest.format != _FORMAT:
        raise InvalidData(f"{uri} has the format {manifest.format!r}; only {_FORMAT} can be read")
    return Report(uri, manifest.results)


def parse_task(record: Sequence[str], place: str) -> ReportTask:
    """Parse one row in either order of columns, with or without the version.

    Of the two fields after the status, the HTTP status is the one with three digits.

    Args:
        place: File and line for errors.

    Raises:
        InvalidData: The row is not a row of a completion report.
    """
    row = list(record)
    if len(row) == _COLUMNS - 1 and row[2] in _STATUSES:
        row.insert(2, "")
    if len(row) < _COLUMNS or row[3] not in _STATUSES:
        raise InvalidData(f"{place}: not a row of a completion report: {','.join(row)[:200]}")
    bucket, key_text, version_id, status, first, second, *message = row
    numbers = [bool(_HTTP.fullmatch(field)) for field in (first, second)]
    http_status, code = (second, first) if numbers == [False, True] else (first, second)
    return ReportTask(bucket, key_text, version_id or None, status, http_status, code, ",".join(message))


def _proved(pieces: Iterable[bytes], md5: str, name: str) -> Iterator[bytes]:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != md5.strip().lower():
        raise InvalidData(f"{name} is damaged: its MD5 is {digest.hexdigest()}, and the report states {md5}")


_SHAPES = 1000
_SHAPE_BYTES = 200
_UUID_OR_HASH = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\b[0-9a-fA-F]{16,}\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OTHERS = "(other messages)"


@dataclass
class ReasonCount:
    """The number of tasks with one status, code and shape of message, with the first of them."""

    status: str
    code: str
    shape: str
    tasks: int
    example: ReportTask


@dataclass
class Tally:
    """Counts of tasks by reason. Memory: at most 1,000 reasons; further messages are counted together."""

    succeeded: int = 0
    failed: int = 0
    _reasons: dict[tuple[str, str, str], ReasonCount] = field(default_factory=dict)

    def over(self, tasks: Iterable[ReportTask]) -> Iterator[ReportTask]:
        """Yield the tasks unchanged and count them."""
        for task in tasks:
            self.add(task)
            yield task

    def add(self, task: ReportTask, tasks: int = 1) -> None:
        """Count `tasks` tasks that are like `task`."""
        if task.failed:
            self.failed += tasks
        else:
            self.succeeded += tasks
        code = task.code or task.http_status
        key = (task.status, code, message_shape(task))
        if key not in self._reasons and len(self._reasons) >= _SHAPES:
            key = (task.status, code, _OTHERS)
        reason = self._reasons.setdefault(key, ReasonCount(*key, tasks=0, example=task))
        reason.tasks += tasks

    @property
    def reasons(self) -> list[ReasonCount]:
        """The reasons, failures first, the most frequent first."""
        return sorted(self._reasons.values(), key=lambda reason: (reason.status, -reason.tasks))


def message_shape(task: ReportTask) -> str:
    """Return the message on one line, with the key as `KEY`, ids and hashes as `ID`, and numbers as `N`."""
    text = one_line(task.message)
    for name in filter(None, {one_line(task.key), task.key_text}):
        text = text.replace(name, "KEY")
    return truncate_text(_NUMBER.sub("N", _UUID_OR_HASH.sub("ID", text)), _SHAPE_BYTES)
