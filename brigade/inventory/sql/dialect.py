"""The SQL of inventories: one SELECT over one table ``inventory``, in Athena's dialect, on either engine.

Athena gets the text as it was typed, because sqlglot's syntax tree can lose parts of it. The tree has two uses: it
rejects any text that is not a SELECT, and it is translated to run on DuckDB (``duckdb_sql``).
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import pairwise

import sqlglot
from sqlglot import Token, TokenType, exp

from brigade.catalog import CURRENT
from brigade.errors import BrigadeError, UsageError
from brigade.inventory.sql import functions, spelling

_WRITES = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Copy,
    exp.Command,
    exp.Into,
)
NAMES = "function names"
"""Under this name in ``meta``, a query keeps the names of the functions that its text calls, in lower case."""


def parse_query(sql: str) -> exp.Query:
    """Parse one SELECT (or WITH … SELECT, UNION …) over the table `inventory`.

    Raises:
        BrigadeError: The query writes.
        UsageError: The text does not parse, has several statements, is not a SELECT, or names another table or a file.
    """
    statement = _one(sql)
    if statement.find(*_WRITES):
        raise BrigadeError("the query is not just a SELECT: an inventory is only read, nothing is written")
    if not isinstance(statement, exp.Query):
        raise UsageError("the query is not a SELECT: an inventory is only read")
    _require_athena_spelling(sql)
    own = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    if "inventory" in own:
        raise UsageError("the query names a WITH of its own 'inventory': rename it")
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db or table.name.lower() not in own | {"inventory"}:
            raise UsageError(f"the query reads {table.sql('athena')}: the only table is inventory")
    aliases = {alias.name.lower() for alias in statement.find_all(exp.TableAlias) if alias.columns}
    statement.meta[NAMES] = [name for name in spelling.called(_tokens(sql)) if name not in aliases]
    return statement


def with_table(sql: str, columns: Sequence[str], select: str) -> str:
    """Return the text of a query with the table ``inventory`` put before it as a common table expression.

    The text stays as it is, but for a semicolon and comments after its end. The table's columns are named in its head,
    as Trino wants it for each query of a WITH RECURSIVE.

    Args:
        sql: A query that `parse_query` accepts.
        columns: The names of the columns of ``select``, in its order.
        select: The query that is the table.

    Source: https://trino.io/docs/current/sql/select.html (WITH clause, WITH RECURSIVE clause).
    """
    head = ", ".join(f'"{name}"' for name in columns)
    table = f"inventory ({head}) AS ({select})"
    tokens = [token for token in _tokens(sql) if token.token_type != TokenType.SEMICOLON]
    first, end = tokens[0], tokens[-1].end + 1
    if first.token_type != TokenType.WITH:
        return f"WITH {table}\n{sql[first.start : end]}"
    recursive = tokens[1].token_type == TokenType.RECURSIVE
    begin = (tokens[1] if recursive else first).end + 1
    return f"{sql[first.start : begin]} {table},{sql[begin:end]}"


def parse_condition(where: str) -> str:
    """Return the text of a condition in parentheses, ready to be joined to others by AND.

    Raises:
        UsageError: `where` is not exactly one condition. This check also keeps other SQL from closing the parentheses.
    """
    tree = _one(where)
    if not isinstance(tree, exp.Condition) or isinstance(tree, exp.Query) or tree.find(*_WRITES):
        raise UsageError(f"{where!r} is not a condition: write the part after WHERE, such as size > 1000000")
    _require_athena_spelling(where)
    tokens = [token for token in _tokens(where) if token.token_type != TokenType.SEMICOLON]
    return f"({where[tokens[0].start : tokens[-1].end + 1]})"


def current_condition(columns: Iterable[str], where: str | None = None) -> str | None:
    """Return the condition for current objects that match `where`: no old version, no delete marker.

    None if it holds for every row: a delivery of current versions has only current objects.

    Args:
        columns: The columns of the delivery.
        where: A condition, or None.

    Raises:
        UsageError: `where` is not a condition, or it may select other objects each time. Separate queries
            count, sample, write and resume a selection, so each must select the same objects.
    """
    there = set(columns)
    terms = [_repeatable(where)] if where else []
    terms += [term for name, term in CURRENT.items() if name in there]
    return " AND ".join(terms) or None


def _repeatable(where: str) -> str:
    for token in _tokens(where):
        word = where[token.start : token.end + 1].lower()
        if word in functions.UNREPEATABLE:
            raise UsageError(
                f"the condition has {word}, so it may choose other objects each time that it is read: "
                "write a constant, or count from the delivery's time, date_parse(dt, '%Y-%m-%d-%H-%i')"
            )
    return parse_condition(where)


def filter_query(columns: Iterable[str], where: str) -> exp.Query:
    """Return the query for `columns` of the rows that match the condition `where`. Raises UsageError."""
    chosen = ", ".join('"{}"'.format(column.replace('"', '""')) for column in columns)
    return parse_query(f"SELECT {chosen} FROM inventory WHERE {parse_condition(where)}")  # noqa: S608 - a condition that parses


def find_columns(query: exp.Query, available: Iterable[str]) -> list[str]:
    """Return the columns of ``available`` that the query may use, in their order; all for a star."""
    columns = list(available)
    stars = (star for star in query.find_all(exp.Star) if not isinstance(star.parent, exp.Count))
    # A list of column names behind a table's alias renames the columns by their place, so all have to be there.
    renamed = any(table.alias_column_names for table in query.find_all(exp.Table))
    if renamed or next(stars, None) is not None:
        return columns
    named = {identifier.name.lower() for identifier in query.find_all(exp.Identifier)}
    return [column for column in columns if column.lower() in named]


def _one(sql: str) -> exp.Expr:
    # sqlglot also logs SQL that it cannot parse. The error that follows shows it to the person, once.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    exact = _exact(sql)
    try:
        found = sqlglot.parse(exact, read="athena")
    except Exception as error:
        _require_athena_spelling(sql)
        raise _unparsed(error) from error
    # A comment behind a semicolon is a statement to sqlglot.
    statements = [each for each in found if each is not None and not isinstance(each, exp.Semicolon)]
    if len(statements) != 1:
        raise UsageError(f"the SQL is {len(statements)} statements; it takes one")
    return statements[0]


def _require_athena_spelling(sql: str) -> None:
    if foreign := spelling.problem(sql, _tokens(sql)):
        raise UsageError(f"the SQL has {foreign}, which is not Athena's SQL: write it as Athena does")


def _exact(sql: str) -> str:
    """Return the text with its decimal literals as casts that name precision and scale.

    sqlglot reads ``DECIMAL '0.023'`` as a cast to ``DECIMAL``, whose scale differs between the engines. Trino's literal
    has the scale of its written digits. Raises UsageError at a number that sqlglot reads as another one.

    Source: https://trino.io/docs/current/language/types.html#decimal
    """
    tokens = _tokens(sql)
    pieces, done = [], 0
    for token, after in pairwise(tokens):
        text = sql[token.start : token.end + 1]
        if token.token_type == TokenType.NUMBER and after.start == token.end + 1 and _is_word(sql[after.start]):
            raise UsageError(f"the SQL has the number {text}{sql[after.start : after.end + 1]}: write its digits alone")
        if token.token_type == TokenType.DECIMAL and after.token_type == TokenType.STRING:
            pieces += [sql[done : token.start], _decimal(after.text)]
            done = after.end + 1
    for token in tokens:
        if sql[token.start : token.start + 1] == "0" and token.token_type != TokenType.NUMBER:
            raise UsageError(f"the SQL has the number {sql[token.start : token.end + 1]}: write it as a decimal number")
    return "".join([*pieces, sql[done:]])


def _decimal(text: str) -> str:
    whole, _, fraction = text.strip().lstrip("+-").partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit():
        raise UsageError(f"the SQL has DECIMAL {text!r}, which is no decimal number")
    precision = max(len(whole.lstrip("0")) + len(fraction), 1)
    return f"CAST('{text.strip()}' AS DECIMAL({precision}, {len(fraction)}))"


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def _tokens(sql: str) -> list[Token]:
    try:
        return sqlglot.tokenize(sql, read="athena")
    except Exception as error:
        raise _unparsed(error) from error


def _unparsed(error: Exception) -> UsageError:
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    return UsageError(f"the SQL does not parse: {first}")
