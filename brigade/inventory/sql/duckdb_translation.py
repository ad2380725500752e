"""Athena's SQL as DuckDB runs it: every clause and every function is translated whole, or refused by its name."""

import re
from collections.abc import Callable, Iterable, Mapping

from sqlglot import exp
from sqlglot.errors import ErrorLevel

from brigade.errors import BrigadeError
from brigade.inventory.sql import dialect, functions, syntax, trino_types
from brigade.inventory.sql.scope import Columns
from brigade.inventory.sql.syntax import refused, shown
from brigade.inventory.sql.trino_types import TYPE
from brigade.inventory.sql.typed_query import columns_of

_BINARY = frozenset({"this", "expression"})
_UNARY = frozenset({"this"})
_LIST = frozenset({"expressions"})
_ORDERED = frozenset({"order", "limit", "offset"})
_SET = _ORDERED | {"with_", "this", "expression", "distinct"}

UNDERSTOOD: syntax.Understood = {
    exp.Select: _ORDERED
    | {"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "windows"},
    exp.Union: _SET,
    exp.Except: _SET,
    exp.Intersect: _SET,
    exp.Subquery: _ORDERED | {"this", "alias", "with_", "joins", "sample"},
    exp.Values: _ORDERED | {"expressions", "alias"},
    exp.With: _LIST,
    exp.CTE: frozenset({"this", "alias"}),
    exp.From: _UNARY,
    exp.Table: frozenset({"this", "alias", "joins", "sample"}),
    exp.TableSample: frozenset({"method", "percent", "size"}),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.Join: frozenset({"this", "on", "side", "kind", "using"}),
    exp.Unnest: frozenset({"expressions", "alias"}),
    exp.Where: _UNARY,
    exp.Having: _UNARY,
    exp.Group: frozenset({"expressions", "grouping_sets", "cube", "rollup"}),
    **dict.fromkeys((exp.Cube, exp.Rollup, exp.GroupingSets, exp.Tuple, exp.Distinct), _LIST),
    exp.Order: frozenset({"this", "expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Limit: frozenset({"expression"}),
    exp.Offset: frozenset({"expression"}),
    exp.Fetch: frozenset({"direction", "count", "limit_options"}),
    exp.LimitOptions: frozenset({"rows"}),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "alias", "over"}),
    exp.WindowSpec: frozenset({"kind", "start", "start_side", "end", "end_side"}),
    exp.Filter: _BINARY,
    **dict.fromkeys((exp.IgnoreNulls, exp.RespectNulls, exp.Any, exp.All), _UNARY),
    exp.Star: frozenset(),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Column: frozenset({"this", "table"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    **dict.fromkeys((exp.Boolean, exp.HexString, exp.UnicodeString, exp.Var), _UNARY),
    exp.Null: frozenset(),
    exp.Interval: frozenset({"this", "unit"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to", "safe"}),
    exp.DataType: frozenset({"this", "expressions", "nested"}),
    exp.DataTypeParam: _UNARY,
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true", "false"}),
    exp.Bracket: frozenset({"this", "expressions", "offset", "safe"}),
    **dict.fromkeys((exp.Paren, exp.Not, exp.Neg, exp.Exists), _UNARY),
    **dict.fromkeys((exp.And, exp.Or, exp.Is, exp.Escape, exp.NullSafeEQ, exp.NullSafeNEQ), _BINARY),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _BINARY),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Mod), _BINARY),
    exp.Div: frozenset({"this", "expression", "typed", "safe"}),
    exp.DPipe: frozenset({"this", "expression", "safe"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.In: frozenset({"this", "expressions", "query"}),
    exp.Between: frozenset({"this", "low", "high"}),
}
"""Every clause and operator that DuckDB's text keeps, with its arguments. ``trino_types`` has those of functions."""

_FIELDS = {
    **dict.fromkeys(("DOW", "DAY_OF_WEEK"), "ISODOW"),
    **dict.fromkeys(("YOW", "YEAR_OF_WEEK"), "ISOYEAR"),
    "DAY_OF_MONTH": "DAY",
    "DAY_OF_YEAR": "DOY",
}
_NUMERAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_DAY = r"\s*[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}"
_TEXTS: Mapping[str, str] = {
    "bigint": "[+-]?[0-9]+",
    "decimal": _NUMERAL,
    "double": rf"\s*{_NUMERAL}(?:[eE][+-]?[0-9]+)?\s*",
    "boolean": "(?i)(?:t|true|1|f|false|0)",
    "date": rf"{_DAY}\s*",
    "timestamp": rf"{_DAY}(?: [0-9]{{1,2}}:[0-9]{{1,2}}(?::[0-9]{{1,2}}(?:\.[0-9]+)?)?)?\s*",
}
"""The texts that Trino casts to a type. DuckDB also accepts ``1e3``, ``0x1F``, ``1_000``, ``yes``, dates with times."""
_SIZED = (exp.DType.DECIMAL, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ)


def translate(statement: exp.Query, tables: Mapping[str, Columns]) -> str:
    """Return the query as DuckDB's SQL, with Athena's column names.

    Args:
        statement: A query that ``dialect`` has passed.
        tables: The columns of each table with their types in Trino.

    Raises:
        UsageError: Athena rejects a part of the query, or DuckDB would ignore it or read it differently. The message
            names the part.
    """
    try:
        query = _named(statement)
        _require_known(statement.meta.get(dialect.NAMES, ()))
        for node in query.walk():
            _require_exact(node)
        columns_of(query, tables)
        for node in reversed(list(query.walk())):
            changed = _as_duckdb(node)
            if changed is not node:
                node.replace(changed)
        return query.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
    except BrigadeError:
        raise
    except Exception as error:
        raise refused(next(iter(str(error).splitlines()), "") or type(error).__name__) from error


def _require_known(names: Iterable[str]) -> None:
    for name in names:
        if name not in functions.NAMES:
            raise refused(f"the function {name}")


def _require_exact(node: exp.Expr) -> None:
    arguments = UNDERSTOOD.get(type(node))
    if arguments is None:
        if type(node) not in trino_types.KNOWN:
            raise refused(f"{shown(node)} ({type(node).__name__})")
        return
    if unknown := syntax.unknown_arguments(node, arguments):
        raise refused(f"{', '.join(unknown).strip('_')} in {shown(node)}")
    if isinstance(node, exp.Any | exp.All) and not isinstance(node.this, exp.Query):
        raise refused(f"{shown(node)}, which is not over a subquery")
    if isinstance(node, exp.DataType) and node.expressions and not node.args.get("nested") and node.this not in _SIZED:
        raise refused(f"the length of {shown(node)}, which DuckDB ignores")
    if isinstance(node, exp.DataType) and node.this == exp.DType.CHAR:
        raise refused("the type CHAR, which DuckDB does not pad")


def _named(query: exp.Query) -> exp.Query:
    """Return a copy whose unnamed columns have Athena's names: `_col0`, `_col1` and so on."""
    query = query.copy()
    for number, column in enumerate(query.selects):
        if not isinstance(column, (exp.Column, exp.Alias, exp.Star)):
            column.replace(exp.alias_(column.copy(), f"_col{number}", quoted=True))
    return query


def _as_duckdb(node: exp.Expr) -> exp.Expr:
    """Return a node that DuckDB reads as Trino reads `node`: `node` itself, or another one in its place."""
    change = _CHANGES.get(type(node))
    return node if change is None else change(node)


def _data_type(node: exp.Expr) -> exp.Expr:
    # DECIMAL is DECIMAL(38, 0) in Trino and DECIMAL(18, 3) in DuckDB.
    bare = node.this == exp.DType.DECIMAL and not node.expressions
    return exp.DataType.build("DECIMAL(38, 0)", dialect="duckdb") if bare else node


def _extract(node: exp.Expr) -> exp.Expr:
    # Trino's days of the week begin with Monday as 1, DuckDB's DOW with Sunday as 0.
    field = _FIELDS.get(node.name.upper())
    return exp.Extract(this=exp.var(field), expression=node.expression.copy()) if field else node


def _strict(cast: exp.Expr) -> exp.Expr:
    """Return a cast that accepts only the text that Trino accepts. DuckDB reads ``'1.5'`` as the integer 2."""
    value, pattern = cast.this, _TEXTS.get(cast.meta[TYPE])
    if pattern is None or value.meta[TYPE] != "varchar":
        return cast
    if isinstance(value, exp.Literal) and re.fullmatch(pattern, value.name):
        return cast
    fits = exp.or_(
        value.copy().is_(exp.null()), _function("regexp_full_match", value.copy(), exp.Literal.string(pattern))
    )
    text = exp.Literal.string(f"a text is no {cast.args['to'].sql('athena')}")
    otherwise = exp.null() if isinstance(cast, exp.TryCast) else _function("error", text)
    return exp.case().when(fits, cast.copy()).else_(otherwise)


def _date(node: exp.Expr) -> exp.Expr:
    cast = exp.cast(node.this.copy(), "date")
    cast.meta[TYPE] = "date"
    return _strict(cast)


def _moved(node: exp.Expr) -> exp.Expr:
    # DuckDB makes a time of a day and an interval.
    return exp.cast(exp.paren(node.copy()), "date") if node.meta[TYPE] == "date" else node


def _substring(node: exp.Expr) -> exp.Expr:
    """Return a substring that is empty like Trino's: if it starts at 0 or before the text, or has no length."""
    value, start, length = node.this, node.args["start"], node.args.get("length")
    before = _function("length", value.copy()) * -1
    empty = [] if _is_positive(start) else [start.eq(0), start < before]
    empty += [] if length is None or _is_positive(length) else [length <= 0]
    return exp.case().when(exp.or_(*empty), exp.Literal.string("")).else_(node.copy()) if empty else node


def _is_positive(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and node.name.isdigit() and int(node.name) > 0


def _split_part(node: exp.Expr) -> exp.Expr:
    # A part that is not there is null in Trino, and an empty text in DuckDB.
    if not _is_positive(node.args["part_index"]):
        raise refused(f"the index of {shown(node)}, which is no number from 1 on")
    _require_text(node, "delimiter")
    parts = _function("str_split", node.this.copy(), node.args["delimiter"].copy())
    return _function("list_extract", parts, node.args["part_index"].copy())


def _with_text(node: exp.Expr) -> exp.Expr:
    _require_text(node, "expression")
    return node


def _require_text(node: exp.Expr, argument: str) -> str:
    value = node.args[argument]
    if not isinstance(value, exp.Literal) or not value.name:
        raise refused(f"{shown(node)}, where {shown(value)} is no constant, or empty")
    return str(value.name)


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    # No match is null in Trino, and an empty text in DuckDB. The same holds for a group that did not participate.
    pattern, group = _require_text(node, "expression"), node.args.get("group")
    if group is not None and group.name != "0" and re.search(r"\||\)[?*]|\)\{0", pattern):
        raise refused(f"a group of {shown(node)} that may not participate in the match")
    found = _function("regexp_matches", node.this.copy(), node.expression.copy())
    return exp.case().when(found, node.copy())


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    _require_text(node, "expression")
    replacement = node.args["replacement"]
    if not isinstance(replacement, exp.Literal) or re.search(r"[\\$]", replacement.name):
        raise refused(f"the replacement in {shown(node)}, which is no plain constant")
    return node


def _formatted(node: exp.Expr) -> exp.Expr:
    if not re.fullmatch(r"(?:%[YmdHMS]|[^%])+", _require_text(node, "format")):
        raise refused(f"the format of {shown(node)}: it takes %Y, %m, %d, %H, %i and %s")
    return node


def _date_diff(node: exp.Expr) -> exp.Expr:
    # Trino counts whole units, as DuckDB's date_sub. DuckDB's date_diff counts the borders between them.
    unit = exp.Literal.string(node.args["unit"].name.lower())
    return _function("date_sub", unit, *(exp.cast(each.copy(), "timestamp") for each in (node.expression, node.this)))


def _of_extreme(node: exp.Expr) -> exp.Expr:
    # DuckDB's arg_max leaves out rows whose first value is null; Trino does not.
    name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
    return _function(name, node.this.copy(), node.expression.copy())


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


_CHANGES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.DataType: _data_type,
    exp.Extract: _extract,
    **dict.fromkeys((exp.Cast, exp.TryCast), _strict),
    exp.Date: _date,
    **dict.fromkeys((exp.Add, exp.Sub), _moved),
    exp.Substring: _substring,
    exp.SplitPart: _split_part,
    **dict.fromkeys((exp.Split, exp.Replace, exp.RegexpLike), _with_text),
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    **dict.fromkeys((exp.StrToTime, exp.TimeToStr), _formatted),
    exp.DateDiff: _date_diff,
    **dict.fromkeys((exp.ArgMin, exp.ArgMax), _of_extreme),
}
