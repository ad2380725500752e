"""JSON Lines on S3 into a table of a real PostgreSQL: all of them once, or nothing."""

import gzip
import json
import threading
import tracemalloc
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from brigade.database.load import LoadReceipt, load_object
from brigade.database.rows import connect
from brigade.errors import BrigadeError, ConditionLost, InvalidData, NotFound
from brigade.ingest.extract import Extract, compress_lines
from brigade.jsonl import Stamp
from brigade.s3.location import Location
from local.postgres import Postgres
from tests import command
from tests.database.tables import execute, given, reader, source
from tests.local.conftest import Emulator
from tests.local.ingests import Lake, lake_of

COLUMNS = (
    "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n numeric, f float8, t text, b bytea, d date, at timestamptz,"
    " i interval, u uuid, a int[], aa text[][], j jsonb, r int4range, ok bool, made text DEFAULT 'here'"
)


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    with lake_of(emulator.root("s3")) as made:
        yield made


@pytest.fixture
def table(postgres: Postgres) -> str:
    name = f"t{uuid.uuid4().hex}"
    execute(postgres, f"CREATE TABLE {name} ({COLUMNS})")
    return name


def put(lake: Lake, body: bytes) -> Location:
    place = Location(lake.lake, f"{uuid.uuid4()}.jsonl.gz")
    lake.s3.put_object(Bucket=place.bucket, Key=place.key, Body=body)
    return place


def records(*given: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in given)


def loaded(postgres: Postgres, lake: Lake, place: Location, table: str, run_id: str | None = None) -> LoadReceipt:
    with connect(given(postgres).uri) as connection:
        return load_object(connection, lake.s3, place, table, run_id)


def test_what_was_ingested_comes_back_as_it_was(postgres: Postgres, lake: Lake, table: str) -> None:
    execute(
        postgres,
        f"INSERT INTO {table} (n, f, t, b, d, at, i, u, a, aa, j, r, ok) VALUES"
        " (12345678901234567890.1234567890, 0.1, E'a\"b\\\\c\\n\\t\u00fc', '\\x00ff', '2026-11-22',"
        " '2026-11-22 01:02:03.4+05',"
        " '1 year 2 days 3.5 s', gen_random_uuid(), '{1,NULL,3}', '{{a,b},{c,NULL}}',"
        " '{\"x\": [1.10, null]}', '[1,5)', true),"
        " ('NaN', '-Infinity', '', '', 'infinity', '-infinity', '-1 hour', NULL, '{}', NULL, 'null', 'empty', NULL)",
    )
    declared = source(table=table, key=("id",))
    taken = Extract(declared, reader(postgres, declared), Stamp("2026-11-22", "now"))
    place = put(lake, b"".join(compress_lines(taken.lines())))
    execute(postgres, f"CREATE TABLE {table}_back (LIKE {table} INCLUDING ALL)")
    receipt = loaded(postgres, lake, place, f"{table}_back")
    assert receipt.records == 2
    assert execute(postgres, f"SELECT t::text FROM {table}_back t") != []
    # jsonb's null comes back as SQL's: JSON has one null
    execute(postgres, f"UPDATE {table} SET j = NULL WHERE j = 'null'")
    both = f"(TABLE {table} EXCEPT TABLE {table}_back) UNION ALL (TABLE {table}_back EXCEPT TABLE {table})"
    assert execute(postgres, both) == []


def test_a_run_id_is_loaded_once(postgres: Postgres, lake: Lake, table: str) -> None:
    place = put(lake, gzip.compress(records({"t": "a"}, {"t": "b"})))
    receipt = loaded(postgres, lake, place, table, "run 1")
    assert (receipt.run_id, receipt.records, receipt.object) == ("run 1", 2, str(place))
    assert receipt.target == f"public.{table}"
    with pytest.raises(ConditionLost, match=f"the run run 1 was loaded into public.{table} before, 2 records; nothing"):
        loaded(postgres, lake, place, table, "run 1")
    loaded(postgres, lake, place, table)
    with pytest.raises(ConditionLost):
        loaded(postgres, lake, place, table)
    assert execute(postgres, f"SELECT count(*) FROM {table}") == [(4,)]
    kept = execute(postgres, "SELECT records, etag FROM brigade_loads WHERE run_id = 'run 1'")
    assert kept == [(2, receipt.etag)]


