"""The tasks of a job and their outcomes, on disk: a job survives its process, in bounded memory."""

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from local.jobs.manifest import Row
from local.jobs.tasks import Outcome

_BLOCK = 1000


class Ledger:
    """The rows of a manifest and a log of their outcomes, as JSON lines.

    A row is done when its line in the log is complete. After a kill, a task without such a line runs again.
    Memory: one bit for each task, and a block of 1000 rows.
    """

    def __init__(self, folder: Path) -> None:
        self._rows = folder / "tasks.jsonl"
        self._log = folder / "outcomes.jsonl"

    @property
    def begun(self) -> bool:
        """True if any task has an outcome."""
        return self._log.exists() and self._log.stat().st_size > 0

    def fill(self, rows: Iterable[Row]) -> int:
        """Write the rows of a manifest and return their number."""
        total = 0
        with self._rows.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
                total += 1
        self._log.unlink(missing_ok=True)
        return total

    def waiting(self, total: int, seed: str) -> Iterator[tuple[int, Row]]:
        """Yield the rows without an outcome, with their numbers, in random order."""
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
        """Open the log to append to, after removing an incomplete line that a kill left."""
        if self._log.exists():
            with self._log.open("rb+") as file:
                file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
        return Log(self._log)

    def outcomes(self) -> Iterator[tuple[int, Row, Outcome]]:
        """Yield the outcomes in the order of their log."""
        if not self._log.exists():
            return
        with self._log.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    number, row, outcome = json.loads(line)
                    yield number, Row(*row), Outcome(*outcome)

    def discard(self) -> None:
        """Delete the rows and the log; the report has the outcomes."""
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
        """Append one outcome and flush it to the operating system."""
        self._file.write(json.dumps((number, row, outcome)) + "\n")
        self._file.flush()
