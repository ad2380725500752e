"""Selections: from an inventory, a list of keys, or a manifest, to the rows of a manifest."""

from collections.abc import Iterable, Iterator

import pyarrow.compute as pc

from brigade.errors import InvalidData, UsageError
from brigade.inventory import Delivery
from brigade.inventory import read as read_inventory
from brigade.inventory.sql.dialect import current
from brigade.jobs.columns import Columns
from brigade.jobs.row import NULL_VERSION, Row, encoded


def of_delivery(delivery: Delivery, where: str | None = None) -> Iterator[Columns]:
    """Give the objects of a delivery of S3 Inventory, those that match ``where`` (SQL over its columns), streamed.

    Of an inventory of all versions: the version that was current then, pinned; delete markers are left out.
    """
    columns = delivery.manifest.columns
    versions, sizes = "version_id" in columns, "size" in columns
    wanted = ["bucket", "key", *(["version_id"] if versions else []), *(["size"] if sizes else [])]
    for batch in read_inventory(delivery, wanted, current(columns, where)):
        if batch.num_rows:
            yield Columns(
                batch.column("bucket"),
                batch.column("key"),
                pc.fill_null(batch.column("version_id"), NULL_VERSION) if versions else None,
                batch.column("size") if sizes else None,
            )


def of_keys(lines: Iterable[bytes], bucket: str, name: str) -> Iterator[Row]:
    """Give the objects of a list: a key a line, as it is, or ``bucket<TAB>key``; ``bucket`` where a line names none.

    Only a newline ends a key. Fails with UsageError naming the line when one is blank, InvalidData when not UTF-8.
    """
    for number, line in enumerate(lines, 1):
        try:
            text = line.removesuffix(b"\n").decode()
        except UnicodeDecodeError:
            raise InvalidData(f"{name}, line {number}: not UTF-8") from None
        named, tab, key = text.partition("\t")
        if not tab:
            named, key = bucket, text
        if not key:
            raise UsageError(f"{name}, line {number}: no key; it takes one key, or bucket<TAB>key, a line")
        yield Row(named, encoded(key))
