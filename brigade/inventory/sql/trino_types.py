"""The types of expressions by Trino's rules: text, numbers, times and booleans are never converted by themselves.

DuckDB compares ``size`` with ``'1500'`` without an error. Trino refuses, so it is refused before DuckDB reads it.

Source: https://trino.io/docs/current/language/types.html
"""

import re
from collections.abc import Callable, Iterable, Mapping

from sqlglot import exp

from brigade.inventory.sql import functions, syntax
from brigade.inventory.sql.functions import ANY, CAST_TYPES, CASTS, FLAG, NUMBER, SAME, SIGNATURES, UNIT, UNITS
from brigade.inventory.sql.scope import UNKNOWN, Scope, common
from brigade.inventory.sql.syntax import mismatch, refused, shown

TYPE = "trino type"
"""Under this name in ``meta``, each expression keeps its type."""

_WHOLE = (exp.Round, exp.Ceil, exp.Floor)
_INTERVAL_UNITS = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"})

Rule = Callable[[exp.Expr, Scope], str]


def type_of(node: exp.Expr, scope: Scope) -> str:
    """Return the type of an expression, and note the type of every part of it in ``meta``.

    Raises:
        UsageError: Trino refuses the types, or DuckDB is not known to compute the same. The message names the part.
    """
    signature = SIGNATURES.get(type(node))
    rule = _RULES.get(type(node))
    if rule is not None:
        kind = rule(node, scope)
    elif signature is not None:
        kind = _call(node, signature, scope)
    else:
        raise refused(f"{shown(node)} ({type(node).__name__})")
    node.meta[TYPE] = kind
    return kind


def require(node: exp.Expr, scope: Scope, *kinds: str) -> str:
    """Return the type of an expression, which must be one of ``kinds`` or that of NULL."""
    kind = type_of(node, scope)
    if kind not in kinds and kind != UNKNOWN:
        raise mismatch(node, f"{shown(node)} is {kind}, and {' or '.join(sorted(kinds))} is needed")
    return kind


def merged(node: exp.Expr, parts: Iterable[exp.Expr | None], scope: Scope) -> str:
    """Return the one type that the parts of ``node`` have in common; raise UsageError if they have none."""
    kind = UNKNOWN
    for part in parts:
        if part is not None:
            kind = together(node, kind, type_of(part, scope))
    return kind


def together(node: exp.Expr, one: str, other: str) -> str:
    """Return the type that two parts of ``node`` have in common; raise UsageError if they have none."""
    found = common(one, other)
    if found is None:
        raise mismatch(node, f"{one} and {other} do not mix")
    return found


def _call(node: exp.Expr, signature: functions.Signature, scope: Scope) -> str:
    if unknown := syntax.unknown_arguments(node, frozenset(signature.arguments)):
        raise refused(f"the argument {', '.join(unknown).strip('_')} of {shown(node)}")
    first = ""
    for number, (name, kinds) in enumerate(signature.arguments.items()):
        value = node.args.get(name)
        if kinds == FLAG or (value is None and number >= signature.required):
            continue
        if not isinstance(value, exp.Expr):
            raise refused(f"{shown(node)}, which lacks an argument")
        if kinds == UNIT:
            if value.name.upper() not in UNITS[type(node)]:
                raise refused(f"the unit {shown(value)} in {shown(node)}")
            continue
        kind = require(value, scope, *kinds) if kinds != ANY else type_of(value, scope)
        first = first or kind
    return first if signature.result == SAME else signature.result


def _literal(node: exp.Expr, scope: Scope) -> str:
    text = str(node.this)
    if node.is_string:
        return "varchar"
    return "bigint" if text.isdigit() else "double" if "e" in text.lower() else "decimal"


def _column(node: exp.Expr, scope: Scope) -> str:
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        raise refused(shown(node))
    return scope.type_of(node)


def _compared(node: exp.Expr, scope: Scope) -> str:
    merged(node, node.iter_expressions(), scope)
    return "boolean"


