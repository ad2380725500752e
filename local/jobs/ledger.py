"""A job's tasks and their outcomes on disk, so that a job outlives its process and its memory does not grow with it."""

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from local.jobs.manifest import Row
from local.jobs.tasks import Outcome

_BLOCK = 1000


class Ledger:
    """The rows of a manifest, and a log of what became of each, one JSON line at a time.

    A row is done when its line in the log is whole: after a kill, a task whose outcome was not written runs again.
    One bit of memory a task, and a block of 1000 rows.
    """

    def __init__(self, folder: Path) -> None:
        self._rows = folder / "tasks.jsonl"
        self._log = folder / "outcomes.jsonl"

    @property
    def begun(self) -> bool:
        """Whether any task has an outcome."""
        return self._log.exists() and self._log.stat().st_size > 0

    def fill(self, rows: Iterable[Row]) -> int:
        """Write the rows of a manifest, from the beginning, and give their number."""
        total = 0
        with self._rows.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
                total += 1
        self._log.unlink(missing_ok=True)
        return total

    def waiting(self, total: int, seed: str) -> Iterator[tuple[int, Row]]:
        """Give the rows without an outcome, with their numbers, in no order that a function could rely on."""
        done = bytearray(total // 8 + 1)
        for number, _, _ in self.outcomes():
            done[number // 8] |= 1 << number % 8
        shuffle = random.Random(seed).shuffle  # noqa: S311 - order, no secret
        block: list[tuple[int, Row]] = []
        with self._rows.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                if not done[number // 8] & 1 << number % 8:
                    block.append((number, Row(*json.loads(line))))
                if len(block) == _BLOCK:
                    shuffle(block)
                    yield from block
                    block.clear()
        shuffle(block)
        yield from block

    def open_log(self) -> "Log":
        """Open the log to append to; a half line that a kill left is cut off."""
        if self._log.exists():
            with self._log.open("rb+") as file:
                file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
        return Log(self._log)

    def outcomes(self) -> Iterator[tuple[int, Row, Outcome]]:
        """Stream the outcomes in the order in which they came."""
        if not self._log.exists():
            return
        with self._log.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    number, row, outcome = json.loads(line)
                    yield number, Row(*row), Outcome(*outcome)

    def discard(self) -> None:
        """Remove the rows and the log: the report holds what mattered."""
        self._rows.unlink(missing_ok=True)
        self._log.unlink(missing_ok=True)


class Log:
    """An open log of outcomes; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, number: int, row: Row, outcome: Outcome) -> None:
        """Append one outcome and hand it to the operating system."""
        self._file.write(json.dumps((number, row, outcome)) + "\n")
        self._file.flush()
