"""Athena's SQL on DuckDB: the differences that sqlglot does not translate, and the text of results."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

CATALOG = "awsdatacatalog"
# Functions that DuckDB has under the same name with another meaning are called by a name of their own.
MACROS = (
    "athena_split_part(s, d, n) AS CASE WHEN n <= len(str_split(s, d)) THEN split_part(s, d, n) END",
    "athena_regexp_extract(s, p, g) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END",
    "athena_url_decode(s) AS url_decode(replace(s, '+', ' '))",
    "athena_url_encode(s) AS replace(replace(replace(url_encode(s), '%20', '+'), '%2A', '*'), '~', '%7E')",
    "from_iso8601_date(s) AS CAST(s AS DATE)",
    "to_iso8601(t) AS strftime(CAST(t AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%g') || 'Z'",
    "map_agg(k, v) AS map_from_entries(list(struct_pack(k := k, v := v)))",
    "bitwise_and(a, b) AS a & b",
    "bitwise_or(a, b) AS a | b",
)
_NOT_TRINO = (exp.ILike, exp.SimilarTo, exp.Glob, exp.Qualify)  # sqlglot reads them anyway
_SPECIFIER = re.compile(r"%(?P<flags>[-,0]*)(?P<width>\d*)(?P<precision>\.\d+)?(?P<kind>[sdfxb%])")


class Mistake(Exception):
    """A query that Athena refuses. The message begins with Athena's name of the error."""


@dataclass(frozen=True)
class Use:
    """A table in one part of a query, with the conditions of that part on its rows."""

    database: str
    table: str
    conditions: tuple[exp.Expr, ...]


def parse(text: str) -> exp.Expr:
    """Return the syntax tree of a statement.

    Raises:
        Mistake: It is not SQL, or more than one statement.
    """
    try:
        found = [statement for statement in sqlglot.parse(_with_scale(text), read="athena") if statement]
    except sqlglot.errors.SqlglotError as error:
        raise Mistake(f"SYNTAX_ERROR: {_first_line(error)}") from None
    if len(found) != 1:
        raise Mistake(f"Only one sql statement is allowed. Got: {text}")
    return found[0]


def _with_scale(text: str) -> str:
    """Return the text with ``DECIMAL '0.023'`` as a cast that names its digits, which sqlglot's tree would lose.

    Source: https://trino.io/docs/current/language/types.html#decimal
    """
    tokens = sqlglot.tokenize(text, read="athena")
    for token, literal in reversed(list(pairwise(tokens))):
        if token.token_type.name == "DECIMAL" and literal.token_type.name == "STRING":
            whole, _, fraction = literal.text.strip().lstrip("+-").partition(".")
            digits = max(len(whole.lstrip("0")) + len(fraction), 1)
            cast = f"CAST('{literal.text}' AS DECIMAL({digits}, {len(fraction)}))"
            text = text[: token.start] + cast + text[literal.end + 1 :]
    return text


def uses(statement: exp.Expr, database: str) -> Iterator[Use]:
    """Yield each use of a table that is not a name bound by WITH; ``database`` is that of names without one."""
    for scope in traverse_scope(statement):
        for name, source in scope.sources.items():
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                yield Use((source.db or database).lower(), source.name.lower(), asked(scope, name))


def asked(scope: Scope, name: str) -> tuple[exp.Expr, ...]:
    """Return the conditions of a part of a query that concern only the rows of its source `name`."""
    return tuple(each for each in _conditions(scope.expression, name) if _only_of(each, name))


def on_columns(conditions: Sequence[exp.Expr], columns: Sequence[str]) -> list[str]:
    """Return the conditions that use only `columns`, in DuckDB's SQL, without the table in the names."""
    wanted = {column.lower() for column in columns}
    chosen = []
    for condition in conditions:
        named = list(condition.find_all(exp.Column))
        if named and {column.name.lower() for column in named} <= wanted:
            chosen.append(to_duckdb(bare(condition)))
    return chosen


def bare(condition: exp.Expr) -> exp.Expr:
    """Return the condition with its columns named without their table."""
    return condition.transform(lambda node: exp.column(node.name) if isinstance(node, exp.Column) else node)


def to_duckdb(statement: exp.Expr) -> str:
    """Return the statement in DuckDB's SQL; tables lose the name of Glue's catalog.

    Raises:
        Mistake: Athena's engine has no such operator, or DuckDB's text would lose a part of the clause.
    """
    for node in statement.walk():
        if isinstance(node, _NOT_TRINO) or (
            isinstance(node, exp.Any | exp.All) and not isinstance(node.this, exp.Query)
        ):
            raise Mistake(f"SYNTAX_ERROR: mismatched input {node.sql('athena')[:60]!r}")
        if isinstance(node, exp.LimitOptions) and (node.args.get("with_ties") or node.args.get("percent")):
            raise Mistake(f"NOT_SUPPORTED: the local AWS runs no FETCH FIRST {node.sql('athena')[:60]}")
    try:
        return statement.transform(_translated).sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.UnsupportedError as error:
        raise Mistake(f"NOT_SUPPORTED: the local AWS does not translate this: {_first_line(error)}") from None


