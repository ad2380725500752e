"""Conditions pushed into the reader: what of a WHERE Arrow decides as SQL does, before any row leaves a file."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import reduce
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from brigade.catalog import Kind
from brigade.inventory.rows.scanner import RowFilter
from brigade.inventory.sql import syntax

_BINARY = frozenset({"this", "expression"})
_UNARY = frozenset({"this"})
_COMPARED: Mapping[type[exp.Expr], str] = {
    exp.EQ: "__eq__",
    exp.NEQ: "__ne__",
    exp.GT: "__gt__",
    exp.GTE: "__ge__",
    exp.LT: "__lt__",
    exp.LTE: "__le__",
}
_TURNED: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
UNDERSTOOD: syntax.Understood = {
    **dict.fromkeys(_COMPARED, _BINARY),
    exp.And: _BINARY,
    exp.Or: _BINARY,
    exp.Not: _UNARY,
    exp.Paren: _UNARY,
    exp.Neg: _UNARY,
    exp.Is: _BINARY,
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.Column: _UNARY,  # without a table's name, which may be an alias
    exp.Identifier: frozenset({"this", "quoted"}),  # quoted or not, Athena compares names without case
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: _UNARY,
    exp.Null: frozenset(),
    exp.Cast: frozenset({"this", "to"}),
    exp.DataType: frozenset({"this", "expressions", "nested"}),
    exp.DataTypeParam: _UNARY,
}
"""Every node that `push_down` may push, with every argument that it reads. Any other node stays with the engine."""

_LONGEST_IN = 200
_MOST_NODES = 2_000
"""Nodes of a pushed term. Arrow and this module descend recursively, and a long OR is a deep tree."""
_BIGINT = range(-(1 << 63), 1 << 63)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,3}))?")


def push_down(condition: exp.Expr, columns: Mapping[str, Kind]) -> tuple[RowFilter | None, exp.Expr | None]:
    """Return the part of ``condition`` that the reader decides, and the rest, which is the engine's.

    Parts are the terms joined by AND. The reader decides comparisons of a column with a constant of its type, ``IN`` a
    list of them, ``BETWEEN``, ``LIKE`` and ``NOT LIKE`` with ``%`` at an end, ``IS NULL``, a boolean column, and AND,
    OR and NOT of these. A term with any other node, or any other argument of a node, is the engine's: see
    ``UNDERSTOOD``. Each expression is true, false and null for the same rows as in SQL.

    Args:
        columns: All columns of the delivery. A name that is none of them is left to the engine, which refuses it.
    """
    pushed: list[tuple[exp.Expr, pc.Expression]] = []
    left: list[exp.Expr] = []
    for term in _terms(condition):
        expression = _pushable(term, columns)
        if expression is None:
            left.append(term)
        else:
            pushed.append((term, expression))
    rest = exp.and_(*left) if left else None
    if not pushed:
        return None, rest
    named = frozenset(column.name.lower() for term, _ in pushed for column in term.find_all(exp.Column))
    # Files have an empty text where the table has null, and their statistics know nothing of that.
    decided = [expression for term, expression in pushed if not term.find(exp.Is)]
    return RowFilter(named, _all([each for _, each in pushed]), _all(decided) if decided else None), rest


def _terms(condition: exp.Expr) -> Iterator[exp.Expr]:
    inner = condition.unnest()
    if not isinstance(inner, exp.And):
        yield inner
        return
    for term in inner.flatten():
        yield from _terms(term)


def _all(expressions: list[pc.Expression]) -> pc.Expression:
    return reduce(lambda one, other: one & other, expressions)


def _pushable(term: exp.Expr, columns: Mapping[str, Kind]) -> pc.Expression | None:
    few = len(list(islice(term.walk(), _MOST_NODES + 1))) <= _MOST_NODES
    return _translated(term, columns) if few and syntax.is_understood_whole(term, UNDERSTOOD) else None


def _translated(node: exp.Expr, columns: Mapping[str, Kind]) -> pc.Expression | None:
    """Return Arrow's expression of a condition, or None if Arrow cannot evaluate a part of it."""
    if isinstance(node, exp.Paren):
        return _translated(node.this, columns)
    if isinstance(node, exp.Not):
        inner = _translated(node.this, columns)
        return None if inner is None else ~inner
    if isinstance(node, exp.And | exp.Or):
        terms: list[Any] = [_translated(each, columns) for each in node.flatten()]
        if any(each is None for each in terms):
            return None
        return reduce(lambda one, other: one & other if isinstance(node, exp.And) else one | other, terms)
    if isinstance(node, exp.Column):
        name = _name(node, columns)
        return pc.field(name) if name is not None and columns[name] == "boolean" else None
    read = _OF_ONE_COLUMN.get(type(node))
    if read is None:
        return _comparison(node, columns) if type(node) in _COMPARED else None
    name = _name(node.this, columns)
    return None if name is None else read(node, pc.field(name), columns[name])


