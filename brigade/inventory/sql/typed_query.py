"""The columns of a query with their types, each expression in it checked by ``trino_types``."""

from collections.abc import Iterator, Mapping

from sqlglot import exp

from brigade.errors import UsageError
from brigade.inventory.sql.scope import UNKNOWN, Columns, Scope
from brigade.inventory.sql.syntax import mismatch, refused, shown
from brigade.inventory.sql.trino_types import require, together, type_of


def columns_of(query: exp.Expr, tables: Mapping[str, Columns], outer: Scope | None = None) -> Columns:
    """Return the columns of a query over ``tables``.

    Raises:
        UsageError: Trino rejects a type or a name in the query, or DuckDB reads it in another way.
    """
    tables = {**tables, **_own(query, tables, outer)}
    if isinstance(query, exp.Subquery):
        columns = columns_of(query.this, tables, outer)
    elif isinstance(query, exp.Select):
        return _select(query, tables, outer)
    elif isinstance(query, exp.SetOperation):
        columns = _combined(query, tables, outer)
    elif isinstance(query, exp.Values):
        columns = _values(query, _scope([], tables, outer))
    else:
        raise refused(f"{shown(query)} ({type(query).__name__})")
    _ordered(query, columns, _scope([("", columns)], tables, outer))
    return columns


def _scope(sources: list[tuple[str, Columns]], tables: Mapping[str, Columns], outer: Scope | None) -> Scope:
    return Scope(sources, lambda query, scope: columns_of(query, scope.tables, scope), tables, outer)


def _own(query: exp.Expr, tables: Mapping[str, Columns], outer: Scope | None) -> dict[str, Columns]:
    own: dict[str, Columns] = {}
    if with_ := query.args.get("with_"):
        if with_.args.get("recursive"):
            raise refused("WITH RECURSIVE")
        for cte in with_.expressions:
            own[cte.alias.lower()] = _renamed(cte, columns_of(cte.this, {**tables, **own}, outer))
    return own


def _select(query: exp.Select, tables: Mapping[str, Columns], outer: Scope | None) -> Columns:
    scope = _scope([], tables, outer)
    if from_ := query.args.get("from_"):
        _add(from_.this, scope)
    _join(query, scope)
    if where := query.args.get("where"):
        require(where.this, scope, "boolean")
    columns = [column for item in query.expressions for column in _item(item, scope)]
    for part in _grouped(query.args.get("group")):
        if not _is_place(part, columns):
            type_of(part, scope)
    if having := query.args.get("having"):
        require(having.this, scope, "boolean")
    for window in query.args.get("windows") or []:
        type_of(window, scope)
    _ordered(query, columns, scope)
    return columns


def _item(item: exp.Expr, scope: Scope) -> Columns:
    inner = item.unalias()
    if isinstance(inner, exp.Star):
        return scope.star("")
    if isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star):
        return scope.star(inner.table)
    return [(item.alias_or_name.lower(), type_of(item, scope))]


def _grouped(node: exp.Expr | None) -> Iterator[exp.Expr]:
    if node is None:
        return
    if not isinstance(node, exp.Group | exp.Cube | exp.Rollup | exp.GroupingSets | exp.Tuple):
        yield node
        return
    for values in node.args.values():
        for each in values if isinstance(values, list) else []:
            yield from _grouped(each)


def _is_place(node: exp.Expr, columns: Columns) -> bool:
    """Return whether a part of GROUP BY or ORDER BY is the number of a column."""
    if not isinstance(node, exp.Literal):
        return False
    if node.is_string or not node.name.isdigit() or not 1 <= int(node.name) <= len(columns):
        raise refused(f"ORDER BY or GROUP BY {shown(node)}, which is no column")
    return True


