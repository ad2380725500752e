"""The options that the commands of ``brigade jobs`` share."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from brigade.jobs.selection import ObjectFilter

Name = Annotated[str, typer.Argument(metavar="OPERATION", help="An operation: see `brigade jobs operations`.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
Arguments = Annotated[
    list[str] | None, typer.Option("--argument", metavar="K=V", help="An argument of the operation; may be repeated.")
]
Priority = Annotated[int, typer.Option(min=0, max=2147483647, help="A job of a higher one goes first.")]
Seconds = Annotated[
    float | None,
    typer.Option(
        "--seconds", min=0, metavar="S", help="Lambda seconds of one object, as `estimate --sample` measures."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
PriceList = Annotated[
    str | None, typer.Option("--prices", metavar="FILE", help="A price list of yours, in the form of the shipped one.")
]


@dataclass(frozen=True)
class Selecting:
    """What to run over, in one way."""

    inventory: Annotated[
        str | None, typer.Option(metavar="latest|URI", help="All objects of a delivery of S3 Inventory.")
    ] = None
    where: Annotated[str | None, typer.Option(metavar="SQL", help="Those that match, of the newest delivery.")] = None
    engine: Annotated[
        Literal["duckdb", "athena"] | None,
        typer.Option(help="Where --inventory and --where run: on this machine (duckdb, the default), or on Athena."),
    ] = None
    manifest: Annotated[str | None, typer.Option(metavar="s3://…", help="Those of a CSV manifest.")] = None
    keys: Annotated[str | None, typer.Option(metavar="FILE|-", help="A key, or bucket<TAB>key, a line.")] = None
    bucket: Annotated[
        str | None, typer.Option(help="Bucket to select from: the lake (default) or one of `buckets` in cdk.json.")
    ] = None

    @property
    def given(self) -> list[str]:
        """Return the options that do not go with a selection that S3 makes itself."""
        options = ("inventory", "where", "engine", "manifest", "keys")
        return [f"--{name}" for name in options if getattr(self, name) is not None]


@dataclass(frozen=True)
class Listing:
    """What S3 itself lists: all that is given must hold."""

    prefix: Annotated[str | None, typer.Option(help="S3 itself lists: keys that start so.")] = None
    suffix: Annotated[str | None, typer.Option(help="S3 itself lists: keys that end so.")] = None
    larger_than: Annotated[int | None, typer.Option(metavar="BYTES", min=0, help="S3 itself lists.")] = None
    smaller_than: Annotated[int | None, typer.Option(metavar="BYTES", min=0, help="S3 itself lists.")] = None
    created_after: Annotated[datetime | None, typer.Option(help="S3 itself lists: since then, in UTC.")] = None
    created_before: Annotated[datetime | None, typer.Option(help="S3 itself lists: before then, in UTC.")] = None
    storage_class: Annotated[
        list[str] | None, typer.Option(metavar="CLASS", help="S3 itself lists; may be repeated.")
    ] = None

    @property
    def filter(self) -> "ObjectFilter | None":
        """What S3 is asked for; None if nothing was chosen so."""
        from brigade.jobs.selection import ObjectFilter

        asked = ObjectFilter(
            prefix=self.prefix,
            suffix=self.suffix,
            larger_than=self.larger_than,
            smaller_than=self.smaller_than,
            created_after=self.created_after and self.created_after.replace(tzinfo=UTC),
            created_before=self.created_before and self.created_before.replace(tzinfo=UTC),
            storage_classes=tuple(self.storage_class or ()),
        )
        return asked if asked != ObjectFilter() else None


@dataclass(frozen=True)
class Going:
    """How a job is made, and what is done until it ends."""

    priority: Priority = 10
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False
    most_failures: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Cancel it past so many failed tasks; needs --watch.")
    ] = None
    most_dollars: Annotated[
        float | None, typer.Option(min=0, metavar="D", help="Cancel it past such a price so far; needs --watch.")
    ] = None
    seconds: Seconds = None
    prices: PriceList = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the selection and the price, submit nothing.")] = (
        False
    )
    yes: Yes = False
