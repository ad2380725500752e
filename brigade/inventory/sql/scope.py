"""The columns that an expression of a query can name, with their types in Trino."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlglot import exp

from brigade.errors import UsageError

Columns: TypeAlias = list[tuple[str, str]]
"""Names in lower case, each with its type, in the order of a star. A column without a name has an empty one."""
UNKNOWN = "unknown"
"""The type of NULL, which Trino converts to any other type."""
_NUMBERS = ("bigint", "decimal", "double")
_TIMES = ("date", "timestamp", "timestamptz")


@dataclass(frozen=True)
class Scope:
    """The sources of one SELECT by their names, and the scope of the query around it."""

    sources: list[tuple[str, Columns]]
    subquery: Callable[[exp.Expr, "Scope"], Columns]
    """Returns the columns of a query inside an expression of this scope."""
    tables: Mapping[str, Columns]
    outer: "Scope | None" = None
    merged: set[str] = field(default_factory=set)
    """The names in USING, each one column of both sources."""

    def type_of(self, column: exp.Column) -> str:
        """Return the type of a column; raise UsageError if no source or several of them have it."""
        name, table = column.name.lower(), column.table.lower()
        found = list(self._found(name, table))
        if len(found) > 1 and not (name in self.merged and not table):
            raise UsageError(f"the query cannot run: the column {column.sql('athena')} is ambiguous")
        if found:
            return found[0]
        if self.outer is not None:
            return self.outer.type_of(column)
        near = difflib.get_close_matches(name, [each for _, columns in self.sources for each, _ in columns], 1)
        also = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"the query cannot run: there is no column {column.sql('athena')} here{also}")

    def star(self, table: str) -> Columns:
        """Return the columns of ``*``, or of ``table.*``."""
        chosen = [columns for name, columns in self.sources if not table or name == table.lower()]
        if not chosen:
            raise UsageError(f"the query cannot run: there is no table {table or 'for the star'} here")
        if self.merged:
            raise UsageError("the query has a star over a join with USING, whose order differs: name the columns")
        return [column for columns in chosen for column in columns]

    def has(self, name: str) -> bool:
        """Return whether a source of this very SELECT has a column of this name."""
        return any(self._found(name, ""))

    def _found(self, name: str, table: str) -> Iterator[str]:
        for source, columns in self.sources:
            if not table or source == table:
                yield from (kind for each, kind in columns if each == name)


def common(one: str, other: str) -> str | None:
    """Return the type to which Trino converts both types by itself; None if there is none.

    Source: https://github.com/trinodb/trino/blob/master/core/trino-main/src/main/java/io/trino/type/TypeCoercion.java
    """
    if one == other or other == UNKNOWN:
        return one
    if one == UNKNOWN:
        return other
    for order in (_NUMBERS, _TIMES):
        if one in order and other in order:
            return max(one, other, key=order.index)
    return None
