"""Counts of a whole report, on whole columns: as ``Tally`` counts task by task, several times as fast."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from pyarrow import csv

from brigade.jobs.alike import groups
from brigade.jobs.report import Report, Task, task_of
from brigade.jobs.table import LONGEST_MESSAGE, records
from brigade.jobs.tally import Tally
from brigade.s3.client_type import S3Client

BLOCK = 2 << 20
"""Bytes of a report that are counted at once."""

_NAMES = ["bucket", "key", "version", "status", "first", "second", "message"]
_AT_ONCE = 2
_TELLING = (3, 4, 5, 1, 6)  # columns: all but the bucket and the version
_QUOTE = ord('"')
_Counts = list[tuple[Task, int]]


def count(report: Report, s3: S3Client) -> Tally:
    """Count every task of a report by result, code and shape of message, in two threads.

    Rows alike in key and message but for numbers and ids are one to it, and ``Tally.add`` gets the first; so a message
    that names another object than its own, of a key that is alike, counts as if it named its own.
    Memory: ``BLOCK`` × 48 where Arrow allocates by the system's means, as in the command; most of it where messages are
    full of ids. Fails with InvalidData, naming the file, as ``Report.tasks`` does.
    """
    tally, running = Tally(), deque[Future[_Counts]]()

    def settle() -> None:
        for task, tasks in running.popleft().result():
            tally.add(task, tasks)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="brigade-report") as threads:
        for name, pieces in report.contents(s3):
            for line, block in _blocks(pieces):
                running.append(threads.submit(_counted, block, name, line))
                if len(running) > _AT_ONCE:
                    settle()
        while running:
            settle()
    return tally


def _blocks(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give blocks of whole rows, each with the number of lines before it; a quoted newline ends no row."""
    held, size, line = [], 0, 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            text = b"".join(held)
            end = _end(text)
            if end:
                yield line, text[:end]
                line += text.count(b"\n", 0, end)
            held, size = [text[end:]], len(text) - end
    if size:
        yield line, b"".join(held)


def _end(text: bytes) -> int:
    end = text.rfind(b"\n") + 1
    while end and np.count_nonzero(np.frombuffer(text, np.uint8, end) == _QUOTE) % 2:
        end = text.rfind(b"\n", 0, end - 1) + 1
    return end


def _counted(block: bytes, name: str, line: int) -> _Counts:
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(column_names=_NAMES, use_threads=False, block_size=len(block) + 1),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=dict.fromkeys(_NAMES, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:  # rows without the version's column, unquoted commas, no CSV at all: row by row
        rows = records([block], name, LONGEST_MESSAGE)
        return [(task_of(record, f"{name}, line {line + at}"), 1) for at, record in rows]
    columns = table.combine_chunks().to_batches()[0]
    return [
        (task_of([field[row].as_py() for field in columns.columns], f"{name}, row {row + 1} after line {line}"), tasks)
        for row, tasks in groups([columns.column(at) for at in _TELLING])
    ]
