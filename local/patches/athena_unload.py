"""Athena's UNLOAD, which ministack 1.5.33 does not know."""

import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ministack.services import athena, s3

from local.athena import access, dialect, partitions
from local.replacing import replacing

_UNLOAD = re.compile(
    r"\s*UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<uri>s3://[^']+/)'\s*WITH\s*\((?P<options>[^()]*)\)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = re.compile(r"(\w+)\s*=\s*'([^']*)'")
_FILE_BYTES = 8 << 20
"""About where a file ends and the next begins; Athena's depend on how it was planned."""
_NULL = r"\N"


def apply() -> None:
    """Symptom: UNLOAD fails with DuckDB's complaint of its syntax.

    Mends (1.5.33): for ``format = 'TEXTFILE'`` and ``compression = 'NONE'``, the query's rows are written in the
    caller's name as lines without a header, one file or several with names made up, into a folder that must be empty.
    https://docs.aws.amazon.com/athena/latest/ug/unload.html
    """

    @replacing(athena, "_run_duckdb")
    async def run(original: Any, query: str, database: str, catalog: str | None = None) -> Any:
        asked = _UNLOAD.fullmatch(query)
        if not asked:
            return await original(query, database, catalog)
        options: dict[str, str] = dict(_OPTION.findall(asked["options"]))
        if (options.get("format"), options.get("compression")) != ("TEXTFILE", "NONE"):
            raise dialect.Mistake("NOT_SUPPORTED: the local AWS unloads with format TEXTFILE and compression NONE")
        where = urlsplit(asked["uri"])
        access.require_list(where.netloc, where.path[1:])
        if partitions.keys_under(where.netloc, where.path[1:]):
            raise dialect.Mistake(f"HIVE_PATH_ALREADY_EXISTS: Target directory already exists: {asked['uri']}")
        answer = await original(asked["query"], database, catalog)
        for number, body in enumerate(_files(answer["rows"], options.get("field_delimiter", "\x01"))):
            key = f"{where.path[1:]}{number:05}_{secrets.token_hex(8)}"
            access.require_write(f"s3://{where.netloc}/{key}")
            status, _, problem = s3._put_object(where.netloc, key, body, {"content-type": "application/octet-stream"})
            if status != 200:
                raise RuntimeError(f"Unable to write s3://{where.netloc}/{key}: {problem.decode()}")
        return {"columns": [], "column_types": [], "rows": []}


def _files(rows: list[list[Any]], delimiter: str) -> Iterator[bytes]:
    held = bytearray()
    for row in rows:
        texts = (dialect.written(value) for value in row)
        held += (delimiter.join(_NULL if text is None else text for text in texts) + "\n").encode()
        if len(held) >= _FILE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