def _comparison(node: exp.Expr, columns: Mapping[str, Kind]) -> pc.Expression | None:
    left, right, kind = node.this, node.expression, type(node)
    if _name(left, columns) is None:
        left, right, kind = right, left, _TURNED[kind]
    name = _name(left, columns)
    value = None if name is None else _constant(right, columns[name])
    return None if value is None else getattr(pc.field(name), _COMPARED[kind])(value)


def _is(node: exp.Expr, field: pc.Expression, _: Kind) -> pc.Expression | None:
    return field.is_null() if isinstance(node.expression, exp.Null) else None


def _between(node: exp.Expr, field: pc.Expression, kind: Kind) -> pc.Expression | None:
    low, high = (_constant(node.args[end], kind) for end in ("low", "high"))
    return None if low is None or high is None else (field >= low) & (field <= high)


def _in(node: exp.Expr, field: pc.Expression, kind: Kind) -> pc.Expression | None:
    values = [_constant(value, kind) for value in node.expressions]
    if not values or len(values) > _LONGEST_IN or any(value is None for value in values):
        return None
    # Not isin, which is false for null where SQL has null.
    return reduce(lambda one, other: one | other, [field == value for value in values])


def _like(node: exp.Expr, field: pc.Expression, kind: Kind) -> pc.Expression | None:
    pattern = node.expression
    if kind != "string" or not isinstance(pattern, exp.Literal) or not pattern.is_string:
        return None
    found = _matches(field, str(pattern.this))
    return ~found if found is not None and node.args.get("negate") else found


def _matches(field: pc.Expression, pattern: str) -> pc.Expression | None:
    inner = pattern.removeprefix("%").removesuffix("%") if len(pattern) > 1 else pattern
    if not inner or any(sign in inner for sign in "%_\\"):
        return None
    before, after = pattern.startswith("%"), pattern.endswith("%")
    if before and after:
        return pc.match_substring(field, inner)
    if before or after:
        return pc.starts_with(field, inner) if after else pc.ends_with(field, inner)
    return field == inner


_OF_ONE_COLUMN: Mapping[type[exp.Expr], Callable[[exp.Expr, pc.Expression, Kind], pc.Expression | None]] = {
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
}


def _name(node: exp.Expr, columns: Mapping[str, Kind]) -> str | None:
    return str(node.name.lower()) if isinstance(node, exp.Column) and node.name.lower() in columns else None


def _constant(node: exp.Expr, kind: Kind) -> Any:
    """Return a constant of exactly the column's type, or None. The engine decides what a conversion would change."""
    if isinstance(node, exp.Boolean):
        return pa.scalar(node.this) if kind == "boolean" else None
    if isinstance(node, exp.Cast):
        return _moment(node) if kind == "timestamp" else None
    negative = isinstance(node, exp.Neg)
    literal = node.this if negative else node
    if not isinstance(literal, exp.Literal):
        return None
    text = str(literal.this)
    if literal.is_string:
        return pa.scalar(text) if kind == "string" and not negative else None
    if kind != "bigint" or not text.isascii() or not text.isdigit():
        return None
    number = -int(text) if negative else int(text)
    return pa.scalar(number, pa.int64()) if number in _BIGINT else None


def _moment(cast: exp.Cast) -> Any:
    """Return the time of ``TIMESTAMP '…'`` or ``DATE '…'`` without a zone, if it is exact in milliseconds."""
    if not isinstance(cast.this, exp.Literal) or not cast.this.is_string:
        return None
    text, to = str(cast.this.this), cast.to
    parts = _MOMENT.fullmatch(text)
    if to.this == exp.DType.DATE and _DAY.fullmatch(text) and not to.expressions:
        iso = text
    elif to.this == exp.DType.TIMESTAMP and parts and _precision(to) >= len(parts[3] or ""):
        iso = f"{parts[1]}T{parts[2]}.{(parts[3] or '0'):0<3}"
    else:
        return None
    try:
        return pa.scalar(datetime.fromisoformat(iso).replace(tzinfo=UTC), pa.timestamp("ms", tz="UTC"))
    except ValueError:
        return None  # no such day or hour: the engine raises the error


def _precision(to: exp.DataType) -> int:
    """Return the digits of a second that the type keeps: 3 if it names no number, -1 if that is no number."""
    if not to.expressions:
        return 3
    (parameter,) = to.expressions[:1]
    text = str(parameter.name)
    return int(text) if text.isascii() and text.isdigit() and len(to.expressions) == 1 else -1
