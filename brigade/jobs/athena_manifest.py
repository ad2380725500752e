"""A manifest written by Athena: Athena counts and writes the rows, and S3 concatenates the files.

Sources: https://docs.aws.amazon.com/athena/latest/ug/unload.html (files without a header, any number of them, into a
folder that must be empty); https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html.
"""

# ruff: noqa: S608 - the pieces are names that this module knows, and a condition that the dialect has parsed
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brigade.errors import NothingSelected, UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.sql import athena, athena_table, dialect
from brigade.jobs.request import MANIFEST_ENCRYPTION
from brigade.jobs.row import (
    KEY_CHARACTERS,
    NULL_VERSION,
    SAMPLES,
    ManifestRow,
    SelectionSummary,
    display_key,
    outside_error,
)
from brigade.layout import QUERIES
from brigade.s3.concatenate import concatenate
from brigade.s3.conditions import Absent
from brigade.s3.listing import list_objects
from brigade.s3.objects import WriteResult

if TYPE_CHECKING:
    from types_boto3_athena import AthenaClient
    from types_boto3_glue import GlueClient

_PLAIN = re.compile(r"[A-Za-z0-9/._-]")
FOLDER = f"{QUERIES}/unload"
"""The prefix in the reports bucket that Athena writes to; the rule for query results clears it."""