@pytest.mark.parametrize("run_id", [None, "nightly"])
def test_one_object_is_loaded_into_a_second_table_too(
    postgres: Postgres, lake: Lake, table: str, run_id: str | None
) -> None:
    place = put(lake, gzip.compress(records({"t": "a"})))
    execute(postgres, f"CREATE TABLE {table}_second (LIKE {table} INCLUDING ALL)")
    for name in (table, f"{table}_second"):
        assert loaded(postgres, lake, place, name, run_id).records == 1
        for same in (name, f"public.{name}", f'public."{name}"'):
            with pytest.raises(ConditionLost, match=f"into public.{name} before, 1 records; nothing was done"):
                loaded(postgres, lake, place, same, run_id)


def test_a_function_of_another_user_is_not_run(postgres: Postgres, lake: Lake, table: str) -> None:
    forged = "LANGUAGE sql AS $$ SELECT"
    execute(
        postgres,
        f"CREATE FUNCTION public.json_populate_record({table}, json) RETURNS {table} {forged} NULL::{table} $$",
        f"CREATE FUNCTION public.forged(text, varchar) RETURNS boolean {forged} true $$",
        "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = public.forged)",
    )
    try:
        assert loaded(postgres, lake, put(lake, records({"t": "mine"})), table).records == 1
    finally:
        execute(postgres, "DROP OPERATOR public.= (text, varchar)", "DROP FUNCTION public.forged")
    assert execute(postgres, f"SELECT t FROM {table}") == [("mine",)]


def test_of_two_loads_at_once_one_is_done(postgres: Postgres, lake: Lake, table: str) -> None:
    place, ends = put(lake, gzip.compress(records(*({"t": str(n)} for n in range(500))))), list[int | None]()

    def race() -> None:
        try:
            ends.append(loaded(postgres, lake, place, table, "race").records)
        except ConditionLost:
            ends.append(None)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends, key=str) == [500, None, None, None]
    assert execute(postgres, f"SELECT count(*) FROM {table}") == [(500,)]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (
            gzip.compress(records({"t": "a"}) + b"{broken\n"),
            InvalidData,
            "line 2: .*syntax for type json",
        ),
        (gzip.compress(records({"t": "a"}, {"n": "many"})), InvalidData, "invalid input syntax for type numeric"),
        (
            gzip.compress(records({"t": "a"}, {"secret": "s", "other": 1})),
            InvalidData,
            "no column for other, secret",
        ),
        (
            gzip.compress(records({"t": "a"}, {"t": "b"}) + b'{"t":"c","n":1,"\\u0074":"d"}\n'),
            InvalidData,
            "line 3: the member t occurs twice",
        ),
        (gzip.compress(records({"t": "a"}))[:-6], InvalidData, "gzip ends in the middle"),
        (gzip.compress(records({"t": "a"}))[:-5] + b"\0\0\0\0\0", InvalidData, "not sound gzip"),
        (gzip.compress(records({"t": "a"}) + b"[1]\n"), BrigadeError, "json_object_keys"),
        (gzip.compress(records({"t": "a"}) + b"\\.\n" + records({"t": "b"})), InvalidData, r"json|of 3 lines"),
    ],
    ids=["no JSON", "no number", "no column", "twice", "cut", "broken", "no object", "COPY's end"],
)
def test_what_is_wrong_leaves_nothing(
    postgres: Postgres, lake: Lake, table: str, body: bytes, kind: type[Exception], said: str
) -> None:
    place = put(lake, body)
    with pytest.raises(kind, match=said) as caught:
        loaded(postgres, lake, place, table, table)
    assert "many" not in str(caught.value) or "numeric" in str(caught.value)
    assert execute(postgres, f"SELECT count(*) FROM {table}") == [(0,)]
    assert execute(postgres, f"SELECT * FROM brigade_loads WHERE run_id = '{table}'") == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{}\n{}\n", "took 0 of 2 records: no record has a member"),
        (b'{"t": "a"}\n{"t": "left out"}\n', "took 1 of 2 records: a trigger or rule"),
    ],
)
def test_a_record_that_the_table_does_not_take_is_missed(
    postgres: Postgres, lake: Lake, table: str, body: bytes, says: str
) -> None:
    execute(
        postgres,
        f"CREATE FUNCTION f{table}() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.t = ''left out'' THEN RETURN NULL; END IF; RETURN NEW; END'",
    )
    execute(postgres, f"CREATE TRIGGER leave BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION f{table}()")
    with pytest.raises(InvalidData, match=says):
        loaded(postgres, lake, put(lake, body), table)
    assert execute(postgres, f"SELECT count(*) FROM {table}") == [(0,)]


