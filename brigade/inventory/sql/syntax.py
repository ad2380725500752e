"""Nodes of a SQL tree that this package understands, and their supported arguments.

sqlglot keeps part of a meaning in optional arguments: ``NOT LIKE`` is ``Like`` with ``negate``, ``FETCH … WITH TIES``
is ``Fetch`` with ``limit_options``. A reader that looks at some arguments alone reads another query. So every reader
names all arguments that it handles, and a node with any other argument is not understood.
"""

from collections.abc import Mapping

from sqlglot import exp

from brigade.errors import UsageError

Understood = Mapping[type[exp.Expr], frozenset[str]]
"""The arguments that a reader handles, by the exact type of the node. A subclass is another node."""


def is_understood(node: exp.Expr, understood: Understood) -> bool:
    """Return whether the node's type, and every argument that is set on it, is one that the reader handles."""
    arguments = understood.get(type(node))
    return arguments is not None and not unknown_arguments(node, arguments)


def unknown_arguments(node: exp.Expr, arguments: frozenset[str]) -> list[str]:
    """Return the names of the arguments that are set on the node and are none of ``arguments``.

    None, False and an empty list are what sqlglot stores for an argument that the text does not have.
    """
    return [name for name, value in node.args.items() if name not in arguments and _is_set(value)]


def is_understood_whole(tree: exp.Expr, understood: Understood) -> bool:
    """Return whether the reader handles the node and everything below it."""
    return all(is_understood(node, understood) for node in tree.walk())


def shown(node: exp.Expr) -> str:
    """Return the part of the query as the messages quote it."""
    try:
        return repr(node.sql("athena")[:60])
    except Exception:  # noqa: BLE001 - a tree that lacks a part cannot be printed, and is refused by its type
        return type(node).__name__


def refused(what: str) -> UsageError:
    """Return the error for a part of the query that DuckDB would not run as Athena does."""
    return UsageError(
        f"DuckDB cannot run this part of the query as Athena does: {what}; write it another way or use --engine athena"
    )


def mismatch(node: exp.Expr, what: str) -> UsageError:
    """Return the error for types that Athena refuses."""
    return UsageError(
        f"Athena refuses the types in {shown(node)}: {what}; write a constant of the column's type, or CAST"
    )


def _is_set(value: object) -> bool:
    return value is not None and value is not False and value != []
