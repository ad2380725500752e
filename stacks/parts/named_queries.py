"""The named queries of Athena that answer common questions about an inventory."""

from collections.abc import Iterator
from typing import NamedTuple

from brigade.catalog import CURRENT, QUESTIONS, typed
from brigade.errors import NotFound
from brigade.settings import Inventory
from stacks.parts.inventory import columns
from stacks.parts.inventory_table import LAKE_TABLE


class NamedQuery(NamedTuple):
    """A named query: its name, a sentence that says what it answers, and its SQL for Athena."""

    name: str
    answers: str
    sql: str


def list_named_queries(inventory: Inventory, database: str) -> Iterator[NamedQuery]:
    """Yield the named queries over the table of an inventory, except those that need a column that it lacks.

    Each one is the SQL of `brigade inventory ask`, after a common table expression `inventory` that converts the
    columns to the types of that command. Each one has one parameter: the delivery, such as `'2026-11-22-01-00'`.
    Athena's console prompts for it. A query that searches for the newest delivery would list every hour since the
    first deployment.

    Args:
        inventory: The settings of the inventory.
        database: Name of the Glue database.
    """
    csv = inventory.format == "CSV"
    stored = columns(inventory.versions)
    names = [*(column.name for column in stored), "dt"]
    kinds = {column.name: column.type_in(inventory.format) for column in stored}
    for question in QUESTIONS:
        try:
            sql = question.text(names)
        except NotFound:
            continue  # It needs the columns of versions, and this inventory lists current versions only.
        read = [name for name in names if name in question.reads or name in CURRENT]
        converted = ",\n         ".join(typed(name, kinds.get(name, "string"), encoded=csv) for name in read)
        table = f"""inventory AS (
  SELECT {converted}
  FROM "{database}"."{LAKE_TABLE}" WHERE dt = ?
)"""  # noqa: S608 - no part of it is user input
        yield NamedQuery(
            question.name,
            question.answers,
            f"-- {question.answers}.\n"
            "-- The parameter is the delivery, such as '2026-11-22-01-00'; `brigade inventory deliveries` lists them.\n"
            f"WITH {table},\n{sql.removeprefix('WITH ')}\n",
        )