def _logic(node: exp.Expr, scope: Scope) -> str:
    # A long OR is a deep tree: its terms are visited in a loop, not recursively.
    for part in node.flatten() if isinstance(node, exp.Connector) else [node.this]:
        require(part, scope, "boolean")
    return "boolean"


def _text(node: exp.Expr, scope: Scope) -> str:
    for part in node.flatten() if isinstance(node, exp.DPipe) else node.expressions:
        require(part, scope, "varchar")
    return "varchar"


def _like(node: exp.Expr, scope: Scope) -> str:
    require(node.this, scope, "boolean" if isinstance(node, exp.Escape) else "varchar")
    require(node.expression, scope, "varchar")
    return "boolean"


def _is(node: exp.Expr, scope: Scope) -> str:
    if not isinstance(node.expression, exp.Null):
        raise refused(shown(node))
    type_of(node.this, scope)
    return "boolean"


def _arithmetic(node: exp.Expr, scope: Scope) -> str:
    one, other = type_of(node.this, scope), type_of(node.expression, scope)
    if isinstance(node, exp.Add | exp.Sub) and "interval" in (one, other):
        when = other if one == "interval" and isinstance(node, exp.Add) else one
        if when not in ("date", "timestamp", "timestamptz") or one == other:
            raise mismatch(node, f"{one} and {other} do not mix")
        return when
    kind = together(node, one, other)
    if isinstance(node, exp.Sub) and kind in ("timestamp", "timestamptz") and "date" not in (one, other):
        return "interval"
    if kind not in NUMBER and kind != UNKNOWN:
        raise mismatch(node, f"{kind} is no number")
    if isinstance(node, exp.Div) and kind == "decimal":
        raise refused(f"the division of a decimal in {shown(node)}: a double is written 1e0")
    return kind


def _cast(node: exp.Expr, scope: Scope) -> str:
    kind, to = type_of(node.this, scope), CAST_TYPES.get(node.args["to"].this)
    whole = isinstance(node.this, _WHOLE) and kind == "double" and to == "bigint"
    if to is None or (kind != to and to not in CASTS.get(kind, ()) and not whole):
        raise refused(f"the cast of {kind} in {shown(node)}")
    return to


def _case(node: exp.Expr, scope: Scope) -> str:
    ifs = node.args["ifs"]
    if node.this is None:
        for each in ifs:
            require(each.this, scope, "boolean")
    else:
        merged(node, (node.this, *(each.this for each in ifs)), scope)
    return merged(node, (*(each.args["true"] for each in ifs), node.args.get("default")), scope)


def _if(node: exp.Expr, scope: Scope) -> str:
    require(node.this, scope, "boolean")
    return merged(node, (node.args["true"], node.args.get("false")), scope)


def _all_alike(node: exp.Expr, scope: Scope) -> str:
    if unknown := syntax.unknown_arguments(node, frozenset({"this", "expression", "expressions", "ignore_nulls"})):
        raise refused(f"{', '.join(unknown)} of {shown(node)}")
    kind = merged(node, (node.this, node.args.get("expression"), *node.expressions), scope)
    return kind if not isinstance(node, exp.Nullif) else type_of(node.this, scope)


def _interval(node: exp.Expr, scope: Scope) -> str:
    value, unit = node.this, node.args.get("unit")
    if not isinstance(value, exp.Literal) or not re.fullmatch(r"[+-]?[0-9]+", value.name):
        raise refused(shown(node))
    if not isinstance(unit, exp.Var) or unit.name.upper() not in _INTERVAL_UNITS:
        raise refused(shown(node))
    return "interval"


def _negated(node: exp.Expr, scope: Scope) -> str:
    return require(node.this, scope, *NUMBER, "interval")


def _inner(node: exp.Expr, scope: Scope) -> str:
    return type_of(node.this, scope)


def _query(node: exp.Expr, scope: Scope) -> str:
    columns = scope.subquery(node, scope)
    if len(columns) != 1:
        raise refused(f"a subquery of {len(columns)} columns, {shown(node)}")
    return columns[0][1]