def test_what_is_not_there_is_said(postgres: Postgres, lake: Lake, table: str) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        loaded(postgres, lake, Location(lake.lake, "nothing"), table)
    with pytest.raises(NotFound, match="nowhere does not exist in the database; create it first"):
        loaded(postgres, lake, put(lake, b""), "nowhere")


def test_several_members_plain_lines_blanks_and_defaults(postgres: Postgres, lake: Lake, table: str) -> None:
    members = gzip.compress(records({"t": "a"})) + gzip.compress(b"") + gzip.compress(b'\n{"t": "b"}')
    assert loaded(postgres, lake, put(lake, members), table).records == 2
    assert loaded(postgres, lake, put(lake, b'{"t": "c"}'), table).records == 1
    assert loaded(postgres, lake, put(lake, gzip.compress(b"")), table).records == 0
    assert execute(postgres, f"SELECT t, made FROM {table} ORDER BY id") == [(each, "here") for each in "abc"]


def test_memory_does_not_grow_with_the_object(postgres: Postgres, lake: Lake) -> None:
    execute(postgres, "CREATE TABLE wide (t text)")
    place = put(lake, gzip.compress(records({"t": "x" * 1000}) * 60_000))
    tracemalloc.start()
    loaded(postgres, lake, place, "wide")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert execute(postgres, "SELECT count(*) FROM wide") == [(60_000,)]
    assert peak < 12 * 1024 * 1024


def test_a_server_that_goes_away_is_said(postgres: Postgres, lake: Lake, table: str) -> None:
    place = put(lake, gzip.compress(records({"t": "a"})))
    with connect(given(postgres).uri) as connection:
        execute(postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'brigade'")
        with pytest.raises(BrigadeError, match="PostgreSQL does not answer now"):
            load_object(connection, lake.s3, place, table)
    with psycopg.connect(given(postgres).uri) as check:
        assert check.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


def test_the_command_loads_with_the_secret_and_prints_the_receipt(
    emulator: Emulator, postgres: Postgres, lake: Lake, table: str
) -> None:
    fields = {"engine": "postgres", "host": postgres.host, "port": postgres.port, "dbname": "postgres"}
    name = f"shop/{uuid.uuid4()}"
    emulator.root("secretsmanager").create_secret(
        Name=name, SecretString=json.dumps(fields | {"username": postgres.user, "password": postgres.password})
    )
    place = put(lake, gzip.compress(records({"t": "a"}, {"t": "b"})))
    loading = ["--json", "database", "load", name, str(place), table, "--run-id", table]
    ended = [command.run(loading, environment=emulator.environment("root")) for _ in range(2)]
    assert [each.returncode for each in ended] == [0, 3], ended[0].stderr
    receipt = json.loads(ended[0].stdout)
    assert (receipt["run_id"], receipt["records"], receipt["object"]) == (table, 2, str(place))
    assert "before, 2 records; nothing was done" in ended[1].stderr
    assert execute(postgres, f"SELECT count(*) FROM {table}") == [(2,)]
