"""What ``brigade jobs`` runs over what: the options of a selection and an operation, made into values."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brigade.cli.session import Session
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.jobs.manifest import Selected
    from brigade.operations.operation import Operation


@dataclass(frozen=True)
class Selection:
    """Objects to come, and in words what they are."""

    rows: "Selected"
    what: str


def of(
    session: Session,
    files: ExitStack,
    *,
    inventory: str | None,
    where: str | None,
    manifest: str | None,
    keys: str | None,
) -> Selection:
    """Give the selection that the options name; ``files`` closes what it opens.

    Fails with UsageError when they name none or more than one.
    """
    from brigade.jobs import manifest as manifests
    from brigade.jobs import selection
    from brigade.s3 import Location
    from brigade.s3.read import stream

    kinds = [bool(inventory or where), manifest is not None, keys is not None]
    if sum(kinds) != 1:
        raise UsageError("say what to run over, in one way: --inventory and/or --where, or --manifest, or --keys")
    s3, deployed = session.client("s3"), session.deployment
    if manifest is not None:
        if manifest.endswith("manifest.json"):
            raise UsageError(f"{manifest} is a delivery of S3 Inventory: give it as --inventory")
        place = Location.parse(manifest)
        if not place.key:
            raise UsageError(f"{manifest} is a bucket; --manifest takes the address of one CSV object")
        return Selection(manifests.read(stream(s3, place.bucket, place.key), manifest), f"manifest {manifest}")
    if keys is not None:
        lines, name = _lines(keys, files)
        return Selection(selection.of_keys(lines, deployed["LakeBucket"], name), f"keys of {name}")
    from brigade import inventory as inventories

    delivery = (
        inventories.latest(
            s3,
            deployed["ReportsBucket"],
            deployed["InventoryPrefix"],
            deployed["LakeBucket"],
            deployed["InventoryId"],
        )
        if inventory in (None, "latest")
        else inventories.open_delivery(s3, str(inventory))
    )
    words = f"inventory of {delivery.taken:%Y-%m-%d %H:%M}Z" + (f" where {where}" if where else "")
    return Selection(selection.of_delivery(delivery, where), words)


def _lines(keys: str, files: ExitStack) -> tuple[Iterable[bytes], str]:
    if keys == "-":
        return sys.stdin.buffer, "stdin"
    try:
        return files.enter_context(Path(keys).open("rb")), keys
    except OSError as error:
        raise UsageError(f"--keys {keys}: {error.strerror}") from None


def declared() -> "Mapping[str, Operation]":
    """Give the operations of this checkout, by name."""
    from brigade.declarations import find
    from brigade.operations.operation import Operation

    return find("lambdas.batch_operations.operations", "OPERATION", Operation)


def operation(name: str) -> "Operation":
    """Give one operation. Fails with UsageError naming those that there are."""
    found = declared()
    if name not in found:
        raise UsageError(f"no operation {name!r}; there are {', '.join(found) or 'none'}")
    return found[name]


def pairs(arguments: Sequence[str]) -> dict[str, str]:
    """Read ``--argument k=v`` options. Fails with UsageError for one without ``=`` or given twice."""
    given: dict[str, str] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--argument {text}: it takes NAME=VALUE")
        if name in given:
            raise UsageError(f"--argument {name} is given twice")
        given[name] = value
    return given
