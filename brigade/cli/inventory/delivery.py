"""The delivery that a command of `brigade inventory` reads, and the progress of reading it."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.session import Session

if TYPE_CHECKING:
    from brigade.inventory import DataFile, Delivery

Bucket = Annotated[
    str | None,
    typer.Option(
        "--bucket",
        metavar="BUCKET",
        show_default="the lake",
        help="Bucket whose inventory to read: the lake or one of `buckets` in cdk.json.",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(metavar="SQL", show_default="all rows", help="Condition in the SQL of Athena: size > 1000000."),
]
DeliveryOption = Annotated[str, typer.Option(metavar="DELIVERY", help="latest, s3://…/manifest.json, or a path.")]


def inventory_location(session: Session, bucket: str | None) -> tuple[str, str, str, str]:
    """Return reports bucket, prefix, source bucket and id of the inventory of `bucket`, by default of the lake."""
    deployed = session.deployment
    source = bucket or deployed["LakeBucket"]
    return deployed["ReportsBucket"], deployed["InventoryPrefix"], source, deployed["InventoryId"]


def table_name(session: Session, bucket: str | None) -> str:
    """Return the name of the Glue table over the inventory of `bucket`, by default of the lake."""
    from brigade.catalog import table

    deployed = session.deployment
    return deployed["InventoryTable"] if bucket in (None, deployed["LakeBucket"]) else table(bucket)


def open_delivery(session: Session, text: str, bucket: str | None = None) -> "Delivery":
    """Open the delivery at the address `text`, or the newest one for `latest`."""
    from brigade import inventory
    from brigade.errors import UsageError

    if text == "latest":
        return inventory.open_latest_delivery(session.client("s3"), *inventory_location(session, bucket))
    if bucket:
        raise UsageError(f"--bucket {bucket} and the address {text}: the address already names the bucket")
    return inventory.open_delivery(session.client("s3"), text)


class DeliveryProgress:
    """The progress of reading deliveries. It is shown only on a terminal."""

    def __init__(self, session: Session, deliveries: "Iterable[Delivery]") -> None:
        self._files, self._bytes, self._rows = 0, 0, 0
        manifests = [delivery.manifest for delivery in deliveries]
        self._of = sum(len(manifest.files) for manifest in manifests)
        self._size = sum(manifest.size for manifest in manifests)
        self._session = session
        self._bar: Any = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the progress while the block runs."""
        terminal = self._session.terminal
        if not terminal.is_terminal or self._session.quiet:
            yield
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=terminal, transient=True, redirect_stdout=False) as bars:
            task = bars.add_task("", total=self._size)
            self._bar = lambda text: bars.update(task, description=text, completed=self._bytes)
            self._update()
            yield

    def ended(self, file: "DataFile") -> None:
        """Count a file that is read completely."""
        self._files += 1
        self._bytes += file.size
        self._update()

    def counted(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches and count their rows."""
        for batch in batches:
            self._rows += batch.num_rows
            self._update()
            yield batch

    def _update(self) -> None:
        if self._bar is not None:
            self._bar(f"{self._rows:,} rows, {self._files} of {self._of} files")


def write_stdout(pieces: Iterable[bytes]) -> None:
    """Write each piece to stdout before the next one is made."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
