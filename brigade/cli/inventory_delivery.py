"""The delivery that a command of ``brigade inventory`` reads, and how far it has read it."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.session import Session

if TYPE_CHECKING:
    from brigade.inventory import DataFile, Delivery

Bucket = Annotated[
    str | None, typer.Option("--bucket", help="Whose inventory: a bucket of the settings' list; the lake.")
]


def place(session: Session, bucket: str | None) -> tuple[str, str, str, str]:
    """Give the inventory configuration of ``bucket``, by default of the lake, as ``inventory.deliveries`` takes it."""
    deployed = session.deployment
    source = bucket or deployed["LakeBucket"]
    return deployed["ReportsBucket"], deployed["InventoryPrefix"], source, deployed["InventoryId"]


def table_of(session: Session, bucket: str | None) -> str:
    """Return the name of the Glue table over the inventory of ``bucket``, by default of the lake."""
    from brigade.catalog import table

    deployed = session.deployment
    return deployed["InventoryTable"] if bucket in (None, deployed["LakeBucket"]) else table(bucket)


def opened(session: Session, text: str, bucket: str | None = None) -> "Delivery":
    """Open ``latest`` or the delivery of an address."""
    from brigade import inventory
    from brigade.errors import UsageError

    if text == "latest":
        return inventory.open_latest_delivery(session.client("s3"), *place(session, bucket))
    if bucket:
        raise UsageError(f"--bucket {bucket} and the address {text}: an address says already whose delivery it is")
    return inventory.open_delivery(session.client("s3"), text)


class Progress:
    """How far a delivery is read, shown on a terminal alone."""

    def __init__(self, session: Session, deliveries: "Iterable[Delivery]") -> None:
        self._files, self._bytes, self._rows = 0, 0, 0
        manifests = [delivery.manifest for delivery in deliveries]
        self._of = sum(len(manifest.files) for manifest in manifests)
        self._size = sum(manifest.size for manifest in manifests)
        self._session = session
        self._bar: Any = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it while the block runs."""
        terminal = self._session.terminal
        if not terminal.is_terminal or self._session.quiet:
            yield
            return
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Bars(*columns, console=terminal, transient=True, redirect_stdout=False) as bars:
            task = bars.add_task("", total=self._size)
            self._bar = lambda text: bars.update(task, description=text, completed=self._bytes)
            self._tell()
            yield

    def ended(self, file: "DataFile") -> None:
        """Count a file whose rows were all given."""
        self._files += 1
        self._bytes += file.size
        self._tell()

    def counted(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Give the batches, and count their rows."""
        for batch in batches:
            self._rows += batch.num_rows
            self._tell()
            yield batch

    def _tell(self) -> None:
        if self._bar is not None:
            self._bar(f"{self._rows:,} rows, {self._files} of {self._of} files")


def write(pieces: Iterable[bytes]) -> None:
    """Write each piece to stdout, whole, before the next is made."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
