"""The order of key columns in PostgreSQL: the operators of each type, and literals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

# ORDER BY sorts by the type's default B-tree operator class, in any schema. A lookup of an operator by name and
# search_path can find another one: citext's > is outside of pg_catalog, and text's > would replace it.
_OPERATORS: LiteralString = """
SELECT t.oid, pg_catalog.format_type(t.oid, -1), o.operators,
  t.typtype <> 'p' AND (o.operators IS NOT NULL OR t.typnamespace = 'pg_catalog'::regnamespace OR t.typtype <> 'b'
    OR t.typcategory = 'A')
FROM pg_catalog.pg_type AS t LEFT JOIN LATERAL (
  SELECT pg_catalog.array_agg(ARRAY[n.nspname::text, p.oprname::text] ORDER BY m.amopstrategy) AS operators
  FROM pg_catalog.pg_opclass AS c
  JOIN pg_catalog.pg_am AS a ON a.oid = c.opcmethod AND a.amname = 'btree'
  JOIN pg_catalog.pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy BETWEEN 2 AND 5
   AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
  JOIN pg_catalog.pg_operator AS p ON p.oid = m.amopopr
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.oprnamespace
  WHERE c.opcdefault AND c.opcintype = t.oid
) AS o ON true
WHERE t.oid = ANY(%s::oid[])
"""
_BUILT_IN = tuple(("pg_catalog", sign) for sign in ("<=", "=", ">=", ">"))
_MONEY = 790


@dataclass(frozen=True)
class KeyColumn:
    """A column of the sort key, with the operators of its type's default B-tree operator class."""

    name: str
    oid: int
    kind: str
    """The type as SQL names it, with its schema unless that is `pg_catalog`."""
    modifier: int
    """The type modifier; -1 for none. For a timestamp: the number of digits of its fraction of a second."""
    operators: tuple[tuple[str, str], ...]
    """Schema and name of the operators `<=`, `=`, `>=` and `>`."""

    @property
    def column(self) -> sql.Composed:
        """The column as SQL, in a table with the alias `brigade`."""
        return sql.SQL("brigade.{}").format(sql.Identifier(self.name))

    def at_most(self, value: sql.Composable) -> sql.Composed:
        """Return the condition `column <= value`."""
        return self._compare(0, value)

    def equal(self, value: sql.Composable) -> sql.Composed:
        """Return the condition `column = value`."""
        return self._compare(1, value)

    def at_least(self, value: sql.Composable) -> sql.Composed:
        """Return the condition `column >= value`."""
        return self._compare(2, value)

    def behind(self, value: sql.Composable) -> sql.Composed:
        """Return the condition `column > value`."""
        return self._compare(3, value)

    def literal(self, text: str | None) -> sql.Composed:
        """Return a literal of the column's type from its text form; None: null."""
        return sql.SQL("CAST({} AS {})").format(sql.Literal(text), sql.SQL(self.kind))

    def _compare(self, which: int, value: sql.Composable) -> sql.Composed:
        return sql.SQL("{} {} {}").format(self.column, _operator(self.operators[which]), value)


def key_columns(
    connection: "psycopg.Connection[Any]",
    description: Iterable[tuple[str, int, int]],
    names: Sequence[str],
    check: Callable[[KeyColumn], sql.Composed],
) -> tuple[KeyColumn, ...]:
    """Return the columns `names` with their operators.

    Args:
        description: Name, type's OID and modifier of each column of the relation.
        check: Returns a statement that compares the column with text and orders by it. It is only parsed: LIMIT 0.

    Raises:
        ValueError: No page can begin behind a value of a column: its type has no order, its text cannot be read back,
            or its collation is not known. The message says which column, and why. The transaction is over.
    """
    types = {name: (oid, modifier) for name, oid, modifier in description}
    found = {oid: rest for oid, *rest in connection.execute(_OPERATORS, [[types[name][0] for name in names]])}
    columns = []
    for name in names:
        oid, modifier = types[name]
        kind, own, ordered = found[oid]
        operators = tuple((schema, sign) for schema, sign in own) if own else _BUILT_IN
        column = KeyColumn(name, oid, kind, modifier, operators)
        if oid == _MONEY:
            raise ValueError(f"{name!r} is of type money, whose text depends on lc_monetary; use {name}::numeric")
        if not ordered:
            raise ValueError(f"{name!r} is of type {kind}, which has no order or cannot be read back from text")
        try:
            connection.execute(check(column))
        except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
            raise ValueError(f"{name!r} is of type {kind}: {error.diag.message_primary}") from error
        columns.append(column)
    return tuple(columns)


def behind(columns: Sequence[KeyColumn], values: Sequence[str]) -> sql.Composed:
    """Return the condition that a row's key sorts after `values`, as ORDER BY sorts the same columns."""
    literals = [column.literal(value) for column, value in zip(columns, values, strict=True)]
    if len({column.operators[3] for column in columns}) == 1:  # which an index on all of them answers
        left = sql.SQL(", ").join(column.column for column in columns)
        right = sql.SQL(", ").join(literals)
        return sql.SQL("({}) {} ({})").format(left, _operator(columns[0].operators[3]), right)
    (first, value), *rest = zip(columns, literals, strict=True)
    if not rest:
        return first.behind(value)
    tie = sql.SQL("({} AND {})").format(first.equal(value), behind(columns[1:], values[1:]))
    return sql.SQL("({} OR {})").format(first.behind(value), tie)


def _operator(named: tuple[str, str]) -> sql.Composed:
    schema, name = named
    return sql.SQL("OPERATOR({}.{})").format(sql.Identifier(schema), sql.SQL(name))
