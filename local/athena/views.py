"""Views of Glue, expanded into a query.

How Athena keeps one is in no page of AWS's; it is Presto's: ``/* Presto View: <base64 of JSON> */`` as the table's
``ViewOriginalText``, the JSON with ``originalSql`` and the ``schema`` that its bare names are of.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from local.athena import dialect

Look = Callable[[str, str], Any]
_BEFORE, _AFTER = "/* Presto View: ", " */"
_NO_ROWS_TO_DROP = ("group", "distinct", "limit", "offset", "having", "qualify", "windows")


def expanded(statement: exp.Expr, database: str, look: Look) -> exp.Expr:
    """Return the statement with each view replaced by its query, recursively.

    A condition on a column that the view passes through is moved into the view, so that other partitions are not read.

    Args:
        database: The database of names without one.
        look: Returns a table of Glue, or None.

    Raises:
        Mistake: The definition of a view cannot be read.
    """
    for scope in traverse_scope(statement):
        for name, source in list(scope.sources.items()):
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                table = look((source.db or database).lower(), source.name.lower())
                if (table or {}).get("TableType") == "VIRTUAL_VIEW":
                    query = expanded(*_definition(table), look)
                    query = _asked(query, dialect.asked(scope, name))
                    source.replace(exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(name))))
    return statement


def _definition(table: Any) -> tuple[exp.Expr, str]:
    text = table.get("ViewOriginalText") or ""
    try:
        view = json.loads(base64.b64decode(text.removeprefix(_BEFORE).removesuffix(_AFTER), validate=True))
        statement, database = dialect.parse(view["originalSql"]), str(view["schema"]).lower()
    except (ValueError, KeyError) as error:
        raise dialect.Mistake(f"INVALID_VIEW: View '{table['Name']}' cannot be read: {error}") from None
    for scope in traverse_scope(statement):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and not source.db:
                source.set("db", exp.to_identifier(database, quoted=True))
    return statement, database


def _asked(query: exp.Expr, conditions: tuple[exp.Expr, ...]) -> exp.Expr:
    if not isinstance(query, exp.Select) or any(query.args.get(part) for part in _NO_ROWS_TO_DROP):
        return query
    handed = {column.name.lower() for column in query.selects if isinstance(column, exp.Column)}
    for condition in conditions:
        named = [column.name.lower() for column in condition.find_all(exp.Column)]
        if named and handed.issuperset(named):
            query = query.where(dialect.bare(condition))
    return query