def _exists(node: exp.Expr, scope: Scope) -> str:
    scope.subquery(node.this, scope)
    return "boolean"


def _count(node: exp.Expr, scope: Scope) -> str:
    if unknown := syntax.unknown_arguments(node, frozenset({"this", "big_int"})):
        raise refused(f"{', '.join(unknown)} of {shown(node)}")
    if not isinstance(node.this, exp.Star | None):
        type_of(node.this, scope)
    return "bigint"


def _distinct(node: exp.Expr, scope: Scope) -> str:
    if len(node.expressions) != 1:
        raise refused(shown(node))
    return type_of(node.expressions[0], scope)


def _element(node: exp.Expr, scope: Scope) -> str:
    """Return the type of ``element_at``. A subscript is no such: Trino fails where DuckDB returns null."""
    kind, (index, *more) = type_of(node.this, scope), node.expressions
    number = index.this if isinstance(index, exp.Neg) else index
    if not node.args.get("safe") or more or not isinstance(number, exp.Literal) or number.name.strip("0") == "":
        raise refused(f"the subscript {shown(node)}: use element_at with a number, or split_part")
    if not kind.startswith("array(") or number.is_string:
        raise mismatch(node, f"{kind} is no array")
    return kind.removeprefix("array(").removesuffix(")")


def _array(node: exp.Expr, scope: Scope) -> str:
    kind = merged(node, node.expressions, scope)
    if not node.expressions or any(each.meta[TYPE] == UNKNOWN for each in node.expressions):
        raise refused(f"an array with nothing or NULL in it, {shown(node)}")
    return f"array({kind})"


def _contains(node: exp.Expr, scope: Scope) -> str:
    kind = type_of(node.this, scope)
    together(node, kind, f"array({type_of(node.expression, scope)})")
    return "boolean"


def _filter(node: exp.Expr, scope: Scope) -> str:
    require(node.expression.this, scope, "boolean")
    return type_of(node.this, scope)


def _window(node: exp.Expr, scope: Scope) -> str:
    kind = type_of(node.this, scope) if not isinstance(node.this, exp.Identifier) else UNKNOWN
    order = node.args.get("order")
    for part in (*(node.args.get("partition_by") or []), *(order.expressions if order else [])):
        type_of(part, scope)
    return kind


def _grouping(node: exp.Expr, scope: Scope) -> str:
    for part in node.expressions:
        type_of(part, scope)
    return "bigint"


_RULES: Mapping[type[exp.Expr], Rule] = {
    exp.Literal: _literal,
    exp.Boolean: lambda node, scope: "boolean",
    exp.Null: lambda node, scope: UNKNOWN,
    exp.HexString: lambda node, scope: "varbinary",
    exp.UnicodeString: lambda node, scope: "varchar",
    exp.Column: _column,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ), _compared),
    **dict.fromkeys((exp.Between, exp.In), _compared),
    **dict.fromkeys((exp.And, exp.Or, exp.Not), _logic),
    **dict.fromkeys((exp.Like, exp.Escape), _like),
    **dict.fromkeys((exp.DPipe, exp.Concat), _text),
    exp.Is: _is,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _arithmetic),
    **dict.fromkeys((exp.Cast, exp.TryCast), _cast),
    exp.Case: _case,
    exp.If: _if,
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif), _all_alike),
    exp.Interval: _interval,
    exp.Neg: _negated,
    **dict.fromkeys((exp.Paren, exp.Alias, exp.IgnoreNulls, exp.RespectNulls, exp.Ordered, exp.Any, exp.All), _inner),
    **dict.fromkeys((exp.Subquery, exp.Select, exp.Union, exp.Except, exp.Intersect), _query),
    exp.Exists: _exists,
    exp.Count: _count,
    exp.Distinct: _distinct,
    exp.Bracket: _element,
    exp.Array: _array,
    exp.ArrayContains: _contains,
    exp.Filter: _filter,
    exp.Window: _window,
    exp.Grouping: _grouping,
}
KNOWN = frozenset(_RULES) | frozenset(functions.SIGNATURES)
"""Every expression that has a type here."""