@dataclass(frozen=True)
class AthenaTable:
    """The table of deliveries on Athena: clients of Athena and Glue, the workgroup, the database and the table."""

    client: "AthenaClient"
    glue: "GlueClient"
    workgroup: str
    database: str
    table: str

    def table_of_deliveries(self) -> athena_table.GlueTable:
        """Return the table as Glue describes it. Raises as `athena_table.find_table`."""
        return athena_table.find_table(self.glue, self.database, self.table)

    def ask(self, sql: str, deliveries: tuple[Delivery, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a query over `inventory`. Raises as `athena.build_statement` and `athena.query` do."""
        statement = athena.build_statement(self.glue, self.database, self.table, sql, deliveries)
        return list(athena.query(self.client, self.workgroup, self.database, statement).rows)

    def unload(self, sql: str, deliveries: tuple[Delivery, ...], uri: str) -> None:
        """Write the rows of a query over `inventory` as lines under `uri`: fields with commas between, not quoted."""
        statement = athena.build_statement(self.glue, self.database, self.table, sql, deliveries)
        options = "format = 'TEXTFILE', field_delimiter = ',', compression = 'NONE'"
        athena.execute(self.client, self.workgroup, self.database, f"UNLOAD ({statement}) TO '{uri}' WITH ({options})")


@dataclass(frozen=True)
class AthenaSelection:
    """A selection by Athena: `sql` returns `bucket`, `key_text`, `version_id` if `versions`, and `size`."""

    sql: str
    deliveries: tuple[Delivery, ...]
    versions: bool


def build_selection(delivery: Delivery, where: str | None = None, since: Delivery | None = None) -> AthenaSelection:
    """Return the selection of the objects of a delivery that match `where`.

    With `since`, select only objects that are new or changed since that delivery. An object is changed if its version
    or ETag differs. If a delivery lacks these columns, the last-modified times are compared. In an inventory of all
    versions, the selection pins the version that was current at the delivery's time.

    Raises:
        UsageError: `where` is not a condition, or `since` belongs to another bucket.
    """
    columns = delivery.manifest.columns
    versions = "version_id" in columns
    size = "size" if "size" in columns else "CAST(NULL AS bigint) AS size"
    version = f"CASE WHEN n.version_id <> '' THEN n.version_id ELSE '{NULL_VERSION}' END AS version_id, "
    told = [name for name in ("key", "version_id", "e_tag", "last_modified_date") if name in columns]
    fresh = _current(delivery, where, ["bucket", size, *told])
    sql = (
        f"SELECT n.bucket AS bucket, replace(url_encode(n.key), '%2F', '/') AS key_text, "
        f"{version if versions else ''}n.size AS size FROM ({fresh}) AS n"
    )
    if since is None:
        return AthenaSelection(sql, (delivery,), versions)
    if since.manifest.source_bucket != delivery.manifest.source_bucket:
        raise UsageError(
            f"{since.uri} and {delivery.uri} belong to different buckets; choose two deliveries of one bucket"
        )
    both = [name for name in told if name in since.manifest.columns and name != "key"]
    both = [name for name in both if name != "last_modified_date"] or both
    same = " AND ".join(["o.key = n.key", *(f"o.{name} IS NOT DISTINCT FROM n.{name}" for name in both)])
    sql += f" LEFT JOIN ({_current(since, None, ['key', *both])}) AS o ON {same} WHERE o.key IS NULL"
    return AthenaSelection(sql, (delivery, since), versions)


def count_selection(
    asked: AthenaTable, chosen: AthenaSelection, bucket: str, reads: tuple[str, ...] = ("*",)
) -> SelectionSummary:
    """Count a selection on Athena and return its summary, with the first keys.

    Args:
        bucket: The only bucket that an object may be in.
        reads: The patterns of keys that the operation may read.

    Raises:
        NothingSelected: No object is selected.
        UsageError: An object is in another bucket, no pattern of `reads` matches a key, or a key is longer than S3
            accepts in a manifest.
    """
    figures = "count(*), count(size), coalesce(sum(size), 0), min(bucket), max(bucket), max(length(key_text))"
    figures += f", min(CASE WHEN {_inside(reads)} THEN NULL ELSE key_text END)"
    ((objects, sized, size, first, last, longest, outside),) = asked.ask(
        f"SELECT {figures} FROM ({chosen.sql}) AS chosen", chosen.deliveries
    )
    if not objects:
        raise NothingSelected("nothing is selected, so no job is created")
    for other in (first, last):
        if other != bucket:
            raise UsageError(
                f"an object is in bucket {other!r}, but the job is for {bucket!r}: set --bucket, or leave it out"
            )
    if outside is not None:
        raise outside_error(display_key(outside), reads)
    if longest > KEY_CHARACTERS:
        raise UsageError(
            f"a key has {longest} characters when encoded; S3 accepts {KEY_CHARACTERS} in a manifest, so leave it out: "
            f"length(url_encode(key)) <= {KEY_CHARACTERS}"
        )
    keys = [display_key(row.key_text) for row in sample_selection(asked, chosen, SAMPLES)]
    return SelectionSummary(int(objects), int(size) if sized == objects else None, chosen.versions, keys)


def _inside(reads: tuple[str, ...]) -> str:
    """Return a condition that holds where a pattern may match the key, as `key_text` encodes it.

    Only characters that encode to themselves are compared; any other character counts as `*`. So no key that the
    operation may read is rejected here. A key that it may not read may pass; the task of that key then fails.
    """
    plain = ("".join(character if _PLAIN.fullmatch(character) else "%" for character in one) for one in reads)
    likes = (one.replace("_", "!_") for one in plain)
    return " OR ".join(f"key_text LIKE '{one}' ESCAPE '!'" for one in likes) or "FALSE"


def sample_selection(
    asked: AthenaTable, chosen: AthenaSelection, most: int, seed: int | None = None
) -> list[ManifestRow]:
    """Return at most `most` objects of a selection. With `seed` the choice is random, without it arbitrary.

    The same `seed` over the same selection returns the same objects.
    """
    order = "" if seed is None else f"ORDER BY md5(to_utf8(concat(key_text, '{seed:d}'))) "
    version = "version_id" if chosen.versions else "CAST(NULL AS varchar) AS version_id"
    sql = f"SELECT bucket, key_text, {version}, size FROM ({chosen.sql}) AS chosen {order}LIMIT {most:d}"
    return [ManifestRow(*fields) for fields in asked.ask(sql, chosen.deliveries)]


def unload_manifest(
    asked: AthenaTable, s3: Any, chosen: AthenaSelection, bucket: str, key: str, run: str
) -> WriteResult:
    """Write the manifest of a selection to `key` and return the version written.

    Athena writes files into a folder of this `run` alone, and S3 concatenates them. `concatenate` documents which bytes
    pass through this machine.

    Raises:
        ConditionLost: The key exists.
        NotFound: Athena wrote nothing.
    """
    folder = f"{FOLDER}/{run}/"
    columns = "bucket, key_text" + (", version_id" if chosen.versions else "")
    asked.unload(f"SELECT {columns} FROM ({chosen.sql}) AS chosen", chosen.deliveries, f"s3://{bucket}/{folder}")
    return concatenate(
        s3,
        bucket,
        list(list_objects(s3, bucket, folder)),
        key,
        condition=Absent(),
        content_type="text/csv",
        attributes=MANIFEST_ENCRYPTION,
    )


def _current(delivery: Delivery, where: str | None, columns: list[str]) -> str:
    """Return the query for columns of the objects that were current, without delete markers, at the delivery's time."""
    current = dialect.current_condition(delivery.manifest.columns, where)
    conditions = [f"dt = '{delivery.partition}'", *([current] if current else [])]
    return f"SELECT {', '.join(columns)} FROM inventory WHERE {' AND '.join(conditions)}"
