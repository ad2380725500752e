"""A manifest made by Athena: it counts, it writes the rows, and S3 puts its files together.

Sources: https://docs.aws.amazon.com/athena/latest/ug/unload.html (files without a header, any number of them, into a
folder that must be empty); https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html.
"""

# ruff: noqa: S608 - the pieces are names that this module knows, and a condition that the dialect has parsed
import re
from dataclasses import dataclass
from typing import Any

from brigade.errors import NothingSelected, UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.sql import athena, athena_table, dialect
from brigade.jobs.request import AS_S3_READS_IT
from brigade.jobs.row import KEY_CHARACTERS, NULL_VERSION, SAMPLES, Row, Summary, outside_error, shown
from brigade.layout import QUERIES
from brigade.s3.concatenate import concatenate
from brigade.s3.condition import Absent
from brigade.s3.list import listed
from brigade.s3.settle import Written

_PLAIN = re.compile(r"[A-Za-z0-9/._-]")
FOLDER = f"{QUERIES}/unload"
"""Where in the reports bucket Athena writes; the rule for query results clears it."""


@dataclass(frozen=True)
class Athena:
    """Who is asked, and where: clients of Athena and Glue, the workgroup, and the table that holds the deliveries."""

    client: athena.Athena
    glue: athena.Glue
    workgroup: str
    database: str
    table: str

    def table_of_deliveries(self) -> athena_table.Table:
        """Return the table as Glue describes it; fails as ``athena_table.find`` does."""
        return athena_table.find(self.glue, self.database, self.table)

    def ask(self, sql: str, deliveries: tuple[Delivery, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a query over ``inventory``; fails as ``athena.statement`` and ``athena.query`` do."""
        statement = athena.statement(self.glue, self.database, self.table, sql, deliveries)
        return list(athena.query(self.client, self.workgroup, self.database, statement).rows)

    def unload(self, sql: str, deliveries: tuple[Delivery, ...], uri: str) -> None:
        """Write the rows of a query over ``inventory`` as lines under ``uri``, fields parted by commas, none quoted."""
        statement = athena.statement(self.glue, self.database, self.table, sql, deliveries)
        options = "format = 'TEXTFILE', field_delimiter = ',', compression = 'NONE'"
        athena.execute(self.client, self.workgroup, self.database, f"UNLOAD ({statement}) TO '{uri}' WITH ({options})")


@dataclass(frozen=True)
class Chosen:
    """A selection that Athena makes: ``sql`` gives ``bucket``, ``key_text``, perhaps ``version_id``, and ``size``."""

    sql: str
    deliveries: tuple[Delivery, ...]
    versions: bool


def choose(delivery: Delivery, where: str | None = None, since: Delivery | None = None) -> Chosen:
    """Choose the objects of a delivery that match ``where``; with ``since``, those new or changed since that one.

    Of an inventory of all versions, the version that was current then, pinned. Changed is an object with another
    version or ETag, as far as both deliveries have these columns; if they have neither, one written at another time.

    Fails with UsageError when ``where`` is no condition, or ``since`` is of another bucket.
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
        return Chosen(sql, (delivery,), versions)
    if since.manifest.source_bucket != delivery.manifest.source_bucket:
        raise UsageError(f"{since.uri} is of another bucket than {delivery.uri}")
    both = [name for name in told if name in since.manifest.columns and name != "key"]
    both = [name for name in both if name != "last_modified_date"] or both
    same = " AND ".join(["o.key = n.key", *(f"o.{name} IS NOT DISTINCT FROM n.{name}" for name in both)])
    sql += f" LEFT JOIN ({_current(since, None, ['key', *both])}) AS o ON {same} WHERE o.key IS NULL"
    return Chosen(sql, (delivery, since), versions)


def count(asked: Athena, chosen: Chosen, bucket: str, reads: tuple[str, ...] = ("*",)) -> Summary:
    """Count a selection on Athena, with the first keys that it gives.

    Fails with UsageError, as ``manifest.write`` does, when nothing is selected, when an object is of another bucket
    than ``bucket``, when no pattern of ``reads`` matches a key, and when a key is longer than S3 takes.
    """
    figures = "count(*), count(size), coalesce(sum(size), 0), min(bucket), max(bucket), max(length(key_text))"
    figures += f", min(CASE WHEN {_inside(reads)} THEN NULL ELSE key_text END)"
    ((objects, sized, size, first, last, longest, outside),) = asked.ask(
        f"SELECT {figures} FROM ({chosen.sql}) AS chosen", chosen.deliveries
    )
    if not objects:
        raise NothingSelected("nothing is selected, so there is no job to make")
    for other in (first, last):
        if other != bucket:
            raise UsageError(f"an object is in bucket {other!r} and the job is over {bucket!r}; see --bucket")
    if outside is not None:
        raise outside_error(shown(outside), reads)
    if longest > KEY_CHARACTERS:
        raise UsageError(
            f"a key has {longest} characters when encoded; S3 takes {KEY_CHARACTERS} in a manifest, so leave it out: "
            f"length(url_encode(key)) <= {KEY_CHARACTERS}"
        )
    keys = [shown(row.key_text) for row in some(asked, chosen, SAMPLES)]
    return Summary(int(objects), int(size) if sized == objects else None, chosen.versions, keys)


def _inside(reads: tuple[str, ...]) -> str:
    """Return a condition that holds where a pattern may match the key, as `key_text` encodes it.

    Only characters that encode to themselves are compared; any other counts as `*`. So a key that is read is never
    refused here; one that is not may pass, and its task then fails.
    """
    plain = ("".join(character if _PLAIN.fullmatch(character) else "%" for character in one) for one in reads)
    likes = (one.replace("_", "!_") for one in plain)
    return " OR ".join(f"key_text LIKE '{one}' ESCAPE '!'" for one in likes) or "FALSE"


def some(asked: Athena, chosen: Chosen, most: int, seed: int | None = None) -> list[Row]:
    """Return at most ``most`` objects of a selection: any of them, or with ``seed`` a random choice.

    The same ``seed`` over the same selection gives the same objects.
    """
    order = "" if seed is None else f"ORDER BY md5(to_utf8(concat(key_text, '{seed:d}'))) "
    version = "version_id" if chosen.versions else "CAST(NULL AS varchar) AS version_id"
    sql = f"SELECT bucket, key_text, {version}, size FROM ({chosen.sql}) AS chosen {order}LIMIT {most:d}"
    return [Row(*fields) for fields in asked.ask(sql, chosen.deliveries)]


def unload(asked: Athena, s3: Any, chosen: Chosen, bucket: str, key: str, run: str) -> Written:
    """Write the manifest of a selection to ``key``, which must not be there, and give the version that is there.

    Athena writes files into a folder that is ``run``'s alone, and S3 makes one object of them: see ``concatenate`` for
    what of them passes through here. Fails with ConditionLost when the key is taken, NotFound when Athena wrote
    nothing.
    """
    folder = f"{FOLDER}/{run}/"
    columns = "bucket, key_text" + (", version_id" if chosen.versions else "")
    asked.unload(f"SELECT {columns} FROM ({chosen.sql}) AS chosen", chosen.deliveries, f"s3://{bucket}/{folder}")
    return concatenate(
        s3,
        bucket,
        list(listed(s3, bucket, folder)),
        key,
        condition=Absent(),
        content_type="text/csv",
        attributes=AS_S3_READS_IT,
    )


def _current(delivery: Delivery, where: str | None, columns: list[str]) -> str:
    """Return the query for columns of the objects that were current, without delete markers, at the delivery's time."""
    current = dialect.current(delivery.manifest.columns, where)
    conditions = [f"dt = '{delivery.partition}'", *([current] if current else [])]
    return f"SELECT {', '.join(columns)} FROM inventory WHERE {' AND '.join(conditions)}"
