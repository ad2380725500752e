"""Athena over S3 Inventory deliveries, through its own API; each test fails without the patch that it names."""

import json
import urllib.parse
import uuid

import pytest

from tests.local.athena_lake import PROJECTION, Lake
from tests.local.conftest import Emulator
from tests.local.inventories import KEYS

TABLES = ["csv", "orc", "parquet"]


@pytest.fixture(scope="module")
def lake(emulator: Emulator) -> Lake:
    return Lake(emulator)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_symlinks_gives_the_rows_of_the_reports(lake: Lake, table: str) -> None:
    key = "url_decode(key)" if table == "csv" else "key"
    size = "TRY_CAST(NULLIF(size, '') AS bigint)" if table == "csv" else "size"
    written = "from_iso8601_timestamp(last_modified_date)" if table == "csv" else "last_modified_date"
    rows = lake.rows(
        f"SELECT {key}, {size}, date_diff('hour', {written}, now()), is_delete_marker, dt, e_tag, "
        f"is_multipart_uploaded FROM {table} WHERE dt = '{lake.dt(1)}' AND NOT is_delete_marker"
    )
    etag = "827ccb0eea8a706c4c34a16891f84e7b"
    expected = [[key, "5", "0", "false", lake.dt(1), etag, "false"] for key in KEYS]
    assert sorted(rows, key=str) == sorted(expected, key=str)
    markers = lake.rows(
        f"SELECT {key}, {size}, is_multipart_uploaded FROM {table} WHERE is_delete_marker AND is_latest"
    )
    assert markers == [[KEYS[0], None, None]] * 2


@pytest.mark.parametrize("table", TABLES)
def test_only_partitions_that_are_asked_for_are_read_and_counted(lake: Lake, table: str) -> None:
    both = lake.start(f'SELECT count(*) FROM awsdatacatalog."{lake.database}"."{table}"')
    one = lake.start(f"SELECT count(*) FROM {table} t WHERE t.dt > '{lake.dt(0)}'")
    address = urllib.parse.urlsplit(lake.deliveries[1][table])
    manifest = json.loads(lake.inventory.read(address.geturl()))
    size = sum(file["size"] for file in manifest["files"])
    assert one["Statistics"]["DataScannedInBytes"] == size
    assert both["Statistics"]["DataScannedInBytes"] > size
    assert lake.rows(f"SELECT dt, count(*) FROM {table} GROUP BY 1 ORDER BY 1 DESC") == [
        [lake.dt(number), str(len(KEYS) + 1)] for number in (1, 0)
    ]


def test_projection_sees_what_lies_in_its_range_and_on_its_interval(lake: Lake) -> None:
    first, second = lake.dt(0), lake.dt(1)
    ranges = {
        "to_first": {"projection.dt.range": f"2022-01-01-00-00,{first}"},
        "from_second": {"projection.dt.range": f"{second},NOW"},
        "off_the_hour": {"projection.dt.range": "2022-01-01-00-30,NOW"},
        "at_no_value": {"projection.dt.type": "enum", "projection.dt.values": "x,y"},
    }
    for name, changed in ranges.items():
        lake.table(name, "CSV", parameters={**PROJECTION, **changed})
    seen = {name: [row[0] for row in lake.rows(f"SELECT DISTINCT dt FROM {name}")] for name in ranges}
    assert seen == {"to_first": [first], "from_second": [second], "off_the_hour": [], "at_no_value": []}
    lake.table("no_type", "CSV", parameters={"projection.enabled": "true"})
    assert "projection.dt.type" in lake.reason("SELECT 1 FROM no_type")


def test_without_projection_registered_partitions_count_and_no_others(lake: Lake) -> None:
    lake.table("registered", "ORC", parameters={})
    assert lake.rows("SELECT count(*) FROM registered") == [["0"]]
    location = f"s3://{lake.reports}/inventory/{lake.inventory.source}/orc/hive/dt={lake.dt(0)}/"
    storage = {"Location": location}
    lake.glue.create_partition(
        DatabaseName=lake.database,
        TableName="registered",
        PartitionInput={"Values": ["mine"], "StorageDescriptor": storage},
    )
    assert lake.rows("SELECT dt, count(*) FROM registered GROUP BY 1") == [["mine", str(len(KEYS) + 1)]]


