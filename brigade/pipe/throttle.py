"""The rate of a stream: a limit, and a progress line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Throttle:
    """Limit a stream to `rate` bytes a second, with bursts of at most one second."""

    def __init__(self, rate: float) -> None:
        self._rate, self._due = rate, time.monotonic()

    def update(self, block: memoryview) -> None:
        """Count the next bytes, and wait until they are within the rate."""
        now = time.monotonic()
        self._due = max(self._due, now - 1.0) + len(block) / self._rate
        if self._due > now:
            time.sleep(self._due - now)


class ProgressLine:
    """Show bytes, rate and time on one line, twice a second. `close` clears the line."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._begun = self._shown = time.monotonic()
        self._bytes, self._last, self._any = 0, 0, False

    def update(self, block: memoryview) -> None:
        """Count the next bytes."""
        self._bytes += len(block)
        now = time.monotonic()
        if now - self._shown < 0.5:
            return
        rate = (self._bytes - self._last) / (now - self._shown)
        passed = int(now - self._begun)
        line = f"{self._name}  {format_size(self._bytes)}  {format_size(rate)}/s  {passed // 60}:{passed % 60:02}"
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()
        self._shown, self._last, self._any = now, self._bytes, True

    def close(self) -> None:
        """Clear the line."""
        if self._any:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


@contextmanager
def open_watches(rate: float | None, stream: TextIO | None, name: str) -> Iterator[list[Throttle | ProgressLine]]:
    """Yield the watches of a stream: a throttle if there is a rate, a progress line if `stream` is given."""
    progress = ProgressLine(stream, name) if stream else None
    try:
        yield [each for each in (Throttle(rate) if rate else None, progress) if each]
    finally:
        if progress:
            progress.close()


def format_size(count: float) -> str:
    """Return a number of bytes as text: `1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.1f} {unit}" if unit != "B" else f"{count:.0f} B"
        count /= 1024
    return f"{count:.2f} TiB"