def _ordered(query: exp.Expr, columns: Columns, scope: Scope) -> None:
    names = {item.alias_or_name.lower(): item for item in query.expressions} if isinstance(query, exp.Select) else {}
    for ordered in query.args["order"].expressions if query.args.get("order") else []:
        part = ordered.this
        named = isinstance(part, exp.Column) and not part.table and part.name.lower() in dict(columns)
        if named or _is_place(part, columns):
            continue
        for column in part.find_all(exp.Column):
            if not column.table and isinstance(names.get(column.name.lower()), exp.Alias):
                raise refused(f"ORDER BY {shown(part)}, an expression over an alias of the query")
        type_of(part, scope)
    for name in ("limit", "offset"):
        rows = query.args.get(name)
        count = None if rows is None else rows.args.get("count") or rows.args.get("expression")
        if (
            rows is not None
            and count is not None
            and not (isinstance(count, exp.Literal) and count.name.isdigit() and not count.is_string)
        ):
            raise refused(f"{shown(rows)}, which is no number of rows")


def _add(node: exp.Expr, scope: Scope) -> None:
    """Add the columns of a table, a subquery or an UNNEST to the scope."""
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table | exp.Subquery) and not node.alias:
        _add(node.this, scope)
    else:
        scope.sources.append((_name(node), _renamed(node, _source(node, scope))))
    _join(node, scope)


def _name(node: exp.Expr) -> str:
    return (node.alias or (node.name if isinstance(node, exp.Table) else "")).lower()


def _source(node: exp.Expr, scope: Scope) -> Columns:
    if isinstance(node, exp.Table):
        columns = scope.tables.get(node.name.lower())
        if columns is None:
            raise UsageError(f"the query cannot run: there is no table {node.name}")
        return columns
    if isinstance(node, exp.Unnest):
        kinds = [type_of(array, scope) for array in node.expressions]
        if not all(kind.startswith("array(") for kind in kinds):
            raise mismatch(node, f"{', '.join(kinds)} is no array")
        return [("", kind.removeprefix("array(").removesuffix(")")) for kind in kinds]
    return columns_of(node, scope.tables, scope.outer)


def _renamed(node: exp.Expr, columns: Columns) -> Columns:
    names = [name.lower() for name in node.alias_column_names]
    if names and len(names) != len(columns):
        raise UsageError(f"the query cannot run: {node.alias} has {len(columns)} columns and {len(names)} names")
    return [(name, kind) for name, (_, kind) in zip(names, columns, strict=True)] if names else columns


def _join(node: exp.Expr, scope: Scope) -> None:
    for join in node.args.get("joins") or []:
        if join.args.get("method") or join.kind not in ("", "INNER", "OUTER", "CROSS"):
            raise refused(f"{' '.join(filter(None, (join.method, join.side, join.kind)))} JOIN")
        _add(join.this, scope)
        if on := join.args.get("on"):
            require(on, scope, "boolean")
        for column in join.args.get("using") or []:
            kinds = [kind for _, columns in scope.sources for name, kind in columns if name == column.name.lower()]
            if len(kinds) < 2:
                raise UsageError(f"the query cannot run: USING {column.name} is not a column of both tables")
            for kind in kinds:
                together(join, kinds[0], kind)
            scope.merged.add(column.name.lower())


def _combined(query: exp.SetOperation, tables: Mapping[str, Columns], outer: Scope | None) -> Columns:
    left, right = (columns_of(side, tables, outer) for side in (query.this, query.expression))
    if len(left) != len(right):
        raise UsageError(f"the query cannot run: {len(left)} columns and {len(right)} in {shown(query)}")
    return [(name, together(query, one, other)) for (name, one), (_, other) in zip(left, right, strict=True)]


def _values(query: exp.Values, scope: Scope) -> Columns:
    kinds: list[str] = []
    for row in query.expressions:
        values = row.expressions if isinstance(row, exp.Tuple) else [row]
        found = [type_of(value, scope) for value in values]
        kinds = kinds or [UNKNOWN] * len(found)
        if len(found) != len(kinds):
            raise UsageError(f"the query cannot run: rows of different lengths in {shown(query)}")
        kinds = [together(query, one, other) for one, other in zip(kinds, found, strict=True)]
    return [("", kind) for kind in kinds]
