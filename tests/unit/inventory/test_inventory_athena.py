"""Athena receives the query as typed, and reads the deliveries through the table as S3 wrote them."""

import io
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError

from brigade.errors import InvalidData, UsageError
from brigade.inventory import Delivery
from brigade.inventory.delivery.summary import summarize
from brigade.inventory.sql import athena
from brigade.inventory.sql.dialect import current_condition, parse_condition, parse_query, with_table
from tests.fake_client import FakeClient
from tests.unit.inventory.conftest import SCHEMAS, csv_file, write

FOLDER = "inv/b/id"
SERDES = {
    "CSV": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "Parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
COLUMNS = ["bucket", "key", "version_id", "is_latest", "size", "last_modified_date", "e_tag"]


class Objects(FakeClient):
    """S3 with the objects of one bucket, and Glue with one table."""

    def __init__(self, objects: dict[str, bytes], **changed: Any) -> None:
        self.objects = objects
        parameters = {
            "projection.enabled": "true",
            "projection.dt.type": "date",
            "projection.dt.format": "yyyy-MM-dd-HH-mm",
            "projection.dt.range": "2025-06-01-00-00,NOW",
            "projection.dt.interval": "1",
            "projection.dt.interval.unit": "HOURS",
            "storage.location.template": f"s3://reports/{FOLDER}/hive/dt=${{dt}}/",
            **changed.get("parameters", {}),
        }
        storage = {
            "Location": f"s3://reports/{FOLDER}/",
            "Columns": [{"Name": name, "Type": "string"} for name in changed.get("columns", COLUMNS)],
            "SerdeInfo": {"SerializationLibrary": SERDES[changed.get("form", "CSV")]},
        }
        self.table = {"Name": "inventory", "StorageDescriptor": storage, "Parameters": parameters}

    def get_table(self, **_: Any) -> Any:
        return {"Table": self.table}

    def get_object(self, **request: Any) -> Any:
        if request["Key"] not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "none"}}, "GetObject")
        body = self.objects[request["Key"]]
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "ETag": '"e"'}


def delivered(tmp_path: Any, form: str = "CSV", stamp: str = "2025-06-02T01-00Z", **changed: Any) -> Objects:
    """A delivery of this bucket as S3 lays it out, by its objects."""
    schema = changed.pop("schema", SCHEMAS[form])
    made = write(tmp_path, form, schema, changed.pop("files", [csv_file([["b", "k", "", "true", "1", "", "e"]])]))
    objects = {
        f"{FOLDER}/{stamp}/{name}": made.with_name(name).read_bytes() for name in (made.name, "manifest.checksum")
    }
    files = [f"s3://reports/{FOLDER}/data/{each.name}" for each in sorted((tmp_path / "data").iterdir())]
    dt = stamp.replace("T", "-").removesuffix("Z")
    objects[f"{FOLDER}/hive/dt={dt}/symlink.txt"] = "\n".join(changed.pop("linked", files)).encode()
    return Objects(objects, form=changed.pop("table_form", form), **changed)


def asked(there: Objects, sql: str = "SELECT key FROM inventory", stamp: str = "2025-06-02T01-00Z") -> str:
    made = Delivery(f"s3://reports/{FOLDER}/{stamp}/manifest.json", there)
    return athena.build_statement(there, "db", "inventory", sql, [made])


def test_a_delivery_that_the_table_reads_is_asked_of(tmp_path: Any) -> None:
    text = asked(delivered(tmp_path), "WITH RECURSIVE t(n) AS (SELECT DECIMAL '0.023') SELECT n FROM t, inventory;")
    assert text.startswith('WITH RECURSIVE inventory ("bucket", "key", ')
    assert text.endswith(", t(n) AS (SELECT DECIMAL '0.023') SELECT n FROM t, inventory")
    assert """FROM "db"."inventory" WHERE "dt" IN ('2025-06-02-01-00')""" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stamp": "2025-06-02T21-32Z"}, "it is of 2025-06-02 21:32Z, and the table has whole hours from"),
        ({"stamp": "2025-05-31T23-00Z"}, "it is of 2025-05-31 23:00Z, and the table begins at 2025-06-01-00-00"),
        (
            {"schema": SCHEMAS["CSV"].replace("VersionId, IsLatest, ", "")},
            "its columns differ: the delivery alone has none, the table alone has version_id, is_latest",
        ),
        (
            {"columns": [*COLUMNS, "storage_class"]},
            "its columns differ: the delivery alone has none, the table alone has storage_class",
        ),
        ({"columns": COLUMNS[:-1]}, "its columns differ: the delivery alone has e_tag, the table alone has none"),
        ({"columns": [*COLUMNS[:5], "e_tag", "last_modified_date"]}, "its columns have another order"),
        ({"form": "ORC", "columns": [*COLUMNS[:5], "e_tag", "last_modified_date"]}, "its columns have another order"),
        ({"table_form": "Parquet"}, "its format is CSV, and the table's is Parquet"),
        (
            {"parameters": {"storage.location.template": "s3://reports/inv/other/id/hive/dt=${dt}/"}},
            "the table reads the deliveries in s3://reports/inv/other/id/",
        ),
        ({"parameters": {"projection.enabled": "false"}}, "is not the one that this stage deploys"),
        ({"parameters": {"projection.dt.range": "NOW-3YEARS,NOW"}}, "is not the one that this stage deploys"),
        ({"parameters": {"projection.dt.range": "2025-06-01-00-00,2025-06-03-00-00"}}, "is not the one that"),
        ({"linked": []}, "symlink.txt names 0 data files, not the 1 of the manifest"),
        ({"linked": [f"s3://reports/{FOLDER}/data/other.csv.gz"]}, "symlink.txt names 1 data files, not the 1 of"),
    ],
)
def test_what_athena_would_read_as_nothing_or_as_another_thing_is_refused(
    tmp_path: Any, changed: dict[str, Any], said: str
) -> None:
    stamp = changed.get("stamp", "2025-06-02T01-00Z")
    with pytest.raises(UsageError) as raised:
        asked(delivered(tmp_path, **changed), stamp=stamp)
    assert said in str(raised.value)
    assert f"s3://reports/{FOLDER}/{stamp}/manifest.json" in str(raised.value)


