"""A query as DuckDB gets it, and the error of one that is refused."""

from brigade.errors import BrigadeError
from brigade.inventory.sql import dialect, duckdb_translation

COLUMNS = [
    *((name, "varchar") for name in ("bucket", "key", "version_id", "e_tag", "dt")),
    ("is_latest", "boolean"),
    ("size", "bigint"),
    ("last_modified_date", "timestamp"),
]


def translated(sql: str) -> str:
    return duckdb_translation.translate(dialect.parse_query(sql), {"inventory": COLUMNS})


def error_of(sql: str) -> str:
    """Return the message of the error that is ours; any other error is raised."""
    try:
        translated(sql)
    except BrigadeError as error:
        return str(error)
    return ""
