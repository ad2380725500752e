"""The protocol of readers, and the factory that opens the reader of a source."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from brigade.ingest.declare.request import Response
from brigade.ingest.declare.source import BaseSource
from brigade.state import State

PAGE_LIMIT = 64 * 1024 * 1024
"""Largest page, in bytes after decompression."""


class PageReader(Protocol):
    """Reads the pages of a source. The counts are totals of this reader, and `waited_s` is in seconds."""

    requests: int
    retries: int
    waited_s: float
    bytes_in: int

    def page(self, cursor: str | None) -> Response:
        """Fetch the page at the cursor; None is the first page."""

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Response]:
        """Fetch a response of any size. Return its blocks, and the response without a body."""

    def address(self, cursor: str | None) -> str:
        """Return the name of the page for error messages. It holds no secret."""

    def close(self) -> None:
        """Close the connections. The next page opens new ones."""


@runtime_checkable
class RangeReader(PageReader, Protocol):
    """A reader that can read one range of its key."""

    def split_points(self, number: int) -> tuple[str, ...]:
        """Return key values that split one snapshot into up to `number` ranges of about equal size."""

    def for_range(self, after: str | None, until: str | None) -> PageReader:
        """Return a reader of the rows with `after` < key <= `until`; None is no limit."""


ReaderFactory = Callable[[Callable[[], float], str | None], PageReader]
"""Makes a reader from a function that returns the remaining seconds, and the date; None reads everything."""


@dataclass(frozen=True, kw_only=True)
class ReaderSetup:
    """Inputs that the readers of a source share.

    Attributes:
        name: The name of the source.
        url: The base URL in this stage, in place of the declared one. Only an API has one.
        client: Returns the AWS client of a service.
        state: Stores rotated tokens, and the read windows of an incremental source.
        keep_window: False computes the read window that a run would claim, and does not store it.
    """

    name: str
    url: str | None
    client: Callable[[str], Any]
    state: State | None
    keep_window: bool = True


def open_reader(source: BaseSource, setup: ReaderSetup) -> ReaderFactory:
    """Return a factory for the readers of a source. They share credentials. Nothing is contacted yet."""
    # The module is imported by name, so that the package of an API has no database driver.
    factory: ReaderFactory = importlib.import_module(source.reader_module).open_reader(source, setup)
    return factory
