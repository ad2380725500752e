"""The questions that people ask of an inventory, saved in the workgroup as named queries."""

from collections.abc import Iterator
from typing import NamedTuple

from brigade.settings import Inventory
from stacks.parts.table import NAME


class Question(NamedTuple):
    """A named query: what it is called, what it answers, its SQL for Athena."""

    name: str
    answers: str
    sql: str


# Each reads ``objects``, which _objects defines alike for every format, so that none of them knows the format.
_QUESTIONS = (
    Question(
        "by-storage-class",
        "How many objects and bytes each storage class holds",
        """SELECT storage_class, count(*) AS objects, sum(size) AS bytes
FROM objects GROUP BY storage_class ORDER BY bytes DESC""",
    ),
    Question(
        "by-suffix",
        "How many objects and bytes there are of each kind of file, by what follows the last dot of the name",
        """SELECT coalesce(lower(regexp_extract(key, '\\.([^./]+)$', 1)), '') AS suffix,
       count(*) AS objects, sum(size) AS bytes
FROM objects GROUP BY 1 ORDER BY bytes DESC""",
    ),
    Question(
        "by-top-level-prefix",
        "How many objects and bytes lie under each first part of the key",
        """SELECT CASE WHEN strpos(key, '/') > 0 THEN substr(key, 1, strpos(key, '/')) ELSE '' END AS prefix,
       count(*) AS objects, sum(size) AS bytes
FROM objects GROUP BY 1 ORDER BY bytes DESC""",
    ),
    Question(
        "largest",
        "The hundred largest objects",
        """SELECT key, size, storage_class, last_modified
FROM objects ORDER BY size DESC, key LIMIT 100""",
    ),
    Question(
        "oldest",
        "The hundred objects that were written the longest ago",
        """SELECT key, size, storage_class, last_modified
FROM objects ORDER BY last_modified, key LIMIT 100""",
    ),
    Question(
        "replication-incomplete",
        "The objects whose replica is pending or has failed",
        """SELECT key, size, replication_status, last_modified
FROM objects WHERE replication_status IN ('PENDING', 'FAILED') ORDER BY last_modified, key""",
    ),
    Question(
        "duplicates",
        "The contents that are stored more than once, and what a single copy would save",
        """SELECT e_tag, size, count(*) AS copies, (count(*) - 1) * size AS spare_bytes, min(key) AS first_key
FROM objects WHERE size > 0 GROUP BY e_tag, size HAVING count(*) > 1 ORDER BY spare_bytes DESC, e_tag""",
    ),
    Question(
        "unencrypted",
        "The objects that no encryption protects at rest",
        """SELECT key, size, last_modified
FROM objects WHERE encryption_status = 'NOT-SSE' ORDER BY key""",
    ),
)


def questions(inventory: Inventory) -> Iterator[Question]:
    """Give the named queries for a table of this format and these versions.

    Each has one parameter, the delivery that it asks (``dt``, such as ``'2026-11-22-01-00'``): Athena's console prompts
    for it. Looking for the newest in SQL would list every hour since the first deployment.
    """
    objects = _objects(inventory)
    for question in _QUESTIONS:
        yield question._replace(sql=f"-- {question.answers}.\n{objects}\n{question.sql}\n")


def _objects(inventory: Inventory) -> str:
    text = inventory.format == "CSV"
    key = "url_decode(key)" if text else "key"
    size = "TRY_CAST(NULLIF(size, '') AS bigint)" if text else "size"
    modified = "from_iso8601_timestamp(NULLIF(last_modified_date, ''))" if text else "last_modified_date"
    current = " AND is_latest AND NOT is_delete_marker" if inventory.versions == "All" else ""
    return f"""-- The parameter is the delivery, such as '2026-11-22-01-00'; `brigade inventory deliveries` lists them.
WITH objects AS (
  SELECT {key} AS key, {size} AS size, {modified} AS last_modified,
         e_tag, storage_class, replication_status, encryption_status
  FROM {NAME} WHERE dt = ?{current}
)"""  # noqa: S608 - nothing in it comes from outside: the pieces are the ones above
