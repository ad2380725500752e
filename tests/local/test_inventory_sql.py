"""SQL and the named questions, asked of one delivery here and on the local Athena, by the library and the command."""

import json

import pytest

from brigade.catalog import QUESTIONS, Question
from brigade.errors import BrigadeError, NotFound
from brigade.inventory import open_latest_delivery, query
from brigade.inventory.sql import athena
from tests.local.inventory_lake import Lake


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT key, version_id, is_latest, is_delete_marker, size, last_modified_date, e_tag, storage_class, "
        "is_multipart_uploaded FROM inventory ORDER BY key, version_id",
        "SELECT * FROM inventory ORDER BY key, version_id",
        "SELECT count(*) AS n, sum(size) AS bytes, avg(size) AS mean, max(last_modified_date) AS newest FROM inventory",
        "SELECT key FROM inventory WHERE size >= 200 AND is_latest AND key LIKE '%🪣%'",
        "SELECT is_latest, count(*) AS n FROM inventory WHERE size IS NOT NULL GROUP BY is_latest ORDER BY n",
        "SELECT max(size) / 3 AS third FROM inventory",
        "WITH big AS (SELECT * FROM inventory WHERE size > 100) SELECT count(*) AS n FROM big",
    ],
)
def test_athena_answers_what_duckdb_answers(lake: Lake, sql: str) -> None:
    here = lake.asked_duckdb(sql)
    assert here[1]
    assert lake.asked_athena(sql) == here


def test_athena_says_its_own_reason(lake: Lake) -> None:
    newest = open_latest_delivery(lake.client("s3"), *lake.place)
    sql = "SELECT nothing FROM inventory"
    statement = athena.build_statement(lake.client("glue"), lake.database, "inventory", sql, [newest])
    with pytest.raises(BrigadeError, match=r"ended FAILED on Athena: .*nothing"):
        athena.query(lake.client("athena"), lake.database, lake.database, statement)
    with pytest.raises(NotFound, match="there is no table"):
        athena.build_statement(lake.client("glue"), lake.database, "other", "SELECT 1 FROM inventory", [newest])


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_who_waits_for_athena_is_told_how_far_it_is(lake: Lake) -> None:
    newest = open_latest_delivery(lake.client("s3"), *lake.place)
    sql = athena.build_statement(lake.client("glue"), lake.database, "inventory", "SELECT key FROM inventory", [newest])
    told: list[tuple[str, int]] = []
    answer = athena.query(lake.client("athena"), lake.database, lake.database, sql, lambda *looked: told.append(looked))
    assert answer.scanned > 0
    assert told[-1] == ("SUCCEEDED", answer.scanned)
    assert {state for state, _ in told[:-1]} <= {"QUEUED", "RUNNING"}


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_who_is_interrupted_leaves_no_query_running(lake: Lake) -> None:
    hours = "SELECT count(*) FROM " + ", ".join(f"UNNEST(sequence(1, 10000)) AS t{n} (n{n})" for n in range(4))
    client = lake.client("athena")

    def interrupted(state: str, scanned: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        athena.query(client, lake.database, lake.database, hours, interrupted)
    ids = client.list_query_executions(WorkGroup=lake.database)["QueryExecutionIds"]
    found = client.batch_get_query_execution(QueryExecutionIds=ids)["QueryExecutions"]
    assert [each["Status"]["State"] for each in found if each["Query"] == hours] == ["CANCELLED"]


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_asks_both_engines(lake: Lake) -> None:
    sql = "SELECT key, size FROM inventory WHERE is_latest AND size > 0 ORDER BY key"
    here = lake.run("--json", "inventory", "sql", sql)
    there = lake.run("--json", "inventory", "sql", sql, "--engine", "athena")
    assert here.stdout == there.stdout
    assert json.loads(here.stdout.splitlines()[0])["key"] == "//leading//../dots"
    assert b"Athena reads the delivery dt = '20" in there.stderr
    assert b"bytes for about $0.00005" in there.stderr
    partition = open_latest_delivery(lake.client("s3"), *lake.place).partition
    dated = sql.replace("WHERE", f"WHERE dt = '{partition}' AND")
    pinned = lake.run("--json", "inventory", "sql", dated, "--engine", "athena")
    assert pinned.stdout == here.stdout
    assert b"The query names dt: Athena reads 1 of 1 deliveries." in pinned.stderr


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
@pytest.mark.parametrize(
    ("stamp", "said"),
    [("2199-11-23T21-32Z", "the table has whole hours from"), ("2026-10-01T01-00Z", "the table begins at")],
)
def test_a_delivery_that_the_projection_leaves_out_is_refused_not_empty(lake: Lake, stamp: str, said: str) -> None:
    s3, newest = lake.client("s3"), open_latest_delivery(lake.client("s3"), *lake.place)
    folder = f"inventory/{lake.lake}/all"
    copied = {
        f"{folder}/{newest.uri.split('/')[-2]}/{name}": f"{folder}/{stamp}/{name}"
        for name in ("manifest.json", "manifest.checksum")
    }
    dt = stamp.replace("T", "-").removesuffix("Z")
    copied[f"{folder}/hive/dt={newest.partition}/symlink.txt"] = f"{folder}/hive/dt={dt}/symlink.txt"
    for source, target in copied.items():
        s3.copy_object(Bucket=lake.reports, Key=target, CopySource={"Bucket": lake.reports, "Key": source})
    try:
        uri = f"s3://{lake.reports}/{folder}/{stamp}/manifest.json"
        sql = ["inventory", "sql", "SELECT count(*) AS n FROM inventory"]
        assert json.loads(lake.run("--json", *sql, "--delivery", uri).stdout)["n"] > 0
        by_name = ["inventory", "sql", f"SELECT count(*) AS n FROM inventory WHERE dt = '{dt}'"]
        for asked in ([*sql, "--delivery", uri], by_name):
            refused = lake.run(*asked, "--engine", "athena", check=False)
            assert (refused.returncode, refused.stdout) == (2, b"")
            assert said in refused.stderr.decode()
        mistyped = ["inventory", "sql", "SELECT count(*) AS n FROM inventory WHERE dt = '2026-11-2'"]
        none = lake.run(*mistyped, "--engine", "athena", check=False)
        assert (none.returncode, b"no delivery has the dt" in none.stderr) == (1, True)
    finally:
        for target in copied.values():
            s3.delete_object(Bucket=lake.reports, Key=target)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.name)
def test_both_engines_answer_each_question_alike(lake: Lake, question: Question) -> None:
    delivery = open_latest_delivery(lake.client("s3"), *lake.place)
    text = question.text([*delivery.manifest.columns, "dt"])
    here = query(delivery, text)
    assert lake.asked_athena(text) == (here.columns, list(here.rows()))


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_asks_a_question(lake: Lake) -> None:
    listed = [json.loads(line) for line in lake.run("--json", "inventory", "questions").stdout.splitlines()]
    assert [each["question"] for each in listed] == [each.name for each in QUESTIONS]
    asked = ["--json", "inventory", "ask", "by-prefix", "--argument", "depth=2"]
    here, there = lake.run(*asked), lake.run(*asked, "--engine", "athena")
    assert here.stdout == there.stdout
    prefixes = {json.loads(line)["prefix"] for line in here.stdout.splitlines()}
    assert prefixes == {"plain/", "space and+plus/", "", "emoji 🪣/日本語/", "//"}
    markers = json.loads(lake.run("--json", "inventory", "ask", "delete-markers").stdout)
    assert markers == {"prefix": "delete/", "markers": 1, "hiding_nothing": 0}
