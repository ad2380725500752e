"""Athena's spelling of SQL, checked: sqlglot reads other dialects too, and DuckDB runs some that Athena refuses."""

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
_FOREIGN_PAIRS = frozenset(
    {("BETWEEN", "SYMMETRIC"), ("BETWEEN", "ASYMMETRIC"), ("LATERAL", "VIEW")}
    | {("NATURAL", kind) for kind in ("JOIN", "INNER", "LEFT", "RIGHT", "FULL")}
    | {(kind, "JOIN") for kind in ("SEMI", "ANTI", "ASOF", "POSITIONAL", "STRAIGHT")}
)
_BEFORE_SUBSCRIPT = frozenset(
    {TokenType.ARRAY, TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET}
)
_BEFORE_PARENTHESIS = frozenset(
    re.findall(
        r"\w+",
        "AND ANY ALL AS BETWEEN BY CASE CUBE DISTINCT ELSE END ESCAPE EXCEPT EXISTS FILTER FROM GROUP HAVING "
        "IN INTERSECT JOIN LATERAL LIKE NOT ON OR OVER PARTITION ROLLUP SELECT SETS SOME THEN UNION UNNEST "
        "USING VALUES WHEN WHERE WITH BERNOULLI SYSTEM DECIMAL VARCHAR CHAR TIMESTAMP TIME VARBINARY ROW",
    )
)
"""Words that may stand before a parenthesis and call no function."""
_PREFIXES = frozenset({"X", "U&"})
"""The prefixes of the quote of a literal: bytes and Unicode."""
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


def called(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the name of each function that is called, in lower case; also names of aliases with columns."""
    for token, after in pairwise(tokens):
        name = token.text.lower()
        is_word = token.token_type != TokenType.STRING and name[:1].isalpha()
        if after.token_type == TokenType.L_PAREN and is_word and name.upper() not in _BEFORE_PARENTHESIS:
            yield name


def _neighbours(words: list[tuple[TokenType, str]]) -> Iterator[str]:
    kinds = [kind for kind, _ in words]
    texts = [word if kind != TokenType.STRING else "'" for kind, word in words]
    for number, (word, after) in enumerate(pairwise([*texts, ""])):
        before, second = texts[number - 1] if number else "", texts[number + 2] if number + 2 < len(texts) else ""
        kind, next_kind = kinds[number], kinds[number + 1] if number + 1 < len(kinds) else None
        if kind == next_kind == TokenType.STRING:
            yield f"two texts side by side, {words[number][1][:30]} {words[number + 1][1][:30]}"
        if word == "INTERVAL" and next_kind == TokenType.NUMBER:
            yield f"INTERVAL {after} without quotes"
        if word == "IS" and (second if after == "NOT" else after) not in {"NULL", "DISTINCT"}:
            yield f"IS {after} {second if after == 'NOT' else ''}".rstrip()
        if (word, after) in _FOREIGN_PAIRS:
            yield f"{word} {after}"
        if word == "FROM" and before in {"", "(", ";", "AS", "UNION", "ALL"}:
            yield "FROM without SELECT"
        if word == "," and after in {"", "FROM", ")"} and next_kind != TokenType.STRING:
            yield "a comma before nothing"
        if word == "[" and kinds[number - 1] not in _BEFORE_SUBSCRIPT:
            yield "'[' without ARRAY"
        if word == "LIMIT" and next_kind == TokenType.NUMBER and second in {",", "OFFSET"}:
            yield f"LIMIT {after} {second}, where Athena has OFFSET before LIMIT"
    yield from _joins(texts)


def _joins(texts: list[str]) -> Iterator[str]:
    joins = sum(word == "JOIN" and before != "CROSS" for before, word in pairwise(texts))
    if joins > sum(word in {"ON", "USING"} for word in texts):
        yield "JOIN without ON or USING"


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
