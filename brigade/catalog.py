"""The typed columns of inventory tables and the named questions, for the stacks and for the command."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from brigade.errors import NotFound, UsageError, did_you_mean

Kind = Literal["string", "bigint", "boolean", "timestamp"]

# The columns that are not text (S3 User Guide, "Amazon S3 Inventory list"). A column that is not in this table has the
# type that the delivery itself declares, and in CSV, which declares none, is text.
KINDS: Mapping[str, Kind] = {
    "is_latest": "boolean",
    "is_delete_marker": "boolean",
    "size": "bigint",
    "last_modified_date": "timestamp",
    "is_multipart_uploaded": "boolean",
    "object_lock_retain_until_date": "timestamp",
    "lifecycle_expiration_date": "timestamp",
    "intelligent_tiering_reference_date": "timestamp",
}

DOLLARS_PER_GB_MONTH: Mapping[str, float] = {
    "STANDARD": 0.023,
    "REDUCED_REDUNDANCY": 0.024,
    "INTELLIGENT_TIERING": 0.023,
    "STANDARD_IA": 0.0125,
    "ONEZONE_IA": 0.01,
    "GLACIER_IR": 0.004,
    "GLACIER": 0.0036,
    "DEEP_ARCHIVE": 0.00099,
}
"""us-east-1, first tier, 2026; of Intelligent-Tiering the dearest of its tiers (aws.amazon.com/s3/pricing)."""

CURRENT = {"is_latest": "is_latest", "is_delete_marker": "NOT is_delete_marker"}
"""The columns of an inventory of all versions, and the SQL that each adds to the condition of a current object."""
_NUMBER = re.compile(r"\d{1,9}")


def table(bucket: str | None = None) -> str:
    """Return the name of the Glue table over the inventory of a bucket; None is the lake."""
    return "inventory" + ("_" + re.sub(r"[^a-z0-9]", "_", bucket) if bucket else "")


def view(glue_table: str) -> str:
    """Return the name of the view over a Glue table. No table has that name: tables begin with `inventory`."""
    return f"typed_{glue_table}"


def typed(name: str, declared: str, *, encoded: bool) -> str:
    """Return the expression, in Athena's SQL, that turns a column of a Glue table into the column of `inventory`.

    Text becomes the type of `KINDS`, empty text is null, and a bigint for a time counts milliseconds.

    Args:
        declared: The type of the column in Glue.
        encoded: True if the table is CSV, where keys are encoded.
    """
    column, text = f'"{name}"', declared.startswith(("string", "varchar"))
    given = f"NULLIF({column}, '')" if text else column
    kind = KINDS.get(name, "string" if text else declared)
    if name in ("bucket", "key"):
        expression = f"url_decode({column})" if encoded and name == "key" else column
    elif kind == "timestamp" and text:
        expression = f"CAST(from_iso8601_timestamp({given}) AS timestamp)"
    elif kind == "timestamp" and declared == "bigint":
        expression = f"CAST(from_unixtime({column} / 1e3) AS timestamp)"
    elif text and kind in ("bigint", "boolean"):
        expression = f"CAST({given} AS {kind})"
    else:
        expression = given
    return f"{expression} AS {column}"


@dataclass(frozen=True)
class Question:
    """A question to an inventory: its name, its description, and the SQL over ``objects``, the current objects.

    ``reads`` are the columns that ``objects`` has. With ``versions`` it reads them of every version, and needs a
    delivery of all versions. ``arguments`` are whole numbers, each with the one that it is unless another is given.
    """

    name: str
    answers: str
    reads: tuple[str, ...]
    sql: str
    arguments: Mapping[str, int] = field(default_factory=dict)
    versions: bool = False

    def text(self, columns: Iterable[str], given: Mapping[str, str] | None = None) -> str:
        """Return the query over `inventory`, a table with `columns`, with each argument as `given` or its default.

        Raises:
            NotFound: The table lacks a column that the query reads.
            UsageError: An argument is unknown or not a whole number.
        """
        there = set(columns)
        needed = (*self.reads, *(CURRENT if self.versions else ()))
        lacking = [name for name in needed if name not in there]
        if lacking:
            raise NotFound(
                f"the question {self.name} reads {', '.join(lacking)}, which this inventory lacks; "
                "add the fields, or all versions, to its configuration"
            )
        values = {name: str(number) for name, number in self.arguments.items()} | dict(given or {})
        for name, value in values.items():
            if name not in self.arguments:
                raise UsageError(f"{self.name} takes {', '.join(self.arguments) or 'no arguments'}, not {name}")
            if not _NUMBER.fullmatch(value):
                raise UsageError(f"{name}={value}: it takes a whole number")
        is_whole = self.versions or not there.issuperset(CURRENT)
        current = "" if is_whole else f" WHERE {' AND '.join(CURRENT.values())}"
        select = f"SELECT {', '.join(dict.fromkeys(needed))} FROM inventory{current}"  # noqa: S608 - our own names
        sql = self.sql
        for name, value in values.items():
            sql = sql.replace(f"{{{name}}}", value)
        return f"WITH objects AS (\n  {select}\n)\n{sql}"


def _by(name: str, answers: str, reads: tuple[str, ...], label: str, group: str, **more: int) -> Question:
    columns = tuple(dict.fromkeys((*reads, "size")))
    sql = f"""SELECT {group} AS {label}, count(*) AS objects, sum(size) AS bytes
