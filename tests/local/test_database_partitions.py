"""A table in ranges of its key: every row once, whichever range is killed, whatever changes between two of them."""

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from brigade.errors import ConditionLost, InvalidData, UsageError
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.partitions import Partitions, PendingPartitions, partition_targets
from brigade.ingest.replay import replay
from brigade.ingest.run import Run
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.ingest.state.receipt import Receipt
from brigade.ingest.state.run_result import RunResult
from brigade.state import State
from local.postgres import Postgres
from tests.database.tables import execute, reader, source
from tests.local.conftest import Emulator
from tests.local.ingests import PART, Lake, lake_of

COUNT = 4000


@dataclass
class Shop:
    """A table of this test's own, with keys that are far from even, and a lake."""

    lake: Lake
    postgres: Postgres
    table: str = field(default_factory=lambda: f"t{uuid.uuid4().hex}")

    def source(self, **changes: Any) -> TableSource:
        return source(**({"table": self.table, "key": ("id",), "partitions": 4, "page_bytes": 16384} | changes))

    def parted(self, **changes: Any) -> Partitions:
        declared = self.source(**changes)
        api = reader(self.postgres, declared)
        return Partitions(declared, self.lake.target, api, self.lake.s3)

    def run(self, name: str, **changes: Any) -> RunResult:
        remaining = changes.pop("remaining", lambda: 900.0)
        parted = self.parted(**changes)
        target, api = parted.open_partition(name)
        return Run(
            source=parted.source,
            target=target,
            api=api,
            s3=self.lake.s3,
            remaining=remaining,
            say=lambda _: None,
            part_bytes=PART,
            holder="an execution",
        )()

    def rows(self) -> Counter[int]:
        keys = self.lake.keys(self.lake.lake)
        return Counter(row["id"] for key in keys for row in self.lake.rows_of(key))

    def kept(self) -> Counter[int]:
        return Counter(row[0] for row in execute(self.postgres, f"SELECT id FROM {self.table}"))


@pytest.fixture
def shop(emulator: Emulator, postgres: Postgres) -> Iterator[Shop]:
    with lake_of(emulator.root("s3")) as lake:
        made = Shop(lake, postgres)
        execute(
            postgres,
            f"CREATE TABLE {made.table} AS SELECT (i::bigint * i - 1000) AS id, repeat(md5(i::text), 9) AS note"
            f" FROM generate_series(1, {COUNT}) i",
        )
        yield made


def left(shop: Shop) -> tuple[str, ...]:
    answer = shop.parted()()
    assert isinstance(answer, PendingPartitions)
    return answer.partitions


