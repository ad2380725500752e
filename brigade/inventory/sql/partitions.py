"""Selection of deliveries by a query's conditions on ``dt``, the partition column of the Athena table."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from brigade.errors import UsageError
from brigade.inventory.sql import predicate_pushdown

_DT = "dt"


def reads_dt(query: exp.Query) -> bool:
    """Return whether the query reads the column ``dt`` of ``inventory``, directly or through a subquery of its own.

    A column that only has this name, such as ``date(last_modified_date) AS dt``, is another one.
    """
    return any(_is_dt(column, scope) for scope in _scopes(query) for column in _named(scope))


def select_partitions(query: exp.Query, partitions: Sequence[str]) -> list[str]:
    """Return the ``partitions`` that can have a row for the query, in their order; all of them if that is not certain.

    It evaluates comparisons of ``dt`` with constants that AND joins in a WHERE, or in the ON of the join that adds
    ``inventory``. In a row that only an outer join makes, each comparison is null, so it keeps no such row.
    """
    wanted: set[str] = set()
    for scope in _scopes(query):
        for name, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table):
                wanted.update(_left(partitions, _conditions(scope, name)))
    return [partition for partition in partitions if partition in wanted]


def _left(partitions: Sequence[str], conditions: Iterable[exp.Expr]) -> list[str]:
    table = pa.table({_DT: pa.array(partitions, pa.string())})
    for condition in conditions:
        found, _ = predicate_pushdown.push_down(condition, {_DT: "string"})
        # The groups' part has no IS NULL, which is true for the row that an outer join makes.
        if found is not None and found.groups is not None:
            table = table.filter(found.groups)
    return [str(value) for value in table.column(_DT).to_pylist()]


def _conditions(scope: Scope, name: str) -> Iterator[exp.Expr]:
    """Yield the conditions on the rows of one source, with ``dt`` of that source alone, and no other source's."""
    where, joins = scope.expression.args.get("where"), scope.expression.args.get("joins") or []
    found = [where.this] if where else []
    found += [
        join.args["on"]
        for join in joins
        if join.alias_or_name == name and join.args.get("on") and join.side in ("", "LEFT")
    ]
    single = len(scope.selected_sources) == 1
    for condition in found:
        yield condition.transform(lambda node: _bare(node, name, single=single))


def _bare(node: exp.Expr, name: str, *, single: bool) -> exp.Expr:
    if not isinstance(node, exp.Column) or node.name.lower() != _DT:
        return node
    own = node.table.lower() == name.lower() if node.table else single
    return exp.column(_DT) if own else exp.column("another", table="source")


def _scopes(query: exp.Query) -> list[Scope]:
    try:
        scopes = list(traverse_scope(query))
        for scope in scopes:
            _ = scope.selected_sources  # two sources of one name are refused here
    except SqlglotError as error:
        raise UsageError(f"the query cannot run: {str(error).splitlines()[0]}") from error
    return scopes


def _named(scope: Scope) -> Iterator[exp.Column]:
    for column in scope.columns:
        if column.name.lower() == _DT:
            yield column


def _is_dt(column: exp.Column, scope: Scope | None) -> bool:
    """Return whether a column of this name is ``inventory``'s; the nearest query that has one of this name counts."""
    while scope is not None:
        sources = [
            source
            for name, (_, source) in scope.selected_sources.items()
            if not column.table or column.table.lower() == name.lower()
        ]
        found = [has for has in map(_has_dt, sources) if has is not None]
        if found:
            return any(found)
        scope = scope.parent
    return False


def _has_dt(source: object) -> bool | None:
    """Return whether the source's column ``dt`` is ``inventory``'s, None if it has no such column."""
    if isinstance(source, exp.Table):
        return True
    if not isinstance(source, Scope):
        return None
    names = [name.lower() for name in source.outer_columns]
    scope = source
    while scope.set_operation_scopes:
        scope = scope.set_operation_scopes[0]
    query = scope.expression
    if not isinstance(query, exp.Select):
        return False if _DT in names else None
    for number, select in enumerate(query.selects):
        name = names[number] if number < len(names) else select.alias_or_name.lower()
        if select.is_star:
            of = select.table.lower() if isinstance(select, exp.Column) else ""
            stars = [each for key, (_, each) in scope.selected_sources.items() if not of or key.lower() == of]
            if (found := [has for has in map(_has_dt, stars) if has is not None]) and not names:
                return any(found)
        elif name == _DT:
            inner = select.unalias()
            return isinstance(inner, exp.Column) and inner.name.lower() == _DT and _is_dt(inner, scope)
    return None
