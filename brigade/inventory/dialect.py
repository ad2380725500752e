"""The SQL of inventories: one SELECT over one table ``inventory``, in Athena's dialect, on either engine."""

import logging
from collections.abc import Iterable

import sqlglot
from sqlglot import exp

from brigade.errors import BrigadeError, UsageError

_WRITES = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Copy,
    exp.Command,
    exp.Into,
)


def parsed(sql: str) -> exp.Query:
    """Read one SELECT (or WITH … SELECT, UNION …) over ``inventory``, and nothing else.

    Fails with BrigadeError when it writes, with UsageError when it does not parse, is several statements, no SELECT, or
    names another table or a file.
    """
    statement = _one(sql)
    if statement.find(*_WRITES):
        raise BrigadeError("the query is not just a SELECT: an inventory is only read, nothing is written")
    if not isinstance(statement, exp.Query):
        raise UsageError("the query is not a SELECT: an inventory is only read")
    own = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    if "inventory" in own:
        raise UsageError("the query names a WITH of its own 'inventory': give it another name")
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db or table.name.lower() not in own | {"inventory"}:
            raise UsageError(f"the query reads {table.sql('athena')}: the one table there is, is inventory")
    return statement


def filtered(columns: Iterable[str], where: str) -> exp.Query:
    """Give the query for ``columns`` of the rows where the condition ``where`` holds. Fails with UsageError."""
    condition = _one(where)
    if not isinstance(condition, exp.Condition) or isinstance(condition, exp.Query):
        raise UsageError(f"{where!r} is no condition: it takes what stands after WHERE, such as size > 1000000")
    chosen = [exp.column(column, quoted=True) for column in columns]
    return parsed(exp.select(*chosen).from_("inventory").where(condition).sql("athena"))


def columns_read(query: exp.Query, available: Iterable[str]) -> list[str]:
    """Give those of ``available`` that the query may touch, in their order: all for a star, never too few."""
    columns = list(available)
    stars = (star for star in query.find_all(exp.Star) if not isinstance(star.parent, exp.Count))
    natural = any(join.method == "NATURAL" for join in query.find_all(exp.Join))
    if natural or next(stars, None) is not None:
        return columns
    named = {identifier.name.lower() for identifier in query.find_all(exp.Identifier)}
    return [column for column in columns if column.lower() in named]


def mentions(query: exp.Query, column: str) -> bool:
    """Say whether the query names ``column`` anywhere."""
    return any(found.name.lower() == column for found in query.find_all(exp.Column))


def named(query: exp.Query) -> exp.Query:
    """Give the query with each column that has no name of its own named as Athena names it: ``_col0``, ``_col1`` …"""
    query = query.copy()
    for number, column in enumerate(query.selects):
        if not isinstance(column, (exp.Column, exp.Alias, exp.Star)):
            column.replace(exp.alias_(column.copy(), f"_col{number}", quoted=True))
    return query


def _one(sql: str) -> exp.Expr:
    # What it cannot parse, sqlglot also logs; the error that follows says it to the person, once.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="athena") if statement is not None]
    except sqlglot.errors.SqlglotError as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"the SQL does not parse: {first}") from error
    if len(statements) != 1:
        raise UsageError(f"the SQL is {len(statements)} statements; it takes one")
    return statements[0]