def test_columns_of_parquet_are_read_by_their_names(tmp_path: Any) -> None:
    assert asked(delivered(tmp_path, "Parquet", columns=COLUMNS[::-1]))


def test_a_delivery_without_its_symlinks_is_refused(tmp_path: Any) -> None:
    there = delivered(tmp_path)
    del there.objects[f"{FOLDER}/hive/dt=2025-06-02-01-00/symlink.txt"]
    with pytest.raises(UsageError, match=r"symlink\.txt is not there"):
        asked(there)


def test_a_copy_on_this_machine_is_refused(tmp_path: Any) -> None:
    there = delivered(tmp_path)
    copy = Delivery(str(tmp_path / "2025-06-02T01-00Z" / "manifest.json"), there)
    with pytest.raises(UsageError, match="it is a copy on this machine"):
        athena.build_statement(there, "db", "inventory", "SELECT 1 FROM inventory", [copy])
    with pytest.raises(UsageError, match="needs a delivery"):
        athena.build_statement(there, "db", "inventory", "SELECT 1 FROM inventory", [])


QUERIES = [
    "SELECT count(*) FROM inventory",
    "-- of what\nSELECT '🪣', max(key) FROM inventory; -- the end",
    "WITH a AS (SELECT key FROM inventory) SELECT * FROM a ORDER BY key",
    "/* c */ with /* d */ recursive t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3), u(k) AS (SELECT key "
    "FROM inventory) SELECT n, k FROM t, u ORDER BY 1, 2",
    "(SELECT key FROM inventory) UNION ALL (SELECT 'with' FROM inventory) ORDER BY 1",
    'SELECT "KEY" AS "With" FROM inventory i WHERE i.size > 1 ORDER BY 1',
    "SELECT DECIMAL '0.00099', DECIMAL '12.5', is_latest IS NOT DISTINCT FROM true FROM inventory ORDER BY key",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_the_text_behind_the_table_answers_as_the_text_over_a_table(sql: str) -> None:
    parse_query(sql)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE source AS SELECT * FROM (VALUES ('a', 1, true), ('b', 2, NULL)) t(k, s, l)")
        behind = with_table(sql, ["key", "size", "is_latest"], "SELECT k, s, l FROM source")
        found = connection.execute(behind).fetchall()
        connection.execute("CREATE VIEW inventory AS SELECT k AS key, s AS size, l AS is_latest FROM source")
        assert found == connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("size > 1 -- large", "(size > 1)"),
        ("size > 1 /* large */;", "(size > 1)"),
        ("key NOT LIKE 'ü%'", "(key NOT LIKE 'ü%')"),
        ("size > DECIMAL '0.50'", "(size > DECIMAL '0.50')"),
        ("is_latest IS NOT NULL", "(is_latest IS NOT NULL)"),
    ],
)
def test_a_condition_is_its_text_in_parentheses(where: str, text: str) -> None:
    assert parse_condition(where) == text
    assert current_condition(["key", "is_latest"], where) == f"{text} AND is_latest"


@pytest.mark.parametrize(
    "where",
    [
        "true) OR (true",
        "size > 1 AS x",
        "size > 1, 2",
        "SELECT true",
        "true UNION SELECT true",
        "true; true",
        "",
        "1_000 < size",
    ],
)
def test_what_is_no_whole_condition_is_refused(where: str) -> None:
    with pytest.raises(UsageError):
        parse_condition(where)


@pytest.mark.parametrize("number", ["1_000", "0x10", "0b1", "1a"])
def test_a_number_that_is_read_as_another_is_refused(number: str) -> None:
    with pytest.raises(UsageError, match=f"the number {number}"):
        parse_query(f"SELECT {number} FROM inventory")


@pytest.mark.parametrize(
    ("files", "rows"),
    [(1, []), (1, [("STANDARD", 0, 0)]), (0, [("STANDARD", 1, 5)]), (1, [("STANDARD", 1, -5)])],
)
def test_a_summary_that_contradicts_its_manifest_is_refused(files: int, rows: list[tuple[str, int, int]]) -> None:
    manifest = SimpleNamespace(files=("file",) * files, source_bucket="b")
    made: Any = SimpleNamespace(uri="s3://reports/m", manifest=manifest)
    with pytest.raises(InvalidData, match=f"s3://reports/m lists {files} data files"):
        summarize(made, rows)
