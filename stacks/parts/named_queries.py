"""The questions that people ask of an inventory, saved in the workgroup as named queries."""

from collections.abc import Iterator
from typing import NamedTuple

from brigade.catalog import QUESTIONS, typed
from brigade.errors import NotFound
from brigade.settings import Inventory
from stacks.parts.inventory import columns
from stacks.parts.inventory_table import NAME


class Saved(NamedTuple):
    """A named query: what it is called, what it answers, its SQL for Athena."""

    name: str
    answers: str
    sql: str


def questions(inventory: Inventory, database: str) -> Iterator[Saved]:
    """Give the named queries over the table of this format and these versions, those that it has the columns for.

    Each is the text that ``brigade inventory ask`` runs, behind a table ``inventory`` with the types that the command
    has. Each has one parameter, the delivery (``dt``, such as ``'2026-11-22-01-00'``): Athena's console prompts for it.
    Looking for the newest in SQL would list every hour since the first deployment.
    """
    csv = inventory.format == "CSV"
    there = columns(inventory.versions)
    names = [*(column.name for column in there), "dt"]
    kinds = {column.name: column.text if csv else column.typed for column in there}
    for question in QUESTIONS:
        try:
            sql = question.text(names)
        except NotFound:
            continue  # of versions, and the inventory lists current ones
        read = [name for name in names if name in question.reads or name in ("is_latest", "is_delete_marker")]
        given = ",\n         ".join(typed(name, kinds.get(name, "string"), encoded=csv) for name in read)
        table = f"""inventory AS (
  SELECT {given}
  FROM "{database}"."{NAME}" WHERE dt = ?
)"""  # noqa: S608 - nothing in it comes from outside: the pieces are ours
        yield Saved(
            question.name,
            question.answers,
            f"-- {question.answers}.\n"
            "-- The parameter is the delivery, such as '2026-11-22-01-00'; `brigade inventory deliveries` lists them.\n"
            f"WITH {table},\n{sql.removeprefix('WITH ')}\n",
        )
