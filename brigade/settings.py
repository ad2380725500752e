"""The settings of one stage: typed, frozen, read from the context of ``cdk.json``, checked before anything is made."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

import msgspec
import msgspec.inspect
from msgspec import Meta, Struct

from brigade.catalog import table
from brigade.errors import SettingsError, did_you_mean
from brigade.urls import BASE_URL, is_base_url

Target = Literal["aws", "local"]
OwnOperation = Literal["copy", "tag", "untag", "acl", "restore", "hold", "retain", "checksum"]
"""An operation of S3's own that jobs may run, without its ``s3:``."""

_Days = Annotated[int, Meta(ge=1, le=3650)]
_LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")]
# A trailing slash would make S3 write ``prefix//bucket/…`` while manifests name ``prefix/bucket/…``.
_Prefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\Z", max_length=200)]
_Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}-\d{2}-00\Z")]
_TAKEN_PREFIXES = ("jobs", "manifests", "queries")


class Inventory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """S3 Inventory of the lake: its format, its frequency, and the first hour that the table has."""

    id: _Id = "lake"
    prefix: _Prefix = "inventory"
    format: Literal["CSV", "ORC", "Parquet"] = "CSV"
    frequency: Literal["Daily", "Weekly"] = "Daily"
    versions: Literal["All", "Current"] = "Current"
    since: _Instant = "2026-11-01-00-00"
    """The hour of the first deployment: every hour from it on is a partition that a query without ``dt`` lists."""

    def __post_init__(self) -> None:
        try:
            datetime.strptime(self.since, "%Y-%m-%d-%H-%M")
        except ValueError:
            raise ValueError(f"since is {self.since!r}; it takes an hour that there is, as 2026-11-22-13-00") from None
        if self.prefix.partition("/")[0] in _TAKEN_PREFIXES:
            raise ValueError(f"prefix is {self.prefix!r}; {', '.join(_TAKEN_PREFIXES)} hold other things")