def fill(text: str, parameters: Sequence[str]) -> str:
    """Replace the question marks by the parameters, each an SQL literal.

    Raises:
        Mistake: there are not as many of one as of the other.
    """
    marks = [token for token in sqlglot.tokenize(text, read="athena") if token.token_type.name == "PLACEHOLDER"]
    if len(marks) != len(parameters):
        raise Mistake(f"Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}")
    for mark, parameter in reversed(list(zip(marks, parameters, strict=True))):
        text = text[: mark.start] + parameter + text[mark.end + 1 :]
    return text


def written(value: Any) -> str | None:
    """Return a value as Athena writes it into a result; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, datetime):
        utc = value.astimezone(UTC) if value.tzinfo else value
        return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03}{' UTC' if value.tzinfo else ''}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(name)}={_inner(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inner, value)) + "]"
    return str(value)


def _inner(value: Any) -> str:
    text = written(value)
    return "null" if text is None else text


def _double(value: float) -> str:
    """Return a double as Java and so Athena's engine writes it."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    number = Decimal(repr(value)).normalize()
    sign, digits, _ = number.as_tuple()
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}E{number.adjusted()}"


def _conditions(select: exp.Expr, name: str) -> list[exp.Expr]:
    """Return the conditions on every row of the source `name`: of WHERE, and of the ON that joins it.

    Not WHERE's if an outer join makes rows of nulls for the source: those it may be asking for.
    """
    joins: list[exp.Join] = select.args.get("joins") or []
    own = next((join for join in joins if join.alias_or_name == name), None)
    later = joins[joins.index(own) + 1 :] if own else joins
    found = []
    if not (own and own.side in ("LEFT", "FULL")) and not any(join.side in ("RIGHT", "FULL") for join in later):
        where = select.args.get("where")
        found += _conjuncts(where.this if where else None)
    if own and own.side in ("", "LEFT"):
        found += _conjuncts(own.args.get("on"))
    return found


def _conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    if condition is None:
        return []
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _only_of(condition: exp.Expr, name: str) -> bool:
    if condition.find(exp.Query):
        return False
    return all(column.table in ("", name) for column in condition.find_all(exp.Column))


def _translated(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Table) and node.catalog.lower() == CATALOG:
        node.set("catalog", None)
    elif isinstance(node, exp.SplitPart):
        return _call("athena_split_part", node.this, node.args["delimiter"], node.args["part_index"])
    elif isinstance(node, exp.RegexpExtract):
        return _call(
            "athena_regexp_extract", node.this, node.expression, node.args.get("group") or exp.Literal.number(0)
        )
    elif isinstance(node, exp.DateDiff):
        # Athena counts whole units that passed, DuckDB's function of that name the borders crossed.
        return _call("date_sub", exp.Literal.string(node.text("unit").lower()), node.expression, node.this)
    elif isinstance(node, exp.Format) and isinstance(node.this, exp.Literal):
        return _call("format", exp.Literal.string(_template(node.this.name)), *node.expressions)
    elif isinstance(node, exp.Anonymous) and node.name.lower() in ("url_decode", "url_encode"):
        return _call(f"athena_{node.name.lower()}", *node.expressions)
    return node


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    # sqlglot does not go on inside of what a transformation puts in.
    return exp.Anonymous(this=name, expressions=[argument.transform(_translated) for argument in arguments])


def _template(java: str) -> str:
    """Return a template of Java's Formatter as a template of DuckDB's `format`."""

    def specifier(match: "re.Match[str]") -> str:
        if match["kind"] == "%":
            return "%"
        flags, width, precision = match["flags"], match["width"], match["precision"] or ""
        align = "<" if "-" in flags else ">" if width and match["kind"] == "s" else ""
        zero, comma = "0" if "0" in flags else "", "," if "," in flags else ""
        kind = "" if match["kind"] == "s" or (comma and match["kind"] == "d") else match["kind"]
        inside = f"{align}{zero}{width}{comma}{precision}{kind}"
        return f"{{:{inside}}}" if inside else "{}"

    return _SPECIFIER.sub(specifier, java.replace("{", "{{").replace("}", "}}"))


def _first_line(error: Exception) -> str:
    # sqlglot underlines the place in the terminal's colours.
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]