def test_a_date_is_every_row_once_and_counts_when_all_partitions_are_published(shop: Shop) -> None:
    assert left(shop) == ("1", "2", "3", "4")
    counts = [shop.run(name).records for name in ("1", "2", "3")]
    assert left(shop) == ("4",)
    assert shop.lake.keys(shop.lake.state).count(shop.lake.target.receipt) == 0
    counts.append(shop.run("4").records)
    assert counts == [COUNT // 4] * 4  # though the keys are far from even
    whole = shop.parted()()
    assert isinstance(whole, RunResult)
    assert (whole.outcome, whole.records, whole.objects) == ("published", COUNT, 4)
    assert shop.rows() == shop.kept()
    receipt = shop.lake.receipt()
    folder = "numbers/date=2026-11-22/numbers-"
    assert [each.key for each in receipt.objects] == [f"{folder}{number}.jsonl.gz" for number in (1, 2, 3, 4)]
    assert [each.key for each in receipt.objects] == shop.lake.keys(shop.lake.lake)
    for name in ("records", "bytes", "plain_bytes"):
        assert getattr(receipt, name) == sum(getattr(each, name) for each in receipt.objects)
    assert receipt.profile.records == COUNT
    again = shop.parted()()
    assert (again.outcome, again.records if isinstance(again, RunResult) else None) == ("already_published", COUNT)
    assert {shop.run(name).outcome for name in ("1", "2", "3", "4")} == {"already_published"}
    assert shop.rows() == shop.kept()


def test_a_partition_that_was_cut_goes_on_while_others_stay_published(shop: Shop) -> None:
    left(shop)
    assert shop.run("1").outcome == "published"
    before = shop.lake.s3.head_object(Bucket=shop.lake.lake, Key=shop.lake.target.for_partition("1").key)["ETag"]
    moments = iter([900.0] * 3 + [0.1] * 1000)
    assert shop.run("2", remaining=lambda: next(moments)).outcome == "more"
    checkpoint = State(shop.lake.s3, shop.lake.state).get(shop.lake.target.for_partition("2").checkpoint, Checkpoint)
    assert checkpoint
    assert checkpoint.value.next
    assert 0 < checkpoint.value.records < COUNT // 4
    assert left(shop) == ("2", "3", "4")
    for name in left(shop):
        shop.run(name)
    assert shop.parted()().outcome == "published"
    assert shop.rows() == shop.kept()
    assert (
        shop.lake.s3.head_object(Bucket=shop.lake.lake, Key=shop.lake.target.for_partition("1").key)["ETag"] == before
    )
    receipt = State(shop.lake.s3, shop.lake.state).get(shop.lake.target.for_partition("2").receipt, Receipt)
    assert receipt
    assert receipt.value.invocations == 2


def test_a_partition_whose_process_is_killed_is_run_again_and_no_other(shop: Shop, emulator: Emulator) -> None:
    names = left(shop)
    moments = iter(range(1000))

    def killed() -> float:
        if next(moments) == 6:
            os._exit(9)
        return 900.0

    if (process := os.fork()) == 0:
        child = replace(shop, lake=replace(shop.lake, s3=emulator.root("s3")))  # no connection is of two processes
        child.run("3", remaining=killed)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
    for name in (names[0], names[1], names[3]):
        shop.run(name)
    assert left(shop) == ("3",)
    shop.run("3")
    assert shop.parted()().outcome == "published"
    assert shop.rows() == shop.kept()
    assert shop.lake.open_uploads() == []


def test_a_table_that_changes_between_partitions_is_read_in_the_ranges_of_the_first_run(shop: Shop) -> None:
    names = left(shop)
    shop.run(names[0])
    execute(
        shop.postgres,
        f"INSERT INTO {shop.table} SELECT i, 'new' FROM generate_series(100000001, 100002000) i",  # behind all cuts
        f"DELETE FROM {shop.table} WHERE id > 10000000 AND id < 12000000",
    )
    assert left(shop) == names[1:]
    for name in names[1:]:
        shop.run(name)
    assert shop.parted()().outcome == "published"
    assert shop.rows() == shop.kept()


def test_rows_beyond_the_keys_that_were_there_are_in_the_first_and_the_last(shop: Shop) -> None:
    names = left(shop)
    execute(shop.postgres, f"INSERT INTO {shop.table} VALUES (-9000000000, 'low'), (9000000000000, 'high')")
    for name in names:
        shop.run(name)
    assert shop.parted()().outcome == "published"
    assert shop.rows() == shop.kept()


@pytest.mark.parametrize(
    ("made", "names"),
    [("SELECT 1 AS id WHERE false", 1), ("SELECT 7 AS id FROM generate_series(1, 50)", 2)],
    ids=["no rows", "one key"],
)
def test_few_keys_make_few_partitions(shop: Shop, made: str, names: int) -> None:
    execute(shop.postgres, f"DROP TABLE {shop.table}", f"CREATE TABLE {shop.table} AS {made}")
    found = left(shop)
    assert len(found) == names
    for name in found:
        shop.run(name)
    assert shop.parted()().outcome == "published"
    assert shop.rows() == shop.kept()


@pytest.mark.parametrize("kind", ["text", "uuid", "numeric", "timestamptz", "float8"])
def test_any_key_that_has_an_order_can_be_cut(shop: Shop, kind: str) -> None:
    made = {
        "text": "chr(65 + i % 50) || '''ö\\{,}\" ' || i",
        "uuid": "md5(i::text)::uuid",
        "numeric": "i / 7.0",
        "timestamptz": "'2026-11-22'::timestamptz + i * interval '1.000001 s'",
        "float8": "CASE WHEN i = 5 THEN 'NaN' ELSE sqrt(i) END::float8",
    }[kind]
    table = f"k{uuid.uuid4().hex}"
    execute(shop.postgres, f"CREATE TABLE {table} AS SELECT {made} AS id, i AS n FROM generate_series(1, 800) i")
    answer = shop.parted(table=table)()
    assert isinstance(answer, PendingPartitions)
    assert [shop.run(name, table=table).records for name in answer.partitions] == [200] * 4
    keys = shop.lake.keys(shop.lake.lake)
    assert sorted(row["n"] for key in keys for row in shop.lake.rows_of(key)) == list(range(1, 801))


def test_a_key_that_is_null_is_an_error_and_no_lost_row(shop: Shop) -> None:
    query = {"table": "", "query": f"SELECT * FROM public.{shop.table}"}
    shop.parted(**query)()
    execute(shop.postgres, f"INSERT INTO {shop.table} VALUES (NULL, 'lost')")
    assert shop.run("3", **query).outcome == "published"
    with pytest.raises(InvalidData, match="the key's id is null in a row"):
        shop.run("4", **query)
    shop.lake.s3.delete_object(Bucket=shop.lake.state, Key=shop.lake.target.cuts)
    with pytest.raises(InvalidData, match="the key's id is null in a row"):
        shop.parted(**query)()


def test_what_breaks_the_contract_is_put_aside_by_partition_and_replayed_beside_it(shop: Shop) -> None:
    strict = {"contract": Contract(fields={"id": "integer", "note": "text"}, required=("note",))}
    execute(shop.postgres, f"UPDATE {shop.table} SET note = NULL WHERE id = 2000 * 2000 - 1000")
    for name in left(shop):
        shop.run(name, **strict)
    whole = shop.parted()()
    assert isinstance(whole, RunResult)
    assert (whole.records, whole.broken) == (COUNT - 1, 1)
    targets = partition_targets(State(shop.lake.s3, shop.lake.state), shop.lake.target)
    held = [each for each in targets if each.quarantine in shop.lake.keys(shop.lake.state)]
    assert [each.partition for each in held] == ["2"]  # it ends with the 2000th row
    shop.lake.s3.head_object(Bucket=shop.lake.state, Key="quarantine/numbers/date=2026-11-22/numbers-2.jsonl.gz")
    done = replay(shop.lake.s3, shop.source(), held[0], "2026-11-22T00:00:00.000Z")
    assert (done.mended, len(done.objects)) == (1, 1)
    assert "/date=2026-11-22/numbers-2." in done.objects[0]
    assert shop.rows() == shop.kept()


def test_what_something_else_wrote_is_no_partition(shop: Shop) -> None:
    left(shop)
    key = shop.lake.target.for_partition("2").key
    shop.lake.s3.put_object(Bucket=shop.lake.lake, Key=key, Body=b"")
    with pytest.raises(ConditionLost, match=r"another writer wrote .*numbers-2\.jsonl\.gz"):
        shop.parted()()


def test_a_partition_that_is_not_of_the_date_is_refused(shop: Shop) -> None:
    with pytest.raises(UsageError, match="has no partition '1'; run the date without a partition first"):
        shop.run("1")
    left(shop)
    with pytest.raises(UsageError, match="has no partition '9'; its partitions are 1, 2, 3, 4"):
        shop.run("9")
