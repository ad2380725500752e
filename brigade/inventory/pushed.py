"""Conditions pushed into the reader: what of a WHERE Arrow decides as SQL does, before any row leaves a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from brigade.catalog import Kind

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
_LONGEST_IN = 200


@dataclass(frozen=True)
class Pushed:
    """A condition for the reader: over which columns, and the part that a row group's statistics can decide."""

    columns: frozenset[str]
    keep: pc.Expression
    groups: pc.Expression | None


def split(condition: exp.Expr, columns: Mapping[str, Kind]) -> tuple[Pushed | None, exp.Expr | None]:
    """Take from ``condition`` the parts, of those joined by AND, that the reader decides; give them, and what is left.

    Pushed are comparisons of a column with a constant of its type, ``IN`` a list of them, ``BETWEEN``, ``LIKE`` with
    ``%`` at an end, ``IS NULL``, a column that is a boolean, and any AND, OR and NOT of these. Null is neither true nor
    false there as in SQL. ``columns`` are all that there are; a name that is none of them is left for who complains.
    """
    terms: list[exp.Expr] = []
    left: list[exp.Expr] = []
    for term in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        inner = term.unnest()
        translated = None if inner is None else _translated(inner, columns)
        (left if translated is None else terms).append(inner)
    rest = exp.and_(*left) if left else None
    if not terms:
        return None, rest
    named = frozenset(column.name.lower() for term in terms for column in term.find_all(exp.Column))
    # Files have an empty text where the table has null, and their statistics know nothing of that.
    decided = [term for term in terms if not term.find(exp.Is)]
    return Pushed(named, _all(terms, columns), _all(decided, columns) if decided else None), rest


def _all(terms: list[exp.Expr], columns: Mapping[str, Kind]) -> pc.Expression:
    whole = None
    for term in terms:
        one = _translated(term, columns)
        whole = one if whole is None else whole & one
    return whole


def _translated(node: exp.Expr, columns: Mapping[str, Kind]) -> pc.Expression | None:
    """Give the expression of Arrow that is true, false and null for the same rows; None if none is sure to be."""
    if isinstance(node, exp.Paren):
        return _translated(node.this, columns)
    if isinstance(node, exp.Not):
        inner = _translated(node.this, columns)
        return None if inner is None else ~inner
    if isinstance(node, (exp.And, exp.Or)):
        one, other = _translated(node.left, columns), _translated(node.right, columns)
        if one is None or other is None:
            return None
        return one & other if isinstance(node, exp.And) else one | other
    name = _name(node, columns)
    if name is not None:
        return pc.field(name) if columns[name] == "boolean" else None
    if type(node) in _COMPARED:
        return _comparison(node, columns)
    return _of_one_column(node, columns)


def _comparison(node: exp.Expr, columns: Mapping[str, Kind]) -> pc.Expression | None:
    left, right, kind = node.this, node.expression, type(node)
    if _name(left, columns) is None:
        left, right, kind = right, left, _TURNED[kind]
    name = _name(left, columns)
    value = None if name is None else _constant(right, columns[name])
    return None if value is None else getattr(pc.field(name), _COMPARED[kind])(value)


def _of_one_column(node: exp.Expr, columns: Mapping[str, Kind]) -> pc.Expression | None:
    name = _name(node.this, columns) if isinstance(node, (exp.Is, exp.In, exp.Between, exp.Like)) else None
    if name is None:
        return None
    field, kind = pc.field(name), columns[name]
    if isinstance(node, exp.Is):
        return field.is_null() if isinstance(node.expression, exp.Null) else None
    if isinstance(node, exp.Between):
        low, high = (_constant(node.args[end], kind) for end in ("low", "high"))
        return None if low is None or high is None or node.args.get("symmetric") else (field >= low) & (field <= high)
    if isinstance(node, exp.Like):
        return _like(field, node.expression) if kind == "string" else None
    values = [_constant(value, kind) for value in node.expressions]
    if not values or len(values) > _LONGEST_IN or None in values:
        return None
    found = field == values[0]  # not isin, for which null is not in the list where SQL does not know
    for value in values[1:]:
        found = found | (field == value)
    return found


def _like(field: pc.Expression, pattern: exp.Expr) -> pc.Expression | None:
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        return None
    text = str(pattern.this)
    inner = text.removeprefix("%").removesuffix("%") if len(text) > 1 else text
    if not inner or any(sign in inner for sign in "%_\\"):
        return None
    before, after = text.startswith("%"), text.endswith("%")
    if before and after:
        return pc.match_substring(field, inner)
    if before or after:
        return pc.starts_with(field, inner) if after else pc.ends_with(field, inner)
    return field == inner


def _name(node: exp.Expr, columns: Mapping[str, Kind]) -> str | None:
    if not isinstance(node, exp.Column) or node.table or node.name.lower() not in columns:
        return None
    return str(node.name.lower())


def _constant(node: exp.Expr, kind: Kind) -> Any:
    """Give a literal of just the column's type; what would have to be converted is left to the engine."""
    negative = isinstance(node, exp.Neg)
    value = node.this if negative else node
    if isinstance(value, exp.Boolean):
        return pa.scalar(value.this) if kind == "boolean" else None
    if isinstance(value, exp.Literal) and not value.is_string:
        number = str(value.this)
        return pa.scalar(int(number) * (-1 if negative else 1)) if kind == "bigint" and number.isdigit() else None
    if isinstance(value, exp.Literal):
        return pa.scalar(str(value.this)) if kind == "string" else None
    if isinstance(value, exp.Cast) and isinstance(value.this, exp.Literal) and kind == "timestamp":
        # A literal's type comes with its precision: TIMESTAMP(0).
        kinds = {exp.DType.TIMESTAMP: datetime.fromisoformat, exp.DType.DATE: date.fromisoformat}
        read = kinds.get(value.to.this)
        try:
            moment = None if read is None else read(str(value.this.this))
        except ValueError:
            return None  # the engine says what is wrong with it
        if moment is None or getattr(moment, "tzinfo", None):
            return None
        return pa.scalar(datetime(*moment.timetuple()[:6], tzinfo=UTC), pa.timestamp("ms", tz="UTC"))
    return None
