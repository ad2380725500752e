"""The selection and the operation of a job, from the options of the command."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brigade.cli.inventory.delivery import inventory_location, table_name
from brigade.cli.jobs.options import SelectionOptions
from brigade.cli.session import Session
from brigade.errors import NotFound, SettingsError, UsageError, did_you_mean

if TYPE_CHECKING:
    from brigade.inventory import Delivery
    from brigade.jobs.athena_manifest import AthenaSelection, AthenaTable
    from brigade.jobs.manifest import Selected
    from brigade.jobs.row import ManifestRow, SelectionSummary
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.operation import Operation


@dataclass(frozen=True)
class Selection:
    """The objects of a job: rows that this process reads, or a query for Athena."""

    what: str
    """The selection in words, for a person."""
    bucket: str
    """The bucket of all objects."""
    rows: "Selected" = ()
    chosen: "AthenaSelection | None" = None
    whole: "Delivery | None" = None
    """The delivery, if the selection is all of it."""


def read_selection(session: Session, files: ExitStack, options: SelectionOptions) -> Selection:
    """Return the selection of the options.

    Args:
        files: Closes the files that the selection opens.

    Raises:
        UsageError: The options name no selection, or more than one.
    """
    by_inventory = bool(options.inventory or options.where)
    kinds = [by_inventory, options.manifest is not None, options.keys is not None]
    if sum(kinds) != 1:
        raise UsageError("select the objects in one way: --inventory and/or --where, or --manifest, or --keys")
    if by_inventory:
        return _of_inventory(session, options)
    if options.engine:
        raise UsageError(f"--engine {options.engine} is only for --inventory and --where: leave it out")
    if options.manifest:
        return _of_manifest(session, options.manifest, selected_bucket(session, options))
    return _of_keys(session, files, options)


def check_bucket(session: Session, options: SelectionOptions) -> None:
    """Check that the bucket of `--bucket` exists. A bucket that the caller may not list passes.

    Raises:
        NotFound: It does not exist.
    """
    from botocore.exceptions import ClientError

    if options.bucket is None:
        return
    try:
        session.client("s3").head_bucket(Bucket=options.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
            raise NotFound(f"--bucket {options.bucket}: there is no such bucket") from error


def readable_patterns(session: Session, declared: "Operation | NativeOperation", bucket: str) -> tuple[str, ...]:
    """Return the patterns of keys that a job of this operation may read in `bucket`.

    For a bucket other than the lake the deployed settings decide, which this machine may not have: any key.
    """
    return tuple(getattr(declared, "reads", ("*",))) if bucket == session.deployment["LakeBucket"] else ("*",)


def granted_patterns(session: Session, operation: str, bucket: str) -> tuple[str, ...] | None:
    """Return the patterns of keys that cdk.json grants to the operation in a bucket other than the lake.

    Returns:
        None if the cdk.json of the current directory does not name the bucket: then the operation declares them.
    """
    import json

    from brigade.settings import load

    file = Path("cdk.json")
    context = json.loads(file.read_bytes()).get("context", {}) if file.is_file() else {}
    if session.stage not in context.get("stages", {}):
        return None
    named = {each.name: each for each in load(context, stage=session.stage).buckets}
    return tuple(named[bucket].operations.get(operation, ())) if bucket in named else None


def selected_bucket(session: Session, options: SelectionOptions) -> str:
    """Return the bucket of the options, by default the lake."""
    return options.bucket or session.deployment["LakeBucket"]


def count_selection(
    session: Session, chosen: Selection, reads: tuple[str, ...], sample: int, seed: int
) -> "tuple[SelectionSummary, list[ManifestRow]]":
    """Count a selection and choose `sample` objects of it at random, the same ones for the same `seed`.

    Raises the errors of writing the manifest, also for a key that no pattern of `reads` matches.
    """
    if chosen.chosen:
        from brigade.jobs.athena_manifest import count_selection, sample_selection

        asked = athena_of_stage(session, chosen.bucket)
        summary = count_selection(asked, chosen.chosen, chosen.bucket, reads)
        return summary, sample_selection(asked, chosen.chosen, sample, seed) if sample else []
    from brigade.jobs.manifest import write_manifest
    from brigade.jobs.sample import RandomRows

    choice = RandomRows(sample, seed)
    return write_manifest(choice.over(chosen.rows), chosen.bucket, len, reads), choice.rows


def athena_of_stage(session: Session, bucket: str) -> "AthenaTable":
    """Return the Athena of the stage, over the inventory of `bucket`."""
    from brigade.jobs.athena_manifest import AthenaTable

    deployed = session.deployment
    return AthenaTable(
        session.client("athena"),
        session.client("glue"),
        deployed["Workgroup"],
        deployed["Database"],
        table_name(session, bucket),
    )


def _of_inventory(session: Session, options: SelectionOptions) -> Selection:
    from brigade import inventory as inventories
    from brigade.jobs import selection

    s3, bucket = session.client("s3"), selected_bucket(session, options)
    if options.inventory in (None, "latest"):
        delivery = inventories.open_latest_delivery(s3, *inventory_location(session, bucket))
    else:
        delivery = inventories.open_delivery(s3, str(options.inventory))
    where = options.where
    what = f"inventory of {delivery.taken:%Y-%m-%d %H:%M}Z" + (f" where {where}" if where else "")
    whole = None if where else delivery
    if options.engine == "athena":
        from brigade.jobs.athena_manifest import build_selection

        if delivery.manifest.source_bucket != bucket:
            raise UsageError(f"{delivery.uri} is a delivery of another bucket than {bucket}: set --bucket")
        return Selection(what, bucket, chosen=build_selection(delivery, where), whole=whole)
    return Selection(what, bucket, rows=selection.select_delivery(delivery, where), whole=whole)


def _of_manifest(session: Session, manifest: str, bucket: str) -> Selection:
    from brigade.jobs import manifest as manifests
    from brigade.s3 import Location
    from brigade.s3.read import stream_object

    if manifest.endswith("manifest.json"):
        raise UsageError(f"{manifest} is a delivery of S3 Inventory: pass it as --inventory")
    place = Location.parse(manifest)
    if not place.key:
        raise UsageError(f"{manifest} is a bucket; --manifest needs one CSV object")
    pieces = stream_object(session.client("s3"), place.bucket, place.key)
    return Selection(f"manifest {manifest}", bucket, rows=manifests.read_manifest(pieces, manifest))


def _of_keys(session: Session, files: ExitStack, options: SelectionOptions) -> Selection:
    from brigade.jobs import selection

    lines, name = _lines(str(options.keys), files)
    bucket = selected_bucket(session, options)
    return Selection(f"keys of {name}", bucket, rows=selection.select_keys(lines, bucket, name))


def _lines(keys: str, files: ExitStack) -> tuple[Iterable[bytes], str]:
    if keys == "-":
        return sys.stdin.buffer, "stdin"
    try:
        return files.enter_context(Path(keys).open("rb")), keys
    except OSError as error:
        raise UsageError(f"--keys {keys}: {error.strerror}") from None


def find_operations() -> "tuple[Mapping[str, Operation], Mapping[str, SettingsError]]":
    """Return the operations of this clone by name, and the errors of those whose declaration is wrong."""
    from brigade.declarations import find_all
    from brigade.operations.operation import Operation

    return find_all("lambdas.batch_operations.operations", "OPERATION", Operation)


def find_operation(name: str, others: Iterable[str] = ()) -> "Operation":
    """Return one operation, even if the declaration of another one is wrong.

    Args:
        others: Names that the caller knows besides, for the suggestion.

    Raises:
        UsageError: There is no operation of this name, or its declaration is wrong.
    """
    found, broken = find_operations()
    if name in broken:
        raise broken[name]
    if name not in found:
        raise UsageError(f"no operation {name!r}; {did_you_mean(name, sorted({*found, *broken, *others}))}")
    return found[name]


def find_job_operation(name: str) -> "Operation | NativeOperation":
    """Return an operation of this clone or of S3 itself.

    Raises:
        UsageError: As `find_operation`.
    """
    from brigade.jobs import s3_operations

    return s3_operations.find_operation(name) or find_operation(name, s3_operations.NATIVE_OPERATIONS)