def test_a_table_declared_wrong_does_what_it_does_on_athena(lake: Lake) -> None:
    lake.table("text_size", "CSV", types={"size": "bigint"})
    assert lake.reason("SELECT size FROM text_size").endswith(
        "HIVE_BAD_DATA: Error parsing a value of column size as bigint: "
    )
    lake.table("iso_time", "CSV", types={"last_modified_date": "timestamp"})
    assert "HIVE_BAD_DATA" in lake.reason("SELECT last_modified_date FROM iso_time")
    lake.table("not_selected", "Parquet", more=["storage_class"])
    assert lake.rows("SELECT DISTINCT storage_class FROM not_selected") == [[None]]
    lake.table("not_symlinks", "CSV", input_format="org.apache.hadoop.mapred.TextInputFormat")
    assert lake.rows("SELECT DISTINCT substr(bucket, 1, 5) FROM not_symlinks") == [["s3://"]]
    assert "TABLE_NOT_FOUND" in lake.reason("SELECT 1 FROM nowhere")
    assert "SYNTAX_ERROR" in lake.reason("SELECT FROM WHERE")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("regexp_like('a.tar.gz', '\\.gz$')", "true"),
        ("url_decode('a+b%2Bc%2F')", "a b+c/"),
        ("url_encode('a b/c')", "a+b%2Fc"),
        ("date_diff('day', timestamp '2026-01-01 23:00', timestamp '2026-01-02 01:00')", "0"),
        ("date_diff('day', date '2026-01-01', date '2026-02-01')", "31"),
        ("from_iso8601_timestamp('2024-04-22T01:14:53.000Z')", "2024-04-22 01:14:53.000 UTC"),
        ("date(from_iso8601_timestamp('2024-04-22T01:14:53.000Z'))", "2024-04-22"),
        ("try_cast('x' as bigint)", None),
        ("element_at(split('a/b/c', '/'), -1)", "c"),
        ("element_at(split('a/b/c', '/'), 9)", None),
        ("split('a/b', '/')", "[a, b]"),
        ("split_part('a/b', '/', 2)", "b"),
        ("split_part('a/b', '/', 3)", None),
        ("regexp_extract('a/b.tar', '\\.([^./]+)$', 1)", "tar"),
        ("regexp_extract('a', '\\.([^./]+)$', 1)", None),
        ("format('%,d of %s: %.1f%%', 1234567, 'x', 2.25)", "1,234,567 of x: 2.2%"),
        ("format('%5s|%-5s|%03d', 'a', 'b', 7)", "    a|b    |007"),
        ("upper(split_part(url_decode(regexp_extract('x=a+b%2Fc', '=(.*)$', 1)), '/', 1))", "A B"),
        ("7 / 2", "3"),
        ("1.0E0 / 3", "0.3333333333333333"),
        ("cast(12345678 as double)", "1.2345678E7"),
        ("json_extract_scalar('{\"a\": \"b\"}', '$.a')", "b"),
        ("map_agg('a', 1)", "{a=1}"),
        ("approx_distinct('a')", "1"),
        ("to_iso8601(timestamp '2026-01-01 23:00:00')", "2026-01-01T23:00:00.000Z"),
        ("from_utf8(from_base64('YQ=='))", "a"),
        ("coalesce(nullif('', ''), 'none')", "none"),
        ("array_join(array_agg('x'), ',')", "x"),
        ("count_if(true)", "1"),
    ],
)
def test_athenas_functions(lake: Lake, expression: str, value: str | None) -> None:
    assert lake.rows(f"SELECT {expression} AS answer") == [[value]]


def test_queries_of_several_parts(lake: Lake) -> None:
    rows = lake.rows(
        f"WITH now_there AS (SELECT key, size FROM parquet WHERE dt = '{lake.dt(1)}' AND is_latest "
        f"AND NOT is_delete_marker), before AS (SELECT key, size FROM orc WHERE dt = '{lake.dt(0)}') "
        "SELECT count(DISTINCT n.key), sum(n.size), max_by(n.key, length(n.key)) IS NOT NULL "
        "FROM now_there n JOIN before b ON n.key = b.key "
        "UNION ALL SELECT 0, NULL, EXISTS (SELECT 1 FROM csv) ORDER BY 1 DESC"
    )
    assert rows == [[str(len(KEYS) - 1), str(5 * (len(KEYS) - 1)), "true"], ["0", None, "true"]]


def test_an_outer_join_reads_what_its_nulls_depend_on(lake: Lake) -> None:
    join = f"parquet a LEFT JOIN orc b ON a.version_id = b.version_id AND b.dt = '{lake.dt(1)}'"
    missing = f"SELECT count(*) FROM {join} WHERE a.dt = '{lake.dt(0)}' AND b.dt IS NULL"
    assert lake.rows(missing) == [["0"]]
    execution = lake.start(missing)
    everything = lake.start("SELECT count(a.dt), count(b.dt) FROM parquet a, orc b")
    assert 2 * execution["Statistics"]["DataScannedInBytes"] == everything["Statistics"]["DataScannedInBytes"]


