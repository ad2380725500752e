"""Athena's SQL as DuckDB runs it: every clause is translated whole, or refused by its name.

The functions of the two engines are another matter: what is called is left to sqlglot's translation.
"""

import re
from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from brigade.errors import UsageError
from brigade.inventory import syntax

_BINARY = frozenset({"this", "expression"})
_UNARY = frozenset({"this"})
_LIST = frozenset({"expressions"})
_ORDERED = frozenset({"order", "limit", "offset"})
_SET = _ORDERED | {"with_", "this", "expression", "distinct"}

UNDERSTOOD: syntax.Understood = {
    exp.Select: _ORDERED
    | {"with_", "expressions", "distinct", "from_", "joins", "laterals", "where", "group", "having", "windows"},
    exp.Union: _SET,
    exp.Except: _SET,
    exp.Intersect: _SET,
    exp.Subquery: _ORDERED | {"this", "alias", "with_", "joins", "sample"},
    exp.Values: _ORDERED | {"expressions", "alias"},
    exp.With: frozenset({"expressions", "recursive"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.From: _UNARY,
    exp.Table: frozenset({"this", "alias", "joins", "sample"}),
    exp.TableSample: frozenset({"method", "percent", "size"}),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.Join: frozenset({"this", "on", "side", "kind", "using", "method"}),
    exp.Lateral: frozenset({"this", "alias"}),
    exp.Unnest: frozenset({"expressions", "alias", "offset"}),
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
    **dict.fromkeys((exp.Filter, exp.WithinGroup, exp.Kwarg, exp.PropertyEQ, exp.Dot), _BINARY),
    exp.Lambda: frozenset({"this", "expressions"}),
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
    exp.ColumnDef: frozenset({"this", "kind"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true", "false"}),
    exp.Bracket: frozenset({"this", "expressions", "offset", "safe"}),
    exp.JSONPath: _LIST,
    exp.JSONPathRoot: frozenset(),
    **dict.fromkeys((exp.JSONPathKey, exp.JSONPathSubscript), _UNARY),
    **dict.fromkeys((exp.Paren, exp.Not, exp.Neg, exp.Exists), _UNARY),
    **dict.fromkeys((exp.And, exp.Or, exp.Is, exp.Escape, exp.NullSafeEQ, exp.NullSafeNEQ), _BINARY),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _BINARY),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Mod), _BINARY),
    exp.Div: frozenset({"this", "expression", "typed", "safe"}),
    exp.DPipe: frozenset({"this", "expression", "safe"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.In: frozenset({"this", "expressions", "query"}),
    exp.Between: frozenset({"this", "low", "high", "symmetric"}),
}
"""Every clause and operator that DuckDB's text keeps, with its arguments. Functions are not listed here."""

_FIELDS = {
    **dict.fromkeys(("DOW", "DAYOFWEEK", "DAY_OF_WEEK"), "ISODOW"),
    **dict.fromkeys(("YOW", "YEAROFWEEK", "YEAR_OF_WEEK"), "ISOYEAR"),
}
_INTEGERS = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)
_TEXTS: Mapping[exp.DType, str] = {
    **dict.fromkeys(_INTEGERS, "[+-]?[0-9]+"),
    exp.DType.BOOLEAN: "(?i)(?:t|true|1|f|false|0)",
    exp.DType.DATE: r"\s*[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}\s*",
}
"""The texts that Trino casts to a type. DuckDB also takes ``1e3``, ``0x1F``, ``1_000``, ``yes``, dates with times."""
_SIZED = (exp.DType.DECIMAL, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIME)


def translate(statement: exp.Query) -> str:
    """Return the query as DuckDB's SQL, with the column names that Athena gives.

    Fails with UsageError, naming it, at a clause that DuckDB's text would drop or that is not of Athena's SQL.
    """
    for node in statement.walk():
        _require_exact(node)
    try:
        translated = _strict(_named(statement).transform(_as_duckdb))
        return translated.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
    except (UnsupportedError, RecursionError) as error:
        raise _refused(str(error).splitlines()[0] or type(error).__name__) from error


def _require_exact(node: exp.Expr) -> None:
    arguments = UNDERSTOOD.get(type(node))
    if arguments is None:
        if not isinstance(node, exp.Func):
            raise _refused(f"{_shown(node)} ({type(node).__name__})")
        return
    if unknown := syntax.unknown_arguments(node, arguments):
        raise _refused(f"{', '.join(unknown).strip('_')} in {_shown(node)}")
    if isinstance(node, exp.Any | exp.All) and not isinstance(node.this, exp.Query):
        raise _refused(f"{_shown(node)}, which is not over a subquery")
    if isinstance(node, exp.DataType) and node.expressions and not node.args.get("nested") and node.this not in _SIZED:
        raise _refused(f"the length of {_shown(node)}, which DuckDB ignores")
    if isinstance(node, exp.DataType) and node.this == exp.DType.CHAR:
        raise _refused("the type CHAR, which DuckDB does not pad")


def _shown(node: exp.Expr) -> str:
    return repr(node.sql("athena")[:60])


def _refused(what: str) -> UsageError:
    return UsageError(f"DuckDB cannot run this part of the query as Athena does: {what}; write it another way")


def _named(query: exp.Query) -> exp.Query:
    """Return a copy in which each column that has no name of its own is named as by Athena: ``_col0``, ``_col1`` …"""
    query = query.copy()
    for number, column in enumerate(query.selects):
        if not isinstance(column, (exp.Column, exp.Alias, exp.Star)):
            column.replace(exp.alias_(column.copy(), f"_col{number}", quoted=True))
    return query


def _as_duckdb(node: exp.Expr) -> exp.Expr:
    """Return a node that DuckDB reads as Trino reads `node`.

    ``DECIMAL`` is ``DECIMAL(38, 0)`` in Trino and ``DECIMAL(18, 3)`` in DuckDB. Trino's days of the week begin with
    Monday as 1, DuckDB's ``DOW`` with Sunday as 0.
    """
    if isinstance(node, exp.DataType) and node.this == exp.DType.DECIMAL and not node.expressions:
        return exp.DataType.build("DECIMAL(38, 0)", dialect="duckdb")
    if isinstance(node, exp.Extract) and (field := _FIELDS.get(node.name.upper())):
        return exp.Extract(this=exp.var(field), expression=node.expression.copy())
    return node


def _strict(query: exp.Expr) -> exp.Expr:
    """Return the query with casts from text that take no other text than Trino's; DuckDB reads ``'1.5'`` as 2."""
    for cast in reversed(list(query.find_all(exp.Cast))):
        pattern = _TEXTS.get(cast.to.this)
        if pattern is None or (isinstance(cast.this, exp.Literal) and re.fullmatch(pattern, cast.this.name)):
            continue
        value = cast.this
        fits = exp.or_(
            value.copy().is_(exp.null()),
            exp.func("typeof", value.copy()).neq("VARCHAR"),
            exp.func("regexp_full_match", exp.cast(value.copy(), "text"), exp.Literal.string(pattern)),
        )
        text = exp.Literal.string(f"a text is no {cast.to.sql('athena')}")
        otherwise = exp.null() if isinstance(cast, exp.TryCast) else exp.func("error", text)
        cast.replace(exp.case().when(fits, cast.copy()).else_(otherwise))
    return query
