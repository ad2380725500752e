"""The option groups of `brigade jobs`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from brigade.cli.options import Yes

if TYPE_CHECKING:
    from brigade.jobs.selection import ObjectFilter

Name = Annotated[str, typer.Argument(metavar="OPERATION", help="Name of an operation: see `brigade jobs operations`.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job: see `brigade jobs list`.")]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "--argument",
        metavar="NAME=VALUE",
        show_default="of the operation",
        help="Argument of the operation. May be repeated.",
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        "--seconds",
        min=0,
        metavar="SECONDS",
        show_default="assumed by the kind of operation",
        help="Lambda time of one object, as `estimate --sample` measures it.",
    ),
]
PriceList = Annotated[
    str | None,
    typer.Option(
        "--prices", metavar="FILE", show_default="the shipped one", help="Price list, in the format of the shipped one."
    ),
]


@dataclass(frozen=True)
class SelectionOptions:
    """One way to select the objects of a job."""

    inventory: Annotated[
        str | None,
        typer.Option(metavar="latest|URI", show_default="none", help="All objects of a delivery of S3 Inventory."),
    ] = None
    where: Annotated[
        str | None,
        typer.Option(
            metavar="SQL",
            show_default="none",
            help="Objects of the newest delivery, or of --inventory, that match: size > 1000000.",
        ),
    ] = None
    engine: Annotated[
        Literal["duckdb", "athena"] | None,
        typer.Option(show_default="duckdb", help="Run --inventory and --where on this machine (duckdb) or on Athena."),
    ] = None
    manifest: Annotated[
        str | None, typer.Option(metavar="s3://BUCKET/KEY", show_default="none", help="Objects of a CSV manifest.")
    ] = None
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-", show_default="none", help="Objects of a file, or of stdin: KEY or BUCKET<TAB>KEY a line."
        ),
    ] = None
    bucket: Annotated[
        str | None,
        typer.Option(
            metavar="BUCKET",
            show_default="the lake",
            help="Bucket to select from: the lake or one of `buckets` in cdk.json.",
        ),
    ] = None

    @property
    def used(self) -> list[str]:
        """The options in use that exclude `FilterOptions`."""
        options = ("inventory", "where", "engine", "manifest", "keys")
        return [f"--{name}" for name in options if getattr(self, name) is not None]


@dataclass(frozen=True)
class FilterOptions:
    """Filters with which S3 lists the objects. An object must match all of them."""

    prefix: Annotated[
        str | None,
        typer.Option(metavar="TEXT", show_default="any", help="Only keys with this prefix. S3 lists the objects."),
    ] = None
    suffix: Annotated[
        str | None,
        typer.Option(metavar="TEXT", show_default="any", help="Only keys with this suffix. S3 lists the objects."),
    ] = None
    larger_than: Annotated[
        int | None,
        typer.Option(metavar="BYTES", min=0, show_default="any", help="Only larger objects. S3 lists the objects."),
    ] = None
    smaller_than: Annotated[
        int | None,
        typer.Option(metavar="BYTES", min=0, show_default="any", help="Only smaller objects. S3 lists the objects."),
    ] = None
    created_after: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            show_default="any",
            help="Only objects created since this time, UTC: 2026-11-01. S3 lists the objects.",
        ),
    ] = None
    created_before: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            show_default="any",
            help="Only objects created before this time, UTC: 2026-11-01T12:30:00. S3 lists the objects.",
        ),
    ] = None
    storage_class: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS", show_default="any", help="Only objects of this storage class. May be repeated."),
    ] = None

    @property
    def filter(self) -> "ObjectFilter | None":
        """The filter for S3; None without an option."""
        from brigade.jobs.selection import ObjectFilter

        made = ObjectFilter(
            prefix=self.prefix,
            suffix=self.suffix,
            larger_than=self.larger_than,
            smaller_than=self.smaller_than,
            created_after=self.created_after and self.created_after.replace(tzinfo=UTC),
            created_before=self.created_before and self.created_before.replace(tzinfo=UTC),
            storage_classes=tuple(self.storage_class or ()),
        )
        return made if made != ObjectFilter() else None


@dataclass(frozen=True)
class RunOptions:
    """Options of pricing, confirming and watching a job."""

    priority: Annotated[
        int, typer.Option(min=0, max=2147483647, metavar="NUMBER", help="Job priority. Higher numbers run first.")
    ] = 10
    watch: Annotated[bool, typer.Option("--watch", help="Print the progress until the job ends.")] = False
    most_failures: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="TASKS",
            show_default="no limit",
            help="Cancel the job after more failed tasks than this. Needs --watch.",
        ),
    ] = None
    most_dollars: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="USD",
            show_default="no limit",
            help="Cancel the job when it has cost more than this. Needs --watch.",
        ),
    ] = None
    seconds: Seconds = None
    prices: PriceList = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the selection and the price, and submit nothing.")
    ] = False
    yes: Yes = False
