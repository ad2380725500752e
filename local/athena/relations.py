"""The rows of a Glue table as DuckDB reads them: the declared columns over the contents of its objects."""

# ruff: noqa: S608 - composing SQL is this module's work; names and values are quoted
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ministack.services import athena, s3

from local.athena import access, partitions
from local.athena.dialect import Mistake
from local.athena.partitions import Partition, Table

_SYMLINKS = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"
_OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"


@dataclass
class Relation:
    """The rows of a table: its files by partition, and their size in bytes."""

    table: Table
    files: list[tuple[Partition, list[Path]]] = field(default_factory=list)
    bytes: int = 0


def fetch(table: Table, chosen: Sequence[Partition], folder: Path) -> Relation:
    """Copy the objects of the chosen partitions into `folder`, read from S3 as the caller.

    A table of symlinks has the objects that its symlink.txt name, wherever they lie.

    Raises:
        Denied: the caller may not list or read one.
        Mistake: a symlink names an object that is not there.
    """
    relation = Relation(table)
    for number, partition in enumerate(chosen):
        access.require_list(partition.bucket, partition.prefix)
        found = [(partition.bucket, key) for key in partitions.keys_under(partition.bucket, partition.prefix)]
        if (table.get("StorageDescriptor") or {}).get("InputFormat") == _SYMLINKS:
            found = [named for bucket, key in found for named in _symlinks(_read(bucket, key))]
        bodies = [(key, _read(bucket, key)) for bucket, key in found]
        paths = [folder / f"{number}-{at}{''.join(Path(key).suffixes)}" for at, (key, _) in enumerate(bodies)]
        for path, (_, body) in zip(paths, bodies, strict=True):
            path.write_bytes(body)
            relation.bytes += len(body)
        if paths:
            relation.files.append((partition, paths))
    return relation


def define(connection: Any, database: str, name: str, relation: Relation) -> None:
    """Create the view `database.name` over the rows of the relation: columns, then partition keys.

    A column that the files do not have is NULL, a value that is not of the declared type is HIVE_BAD_DATA when a query
    reads it. https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
    """
    keys = relation.table.get("PartitionKeys") or []
    parts = []
    for partition, paths in relation.files:
        values = (
            f", CAST({_text(value)} AS {athena._duckdb_type(key)}) AS {_name(key)}"
            for key, value in zip(keys, partition.values, strict=True)
        )
        parts.append(_rows(connection, relation.table, paths, "".join(values)))
    body = " UNION ALL ".join(parts) or f"SELECT * FROM {athena._empty_relation(relation.table)}"
    connection.execute(f'CREATE VIEW "{database}"."{name}" AS {body}')


def _symlinks(body: bytes) -> list[tuple[str, str]]:
    addresses = map(urlsplit, body.decode().split())
    return [(address.netloc, address.path[1:]) for address in addresses]


def _read(bucket: str, key: str) -> bytes:
    access.require_read(bucket, key)
    body: bytes | None = s3._get_object_data(bucket, key)
    if body is None:
        raise Mistake(f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split s3://{bucket}/{key}: NoSuchKey")
    return body


def _rows(connection: Any, table: Table, paths: Sequence[Path], values: str) -> str:
    storage = table["StorageDescriptor"]
    columns = storage.get("Columns") or []
    serde = (storage.get("SerdeInfo") or {}).get("SerializationLibrary") or ""
    if serde == _OPEN_CSV:
        selected = ", ".join(_from_text(column, f"c{at}") for at, column in enumerate(columns))
        return f"SELECT {selected}{values} FROM {_csv(storage, paths, len(columns))}"
    kind = athena._data_format({"StorageDescriptor": {**storage, "InputFormat": ""}})
    if kind == "orc":
        given = (storage.get("SerdeInfo") or {}).get("Parameters") or {}
        by_place = str(given.get("orc.column.index.access", "true")).lower() == "true"
        paths = [_as_parquet(path, [column["Name"] for column in columns] if by_place else []) for path in paths]
    if kind in ("orc", "parquet"):
        source = f"read_parquet({_list(paths)}, union_by_name = true)"
        held = {row[0].lower(): row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        selected = ", ".join(_from_typed(column, held.get(column["Name"].lower())) for column in columns)
        return f"SELECT {selected}{values} FROM {source}"
    # Other formats as ministack reads them.
    source = athena._table_relation({**table, "PartitionKeys": []}, [str(path) for path in paths])
    return f"SELECT *{values} FROM {source}"


def _csv(storage: Mapping[str, Any], paths: Sequence[Path], width: int) -> str:
    given = (storage.get("SerdeInfo") or {}).get("Parameters") or {}
    separator, quote = given.get("separatorChar", ","), given.get("quoteChar", '"')
    columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(width))
    return (
        f"read_csv({_list(paths)}, auto_detect = false, header = false, delim = {_text(separator)}, "
        f"quote = {_text(quote)}, escape = {_text(quote)}, columns = {{{columns}}}, null_padding = true, "
        "strict_mode = false, allow_quoted_nulls = false)"
    )


def _from_text(column: Mapping[str, str], source: str) -> str:
    kind = athena._duckdb_type(column)
    if kind == "VARCHAR":
        return f"{source} AS {_name(column)}"
    if kind == "BOOLEAN":
        # S3 leaves booleans of delete markers empty, and AWS's own table declares them so.
        return f"TRY_CAST({source} AS BOOLEAN) AS {_name(column)}"
    # This serde reads an instant as milliseconds, never as text, and knows no empty number.
    held = "BIGINT" if kind == "TIMESTAMP" else kind
    value = f"make_timestamp_ms(CAST({source} AS BIGINT))" if kind == "TIMESTAMP" else f"CAST({source} AS {kind})"
    bad = f"HIVE_BAD_DATA: Error parsing a value of column {column['Name']} as {column['Type']}: "
    return (
        f"CASE WHEN {source} IS NULL THEN NULL WHEN TRY_CAST({source} AS {held}) IS NULL "
        f"THEN error({_text(bad)} || {source}) ELSE {value} END AS {_name(column)}"
    )


def _from_typed(column: Mapping[str, str], held: str | None) -> str:
    kind, name = athena._duckdb_type(column), _name(column)
    if held is None:
        return f"CAST(NULL AS {kind}) AS {name}"
    if "<" in column["Type"]:
        return name
    if kind == "TIMESTAMP" and held == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {name}) AS {name}"
    if kind == "BIGINT" and held.startswith("TIMESTAMP"):
        # AWS's table for inventories declares one instant as a bigint: the milliseconds as the file has them.
        return f"epoch_ms({name}) AS {name}"
    return f"CAST({name} AS {kind}) AS {name}"


def _as_parquet(path: Path, names: Sequence[str]) -> Path:
    """Return the path of the same rows as Parquet, since DuckDB reads no ORC.

    Args:
        names: The columns of the table, which name those of the file by their place. Athena reads ORC so, unless
            ``orc.column.index.access`` is false; then it is empty, and the names of the file hold.

    Source: https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html (ORC read by index)
    """
    from pyarrow import orc, parquet

    table = orc.read_table(io.BytesIO(path.read_bytes()))
    if names:
        # A column of the file beyond the table's is not read, one of the table beyond the file's is null.
        width = min(len(names), table.num_columns)
        table = table.select(range(width)).rename_columns(list(names[:width]))
    converted = path.with_suffix(".parquet")
    parquet.write_table(table, converted)
    return converted


def _name(column: Mapping[str, str]) -> str:
    return '"' + column["Name"].replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(_text(str(path)) for path in paths) + "]"
