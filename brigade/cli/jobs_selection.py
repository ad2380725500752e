"""What ``brigade jobs`` runs over what: the options of a selection and an operation, made into values."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brigade.cli.inventory_delivery import place, table_of
from brigade.cli.jobs_options import Selecting
from brigade.cli.session import Session
from brigade.errors import NotFound, SettingsError, UsageError

if TYPE_CHECKING:
    from brigade.inventory import Delivery
    from brigade.jobs.athena_manifest import AthenaSelection, AthenaTable
    from brigade.jobs.manifest import Selected
    from brigade.jobs.row import ManifestRow, SelectionSummary
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.operation import Operation


@dataclass(frozen=True)
class Selection:
    """Objects to come, in words what they are, and how: rows that pass here, or a query for Athena."""

    what: str
    bucket: str
    """The one that they must be in."""
    rows: "Selected" = ()
    chosen: "AthenaSelection | None" = None
    whole: "Delivery | None" = None
    """The delivery that they are all of, unfiltered."""


def of(session: Session, files: ExitStack, selecting: Selecting) -> Selection:
    """Give the selection that the options name; ``files`` closes what it opens.

    Fails with UsageError when they name none or more than one.
    """
    by_inventory = bool(selecting.inventory or selecting.where)
    kinds = [by_inventory, selecting.manifest is not None, selecting.keys is not None]
    if sum(kinds) != 1:
        raise UsageError("say what to run over, in one way: --inventory and/or --where, or --manifest, or --keys")
    if by_inventory:
        return _of_inventory(session, selecting)
    if selecting.engine:
        raise UsageError(f"--engine {selecting.engine} is for --inventory and --where: it goes with no other selection")
    if selecting.manifest:
        return _of_manifest(session, selecting.manifest, where_of(session, selecting))
    return _of_keys(session, files, selecting)


def check_bucket(session: Session, selecting: Selecting) -> None:
    """Raise NotFound when the bucket that `--bucket` names does not exist.

    One that the caller may not list is taken as existing: S3 does not say more.
    """
    from botocore.exceptions import ClientError

    if selecting.bucket is None:
        return
    try:
        session.client("s3").head_bucket(Bucket=selecting.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
            raise NotFound(f"--bucket {selecting.bucket}: there is no such bucket") from error


def readable(session: Session, declared: "Operation | NativeOperation", bucket: str) -> tuple[str, ...]:
    """Return the patterns of keys that a job of this operation may read in `bucket`.

    Of a bucket beside the lake the deployed settings say it, which this machine may not have: any key.
    """
    return tuple(getattr(declared, "reads", ("*",))) if bucket == session.deployment["LakeBucket"] else ("*",)


def granted(session: Session, operation: str, bucket: str) -> tuple[str, ...] | None:
    """Return the patterns of keys that cdk.json grants to the operation in a bucket beside the lake.

    None where cdk.json, read in the current directory, does not name the bucket: then the operation's own patterns
    hold.
    """
    import json

    from brigade.settings import load

    file = Path("cdk.json")
    context = json.loads(file.read_bytes()).get("context", {}) if file.is_file() else {}
    if session.stage not in context.get("stages", {}):
        return None
    named = {each.name: each for each in load(context, stage=session.stage).buckets}
    return tuple(named[bucket].operations.get(operation, ())) if bucket in named else None


def where_of(session: Session, selecting: Selecting) -> str:
    """Give the bucket that the options name; the lake unless they do."""
    return selecting.bucket or session.deployment["LakeBucket"]


def counted(
    session: Session, chosen: Selection, reads: tuple[str, ...], sample: int, seed: int
) -> "tuple[SelectionSummary, list[ManifestRow]]":
    """Count a selection and choose `sample` objects of it at random, the same ones for the same `seed`.

    Raises what making the manifest would raise, for keys that no pattern of `reads` matches too.
    """
    if chosen.chosen:
        from brigade.jobs.athena_manifest import count_selection, sample_selection

        asked = athena(session, chosen.bucket)
        summary = count_selection(asked, chosen.chosen, chosen.bucket, reads)
        return summary, sample_selection(asked, chosen.chosen, sample, seed) if sample else []
    from brigade.jobs.manifest import write_manifest
    from brigade.jobs.sample import RandomRows

    choice = RandomRows(sample, seed)
    return write_manifest(choice.over(chosen.rows), chosen.bucket, len, reads), choice.rows


def athena(session: Session, bucket: str) -> "AthenaTable":
    """Give the Athena of the stage, over the inventory of ``bucket``."""
    from brigade.jobs.athena_manifest import AthenaTable

    deployed = session.deployment
    return AthenaTable(
        session.client("athena"),
        session.client("glue"),
        deployed["Workgroup"],
        deployed["Database"],
        table_of(session, bucket),
    )


def _of_inventory(session: Session, selecting: Selecting) -> Selection:
    from brigade import inventory as inventories
    from brigade.jobs import selection

    s3, bucket = session.client("s3"), where_of(session, selecting)
    if selecting.inventory in (None, "latest"):
        delivery = inventories.open_latest_delivery(s3, *place(session, bucket))
    else:
        delivery = inventories.open_delivery(s3, str(selecting.inventory))
    where = selecting.where
    what = f"inventory of {delivery.taken:%Y-%m-%d %H:%M}Z" + (f" where {where}" if where else "")
    whole = None if where else delivery
    if selecting.engine == "athena":
        from brigade.jobs.athena_manifest import build_selection

        if delivery.manifest.source_bucket != bucket:
            raise UsageError(f"{delivery.uri} is not of {bucket}, whose deliveries Athena is asked of; see --bucket")
        return Selection(what, bucket, chosen=build_selection(delivery, where), whole=whole)
    return Selection(what, bucket, rows=selection.select_delivery(delivery, where), whole=whole)


def _of_manifest(session: Session, manifest: str, bucket: str) -> Selection:
    from brigade.jobs import manifest as manifests
    from brigade.s3 import Location
    from brigade.s3.read import stream

    if manifest.endswith("manifest.json"):
        raise UsageError(f"{manifest} is a delivery of S3 Inventory: give it as --inventory")
    place = Location.parse(manifest)
    if not place.key:
        raise UsageError(f"{manifest} is a bucket; --manifest takes the address of one CSV object")
    pieces = stream(session.client("s3"), place.bucket, place.key)
    return Selection(f"manifest {manifest}", bucket, rows=manifests.read_manifest(pieces, manifest))


def _of_keys(session: Session, files: ExitStack, selecting: Selecting) -> Selection:
    from brigade.jobs import selection

    lines, name = _lines(str(selecting.keys), files)
    bucket = where_of(session, selecting)
    return Selection(f"keys of {name}", bucket, rows=selection.select_keys(lines, bucket, name))


def _lines(keys: str, files: ExitStack) -> tuple[Iterable[bytes], str]:
    if keys == "-":
        return sys.stdin.buffer, "stdin"
    try:
        return files.enter_context(Path(keys).open("rb")), keys
    except OSError as error:
        raise UsageError(f"--keys {keys}: {error.strerror}") from None


def declared() -> "tuple[Mapping[str, Operation], Mapping[str, SettingsError]]":
    """Return the operations of this checkout by name, and the errors of those whose declaration is wrong."""
    from brigade.declarations import find_all
    from brigade.operations.operation import Operation

    return find_all("lambdas.batch_operations.operations", "OPERATION", Operation)


def operation(name: str) -> "Operation":
    """Return one operation, whatever is wrong with the others.

    Raises:
        UsageError: There is none of this name; the line has those that there are. Its declaration is wrong.
    """
    found, broken = declared()
    if name in broken:
        raise broken[name]
    if name not in found:
        raise UsageError(f"no operation {name!r}; there are {', '.join(sorted({*found, *broken})) or 'none'}")
    return found[name]


def submitted(name: str) -> "Operation | NativeOperation":
    """Give what a job may run: an operation of this checkout, or one of S3's own; fails as ``operation``."""
    from brigade.jobs.s3_operations import find_operation

    return find_operation(name) or operation(name)


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
