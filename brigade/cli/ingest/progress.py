"""The progress of an ingest, on one line of the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from brigade.cli.session import Session

if TYPE_CHECKING:
    from rich.status import Status

    from brigade.ingest.read.reader import PageReader


@contextmanager
def show_progress(session: Session, name: str, api: "PageReader") -> "Iterator[PageReader]":
    """Yield a reader that reads as `api` and shows its progress. Yield `api` itself if stderr is not a terminal."""
    if session.quiet or not session.terminal.is_terminal:
        yield api
        return
    with session.terminal.status(f"{name}: reading the first page") as status:
        yield _ProgressReader(name, api, status)


class _ProgressReader:
    def __init__(self, name: str, api: "PageReader", status: "Status") -> None:
        self._name, self._api, self._status, self._pages = name, api, status, 0

    def page(self, cursor: str | None) -> Any:
        reply = self._api.page(cursor)
        self._pages += 1
        self._update(f"{self._pages} pages")
        return reply

    def stream(self, cursor: str | None) -> Any:
        blocks, reply = self._api.stream(cursor)
        return self._each(blocks), reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def _each(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._update("one answer")
            yield block

    def _update(self, what: str) -> None:
        retries = f", {self._api.retries} asked again" if self._api.retries else ""
        self._status.update(f"{self._name}: {what}, {self._api.bytes_in / 1e6:,.1f} MB{retries}")
