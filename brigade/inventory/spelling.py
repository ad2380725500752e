"""How Athena spells SQL. sqlglot also reads other dialects' spellings, and DuckDB would run what Athena refuses."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sqlglot import Token, TokenType

_SYMBOLS = frozenset(
    {"=", "<>", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||"}
    | {".", ",", "(", ")", "[", "]", "->", "=>", ";"}
)
_FOREIGN = frozenset({"COLLATE", "ISNULL", "NOTNULL", "REGEXP", "RLIKE"})
"""Operators of other dialects that are words."""
_PREFIXES = frozenset({"X", "U&"})
"""What may stand before the quote of a literal: bytes and Unicode."""
_BETWEEN = re.compile(r"(?:\s++|--[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
"""Blanks and comments. sqlglot also skips ``{# … #}``, the comment of a template."""


def problem(sql: str, tokens: Sequence[Token]) -> str | None:
    """Return the first part of a query that is not of Athena's grammar; None if there is none.

    Not all of the grammar is checked: operators, literals, comments, and the words that are operators elsewhere.

    Args:
        sql: The text of the query.
        tokens: The tokens that sqlglot finds in it.

    Source: https://github.com/trinodb/trino/blob/master/core/trino-grammar/src/main/antlr4/io/trino/grammar/sql/SqlBase.g4
    """
    return next(_problems(sql, tokens), None)


def _problems(sql: str, tokens: Sequence[Token]) -> Iterator[str]:
    end = 0
    for token in tokens:
        if not _BETWEEN.fullmatch(sql, end, token.start):
            yield f"the comment {sql[end : token.start].strip()[:60]!r}"
        yield from _in_token(token, sql[token.start : token.end + 1])
        end = token.end + 1
    if not _BETWEEN.fullmatch(sql, end):
        yield f"the comment {sql[end:].strip()[:60]!r}"
    yield from _neighbours([(token.token_type, sql[token.start : token.end + 1].upper()) for token in tokens])


def _neighbours(words: list[tuple[TokenType, str]]) -> Iterator[str]:
    for (kind, word), (next_kind, after) in pairwise(words):
        if kind == next_kind == TokenType.STRING:
            yield f"two texts side by side, {word[:30]} {after[:30]}"
        if word == "INTERVAL" and next_kind == TokenType.NUMBER:
            yield f"INTERVAL {after} without quotes"


def _in_token(token: Token, text: str) -> Iterator[str]:
    if token.token_type == TokenType.NUMBER or text[:1] in {"'", '"'}:
        return
    if not (text[:1] == "_" or text[:1].isalnum()):
        if text not in _SYMBOLS:
            yield f"{text[:30]!r}"
    elif "'" in text:
        if text.partition("'")[0].upper() not in _PREFIXES:
            yield f"the literal {text[:30]}"
    elif text.upper() in _FOREIGN and token.token_type != TokenType.VAR:
        yield text.upper()