FROM objects GROUP BY 1 ORDER BY bytes DESC NULLS LAST, {label} NULLS LAST"""  # noqa: S608 - our own text
    return Question(name, answers, columns, sql, more)


_MONTHLY = "CASE storage_class " + " ".join(
    f"WHEN '{name}' THEN {price}e0" for name, price in DOLLARS_PER_GB_MONTH.items()
)
_DAYS = "date_diff('day', last_modified_date, date_parse(dt, '%Y-%m-%d-%H-%i'))"

QUESTIONS: tuple[Question, ...] = (
    _by(
        "by-storage-class",
        "How many objects and bytes each storage class holds",
        ("storage_class",),
        "storage_class",
        "storage_class",
    ),
    _by(
        "by-suffix",
        "How many objects and bytes there are of each kind of file, by what follows the last dot of the name",
        ("key",),
        "suffix",
        "coalesce(lower(regexp_extract(key, '\\.([^./]+)$', 1)), '')",
    ),
    _by(
        "by-prefix",
        "How many objects and bytes lie under each prefix, as many parts deep as asked",
        ("key",),
        "prefix",
        "coalesce(regexp_extract(key, '^([^/]*/){1,{depth}}'), '')",
        depth=1,
    ),
    _by(
        "by-age",
        "How many objects and bytes were written how long before the delivery",
        ("last_modified_date", "dt"),
        "age",
        f"CASE WHEN {_DAYS} < 30 THEN '0-29 days' WHEN {_DAYS} < 90 THEN '30-89 days' "
        f"WHEN {_DAYS} < 365 THEN '90-364 days' WHEN {_DAYS} < 1095 THEN '1-2 years' ELSE '3 years or more' END",
    ),
    _by(
        "by-size",
        "How many objects and bytes there are in each band of sizes",
        ("size",),
        "band",
        "CASE WHEN size = 0 THEN '0' WHEN size < 1024 THEN '1 B-1 KiB' WHEN size < 131072 THEN '1-128 KiB' "
        "WHEN size < 1048576 THEN '128 KiB-1 MiB' WHEN size < 134217728 THEN '1-128 MiB' "
        "WHEN size < 1073741824 THEN '128 MiB-1 GiB' ELSE '1 GiB or more' END",
    ),
    _by(
        "by-owner",
        "How many objects and bytes each account owns, by its canonical id",
        ("object_owner",),
        "owner",
        "object_owner",
    ),
    _by(
        "by-encryption",
        "How many objects and bytes are encrypted how at rest",
        ("encryption_status",),
        "encryption",
        "encryption_status",
    ),
    Question(
        "largest",
        "The largest objects",
        ("key", "size", "storage_class", "last_modified_date"),
        """SELECT key, size, storage_class, last_modified_date
FROM objects ORDER BY size DESC, key LIMIT {count}""",
        {"count": 100},
    ),
    Question(
        "oldest",
        "The objects that were written the longest ago",
        ("key", "size", "storage_class", "last_modified_date"),
        """SELECT key, size, storage_class, last_modified_date
FROM objects ORDER BY last_modified_date, key LIMIT {count}""",
        {"count": 100},
    ),
    Question(
        "duplicates",
        "The contents that are stored more than once, and what a single copy would save",
        ("key", "e_tag", "size"),
        """SELECT e_tag, size, count(*) AS copies, (count(*) - 1) * size AS spare_bytes, min(key) AS first_key
FROM objects WHERE size > 0 GROUP BY e_tag, size HAVING count(*) > 1 ORDER BY spare_bytes DESC, e_tag""",
    ),
    Question(
        "replication-incomplete",
        "The objects whose replica is pending or has failed",
        ("key", "size", "replication_status", "last_modified_date"),
        """SELECT key, size, replication_status, last_modified_date
FROM objects WHERE replication_status IN ('PENDING', 'FAILED') ORDER BY last_modified_date, key""",
    ),
    Question(
        "unencrypted",
        "The objects that no encryption protects at rest",
        ("key", "size", "encryption_status", "last_modified_date"),
        "SELECT key, size, last_modified_date\nFROM objects WHERE encryption_status = 'NOT-SSE' ORDER BY key",
    ),
    Question(
        "delete-markers",
        "How many delete markers there are under each first part of the key, and how many hide nothing any more",
        ("key",),
        """SELECT coalesce(regexp_extract(key, '^[^/]*/'), '') AS prefix, sum(markers) AS markers,
       sum(CASE WHEN markers = versions THEN markers ELSE 0 END) AS hiding_nothing
FROM (
  SELECT key, count(*) AS versions, sum(CASE WHEN is_delete_marker THEN 1 ELSE 0 END) AS markers
  FROM objects GROUP BY key
) AS of_key
WHERE markers > 0 GROUP BY 1 ORDER BY markers DESC, prefix""",
        versions=True,
    ),
    Question(
        "old-versions",
        "How many versions are not the newest, their bytes, and about what they cost a month, by storage class",
        ("storage_class", "size"),
        f"""SELECT storage_class, count(*) AS versions, sum(size) AS bytes,
       round(sum(CAST(size AS double) * {_MONTHLY} ELSE 0.023e0 END) / 1073741824e0, 2) AS dollars_a_month
FROM objects WHERE NOT is_latest AND NOT is_delete_marker GROUP BY 1 ORDER BY bytes DESC, storage_class""",  # noqa: S608
        versions=True,
    ),
)


def question(name: str) -> Question:
    """Return the question of this name.

    Raises:
        UsageError: There is no question of this name.
    """
    for each in QUESTIONS:
        if each.name == name:
            return each
    raise UsageError(f"there is no question {name!r}; {did_you_mean(name, [each.name for each in QUESTIONS])}")
