"""Call a function with every row of a delivery, in parallel, and resume after a stop."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import msgspec

from brigade.errors import UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.reader import read
from brigade.inventory.rows import scanner
from brigade.inventory.sql.dialect import current_condition
from brigade.state import State

T = TypeVar("T")
Row = dict[str, Any]

_SAVE_SECONDS = 5.0


class WalkState(msgspec.Struct, frozen=True):
    """The stored progress of a walk: all rows before `rows` are done, in the order `order` of this delivery."""

    delivery: str
    order: int
    rows: int
    done: bool = False


@dataclass(frozen=True)
class WalkCheckpoint:
    """The location of a walk's progress in the state bucket. The same walk, started again, resumes there."""

    state: State
    key: str

    def reached(self, delivery: Delivery) -> int:
        """Return the number of rows that are done, 0 if none. Raises UsageError if another delivery was walked."""
        entry = self.state.get(self.key, WalkState)
        if entry is None or entry.value.done:
            return 0
        if (entry.value.delivery, entry.value.order) != (delivery.uri, scanner.ORDER):
            raise UsageError(
                f"the state {self.key} belongs to another walk, over {entry.value.delivery}: choose another name"
            )
        return entry.value.rows

    def save(self, delivery: Delivery, count: int, *, done: bool = False) -> None:
        """Store that `count` rows are done."""
        self.state.put(self.key, WalkState(delivery.uri, scanner.ORDER, count, done))


def for_each_key(
    delivery: Delivery,
    call: Callable[[str], object],
    where: str | None = None,
    parallel: int = 16,
    checkpoint: WalkCheckpoint | None = None,
) -> int:
    """Call `call(key)` in threads for each current object that matches `where`; return the number of keys.

    At least once: with a `checkpoint`, a walk that was stopped is resumed, and repeats the calls of the last seconds.
    An error of `call` ends the walk after the running calls, and is raised. Finished work stays stored. Memory: that of
    `read`, and `parallel` keys.
    """

    def call_all(found: list[Row]) -> None:
        for row in found:
            call(row["key"])

    return walk(delivery, call_all, lambda found: batched(found, 1), ["key"], where, parallel, checkpoint)


def walk(
    delivery: Delivery,
    do: Callable[[list[Row]], None],
    group: Callable[[Iterator[Row]], Iterable[list[Row]]],
    columns: list[str],
    where: str | None,
    parallel: int,
    checkpoint: WalkCheckpoint | None = None,
    on_progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Call `do` for groups of rows, `parallel` at a time, and return the number of rows. Guarantees as `for_each_key`.

    In a delivery of all versions only current objects are walked.

    Args:
        group: Makes groups of the rows, in their order.
        on_progress: Called with the number of rows done.
    """
    before = checkpoint.reached(delivery) if checkpoint else 0
    count, saved_at, running = before, time.monotonic(), deque[tuple[Future[None], int]]()
    with (
        closing(read(delivery, columns, current_condition(delivery.manifest.columns, where))) as batches,
        ThreadPoolExecutor(parallel, thread_name_prefix="inventory-walk") as threads,
    ):
        try:
            for found in group(islice((row for batch in batches for row in batch.to_pylist()), before, None)):
                running.append((threads.submit(do, found), len(found)))
                # Done is what all before it is too: the oldest is waited for, the others may have ended.
                while running and (len(running) > 2 * parallel or running[0][0].done()):
                    future, size = running.popleft()
                    future.result()
                    count += size
                    on_progress(count)
                if checkpoint and time.monotonic() - saved_at > _SAVE_SECONDS:
                    checkpoint.save(delivery, count)
                    saved_at = time.monotonic()
            for future, size in running:
                future.result()
                count += size
                on_progress(count)
        except BaseException:
            for future, _ in running:
                future.cancel()
            if checkpoint and count > before:
                checkpoint.save(delivery, count)
            raise
    if checkpoint:
        checkpoint.save(delivery, count, done=True)
    return count - before


def batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`; the last one may be shorter."""
    while found := list(islice(items, size)):
        yield found