def test_a_result_is_where_the_execution_says(lake: Lake) -> None:
    execution = lake.start("""SELECT 'a"b' AS "one", NULL AS two, 3 AS three""")
    name = execution["QueryExecutionId"]
    where = execution["ResultConfiguration"]["OutputLocation"]
    assert where == f"s3://{lake.reports}/queries/{name}.csv"
    assert lake.inventory.read(where) == b'"one","two","three"\n"a""b",,"3"\n'
    assert lake.inventory.read(f"{where}.metadata")


def test_parameters_take_the_place_of_question_marks(lake: Lake) -> None:
    sql = "SELECT ? AS a, '?' AS b, count(*) FROM orc WHERE dt = ?"
    parameters = ["7", f"'{lake.dt(0)}'"]
    assert lake.rows(sql, ExecutionParameters=parameters) == [["7", "?", str(len(KEYS) + 1)]]
    execution = lake.start(sql, ExecutionParameters=parameters)
    assert (execution["Query"], execution["ExecutionParameters"]) == (sql, parameters)
    athena = lake.emulator.root("athena")
    with pytest.raises(athena.exceptions.InvalidRequestException, match="expected 2 but found 1"):
        lake.start(sql, ExecutionParameters=["7"])


def test_a_workgroup_that_enforces_its_location_is_kept_to(lake: Lake) -> None:
    name = f"group-{uuid.uuid4().hex[:8]}"
    location = {"OutputLocation": f"s3://{lake.reports}/enforced/"}
    lake.emulator.root("athena").create_work_group(
        Name=name,
        Configuration={"EnforceWorkGroupConfiguration": True, "ResultConfiguration": location},
    )
    execution = lake.start("SELECT 1", WorkGroup=name)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{lake.reports}/enforced/")


def test_a_query_that_scans_more_than_its_workgroup_allows_is_cancelled(lake: Lake) -> None:
    name = f"group-{uuid.uuid4().hex[:8]}"
    least = 10_000_000  # the smallest limit that Athena takes
    lake.emulator.root("athena").create_work_group(Name=name, Configuration={"BytesScannedCutoffPerQuery": least})
    lake.table("large", "CSV", parameters={})
    lake.inventory.s3.put_object(Bucket=lake.reports, Key="large/rows.csv", Body=b'"b","k"\n' * (least // 8 + 1))
    lake.inventory.s3.put_object(
        Bucket=lake.reports, Key="large-too/symlink.txt", Body=f"s3://{lake.reports}/large/rows.csv".encode()
    )
    lake.glue.create_partition(
        DatabaseName=lake.database,
        TableName="large",
        PartitionInput={"Values": ["x"], "StorageDescriptor": {"Location": f"s3://{lake.reports}/large-too/"}},
    )
    status = lake.start("SELECT count(*) FROM large", WorkGroup=name)["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Bytes scanned limit was exceeded")
    assert lake.rows("SELECT count(*) FROM large") == [[str(least // 8 + 1)]]


def test_orc_is_read_by_the_place_of_its_columns_unless_the_table_says_by_name(lake: Lake) -> None:
    made = lake.glue.get_table(DatabaseName=lake.database, Name="orc")["Table"]
    storage = made["StorageDescriptor"]
    bucket, key, *others = storage["Columns"]
    for name, by_place in (("orc_by_place", "true"), ("orc_by_name", "false")):
        serde = {**storage["SerdeInfo"], "Parameters": {"orc.column.index.access": by_place}}
        turned = {**storage, "Columns": [key, bucket, *others], "SerdeInfo": serde}
        given = {part: made[part] for part in ("TableType", "Parameters", "PartitionKeys")}
        lake.glue.create_table(
            DatabaseName=lake.database, TableInput={**given, "Name": name, "StorageDescriptor": turned}
        )
    names = [row[0] for row in lake.rows(f"SELECT DISTINCT key FROM orc_by_place WHERE dt = '{lake.dt(0)}'")]
    assert names == [lake.inventory.source]
    asked = f"SELECT DISTINCT key FROM {{}} WHERE dt = '{lake.dt(0)}' ORDER BY 1"
    assert lake.rows(asked.format("orc_by_name")) == lake.rows(asked.format("orc"))


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT key FROM orc ORDER BY size FETCH FIRST 1 ROW WITH TIES", "NOT_SUPPORTED: "),
        ("SELECT key FROM orc WHERE key LIKE ANY ('a%')", "SYNTAX_ERROR: "),
        ("SELECT key FROM orc WHERE key ILIKE 'a%'", "SYNTAX_ERROR: "),
    ],
)
def test_what_athena_has_not_or_duckdb_would_drop_is_refused(lake: Lake, sql: str, reason: str) -> None:
    assert lake.reason(sql).startswith(reason)


def test_a_decimal_has_the_digits_that_are_written(lake: Lake) -> None:
    assert lake.rows("SELECT DECIMAL '0.00099', DECIMAL '-12.50'") == [["0.00099", "-12.50"]]
