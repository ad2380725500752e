"""Counts of a report: by result, and by reason, where messages that differ by numbers and keys only are one."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from brigade.jobs.report import Task
from brigade.operations.outcome import cut, one_line

_SHAPES = 1000
_SHAPE_BYTES = 200
_UUID_OR_HASH = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\b[0-9a-fA-F]{16,}\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OTHERS = "(other messages)"


@dataclass
class Reason:
    """One kind of result: its codes, the shape of its messages, how many there were, and the first of them."""

    status: str
    code: str
    shape: str
    tasks: int
    example: Task


@dataclass
class Tally:
    """Counts as tasks go by. Memory: 1,000 reasons at most; further shapes of message are counted together."""

    succeeded: int = 0
    failed: int = 0
    _reasons: dict[tuple[str, str, str], Reason] = field(default_factory=dict)

    def over(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Give the tasks on, counted."""
        for task in tasks:
            self.add(task)
            yield task

    def add(self, task: Task, tasks: int = 1) -> None:
        """Count one task, or ``tasks`` that are like it."""
        if task.failed:
            self.failed += tasks
        else:
            self.succeeded += tasks
        code = task.code or task.http_status
        key = (task.status, code, shape(task))
        if key not in self._reasons and len(self._reasons) >= _SHAPES:
            key = (task.status, code, _OTHERS)
        reason = self._reasons.setdefault(key, Reason(*key, tasks=0, example=task))
        reason.tasks += tasks

    @property
    def reasons(self) -> list[Reason]:
        """The reasons, failures first, the most frequent first."""
        return sorted(self._reasons.values(), key=lambda reason: (reason.status, -reason.tasks))


def shape(task: Task) -> str:
    """Give the message with the key as ``KEY``, ids and hashes as ``ID``, numbers as ``N``, on one line."""
    text = one_line(task.message)
    for name in filter(None, {one_line(task.key), task.key_text}):
        text = text.replace(name, "KEY")
    return cut(_NUMBER.sub("N", _UUID_OR_HASH.sub("ID", text)), _SHAPE_BYTES)