class ExistingBucket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bucket of the same account and region that the stacks did not make: it gets an inventory beside its own."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")]
    operations: Mapping[str, tuple[Annotated[str, Meta(min_length=1, max_length=1000)], ...]] = {}
    """Which operations may do to which of its keys (patterns such as ``photographs/*``) what they declare that they do
    in the lake, by the operation's name: one that only reads there reads here, one that deletes deletes."""
    key: Annotated[str, Meta(pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+\Z")] | None = None
    """The ARN of the KMS key that encrypts its objects, where that is one of the account: those operations use it."""


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The days that each kind of data is kept."""

    deliveries: _Days = 30
    job_reports: _Days = 365
    query_results: _Days = 7
    old_versions: _Days = 30
    unfinished_uploads: _Days = 7
    logs: _LogDays = 30


class Alarms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the alarms, and their recipients."""

    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\Z")] | None = None
    memory_percent: Annotated[int, Meta(ge=1, le=100)] = 80
    record_bytes: Annotated[int, Meta(ge=1)] = 65536
    """The mean width of a record, in bytes of JSON, above which the alarm for a jump goes off."""


class Database(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PostgreSQL on RDS with PostgREST before it, in a network of their own."""

    instance: Annotated[str, Meta(pattern=r"^[a-z0-9-]+\.[a-z0-9]+\Z")] = "t4g.micro"
    """The class of RDS without ``db.``; PostgREST runs on a quarter of a processor beside it."""
    storage_gib: Annotated[int, Meta(ge=20, le=65536)] = 20
    rotate_days: Annotated[int, Meta(ge=1, le=1000)] = 30
    schemas: tuple[Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_]*\Z")], ...] = ("api",)
    """The schemas that PostgREST serves, the first by default."""
    anonymous_role: Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_]*\Z")] = "anonymous"
    """The role as which PostgREST answers a request without a token."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that differs from stage to stage. Constructs take values of it; nothing below ``app.py`` reads context."""

    stage: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,15}\Z")]
    target: Target = "aws"
    account: Annotated[str, Meta(pattern=r"^\d{12}\Z")] | None = None
    region: Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-\d\Z")] | None = None
    removal: Literal["retain", "destroy"] = "retain"
    encryption: Literal["s3", "kms"] = "s3"
    query_scan_limit_gib: Annotated[int, Meta(ge=1, le=100_000)] = 100
    inventory: Inventory = Inventory()
    buckets: tuple[ExistingBucket, ...] = ()
    """Buckets that exist already, whose inventory is delivered and queried beside the lake's."""
    queues: tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,75}(\.fifo)?\Z")], ...] = ()
    """Queues of the same account and region that ``inventory to-queue`` may send keys to, by their names."""
    metadata_tables: bool = False
    """S3 Metadata of the lake: a journal of changes and a live inventory as Iceberg tables, beside S3 Inventory.

    It costs $0.30 a million changes, $0.30 a million objects once, $0.10 a million objects a month over a billion, and
    the tables' storage (aws.amazon.com/s3/pricing, us-east-1). Turned off again, the tables stay until deleted.
    """
    own_operations: tuple[OwnOperation, ...] = ()
    """Which operations of S3's own (``brigade jobs submit s3:tag`` …) the jobs' role may do on all of the lake."""
    retention: Retention = Retention()
    alarms: Alarms = Alarms()
    database: Database | None = None
    """A database of the stage's own; none unless set, for it costs by the hour. It needs ``region``."""
    source_urls: Mapping[str, str] = {}
    """The base URL of a source in this stage, by its name, where it is not the one declared; without a password."""

    def __post_init__(self) -> None:
        tables = [table(bucket.name) for bucket in self.buckets]
        twice = sorted({name for name in tables if tables.count(name) > 1})
        if twice:
            raise ValueError(f"buckets names two whose tables would both be {twice[0]}; leave one out")
        if self.database and self.target == "aws" and not self.region:
            raise ValueError("database needs region: its certificates identify the database (docs/database.md)")
        for name, url in self.source_urls.items():
            if not is_base_url(url):
                raise ValueError(f"source_urls.{name} takes {BASE_URL}")


def load(context: Mapping[str, Any], *, stage: str = "dev", target: str = "aws") -> Settings:
    """Return the complete and valid settings of a stage.

    Args:
        context: The `context` object of cdk.json. Its `stages` has an object for each stage.
        stage: The value of `-c stage=`.
        target: The value of `-c target=`.

    Raises:
        SettingsError: A setting is wrong. The message names the key and its valid values.
    """
    stages = context.get("stages")
    if not isinstance(stages, Mapping):
        raise SettingsError("cdk.json: context.stages must be an object with one object of settings for each stage")
    if stage not in stages:
        raise SettingsError(
            f"cdk.json: no stage {stage!r} in context.stages; it has {', '.join(sorted(stages)) or 'none'}"
        )
    if target not in get_args(Target):
        raise SettingsError(f"target={target}: the target is one of {', '.join(get_args(Target))}")
    given = stages[stage]
    if not isinstance(given, Mapping):
        raise SettingsError(f"cdk.json: context.stages.{stage} must be an object")
    for name in ("stage", "target"):
        if name in given:
            raise SettingsError(f"cdk.json: context.stages.{stage}.{name}: not set here, but by -c {name}=")
    try:
        return msgspec.convert({**given, "stage": stage, "target": target}, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"cdk.json: context.stages.{stage}{_place(str(error))}") from None


def _place(message: str) -> str:
    """Turn msgspec's ``Expected `int` - at `$.retention.logs` `` into ``.retention.logs: expected `int` ``."""
    what, _, where = message.partition(" - at `$")
    path = where.rstrip("`")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    if unknown:
        return f"{path}.{unknown[1]}: unknown key; {did_you_mean(unknown[1], _choices(path))}"
    if what.startswith("Invalid enum value"):
        return f"{path}: {what[:1].lower()}{what[1:]}; it takes {', '.join(_choices(path))}"
    return f"{path}: {what[:1].lower()}{what[1:]}"


def _choices(path: str) -> list[str]:
    """The keys of the object at ``path`` (``.retention``), or the values that the key there takes."""
    kind: Any = msgspec.inspect.type_info(Settings)
    for name in path.split(".")[1:]:
        member, _, item = name.partition("[")  # for a list, msgspec adds the index of the item
        kind = next(field.type for field in kind.fields if field.name == member)
        kind = kind.item_type if item else kind
    if isinstance(kind, msgspec.inspect.LiteralType):
        return [str(value) for value in kind.values]
    return [field.name for field in kind.fields if field.name not in ("stage", "target")]
