"""``brigade ingest`` and the Lambda handler, over the demo's real API (Datasette) and the S3 of the local AWS."""

import gzip
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import command
from tests.local.conftest import REPOSITORY
from tests.local.ingest_place import RECORDS, Place, rows
from tests.unit.ingest.api import Answer, page
from tests.unit.ingest.api import serving as serving_pages

DATE = "2026-11-22"


def test_run_publishes_once_and_show_tells(place: Place) -> None:
    first = place.brigade("run", "demo", "--date", DATE)
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert (answer["outcome"], answer["records"], answer["pages"]) == ("published", RECORDS, 7)
    key = f"demo/date={DATE}/demo.jsonl.gz"
    assert answer["object"] == f"s3://{place.lake}/{key}"
    got = rows(place.s3.get_object(Bucket=place.lake, Key=key)["Body"].read())
    assert len({row["iata"] for row in got}) == RECORDS
    assert all(row["ingest_date"] == DATE for row in got)

    again = place.brigade("run", "demo", "--date", DATE)
    assert again.returncode == 3
    assert json.loads(again.stdout)["outcome"] == "already_published"
    shown = json.loads(place.brigade("show", "demo").stdout)
    assert (shown["date"], shown["receipt"]["sha256"], shown["checkpoint"]) == (DATE, answer["sha256"], None)
    assert json.loads(place.brigade("list").stdout)["last"] == DATE
    assert place.brigade("show", "demo", "--date", "2020-01-01").returncode == 1


def test_run_writes_elsewhere_whole_or_not_at_all(place: Place, tmp_path: Path) -> None:
    packed, plain = tmp_path / "some.jsonl.gz", tmp_path / "some.jsonl"
    assert place.brigade("run", "demo", "--to", str(packed), "--limit-pages", "2").returncode == 0
    assert len(rows(packed.read_bytes())) == 1000
    assert place.brigade("run", "demo", "--to", str(packed)).returncode == 3
    assert place.brigade("run", "demo", "--to", str(plain)).returncode == 0
    assert len(plain.read_bytes().splitlines()) == RECORDS
    assert sorted(tmp_path.iterdir()) == [plain, packed]

    uri = f"s3://{place.lake}/elsewhere.jsonl.gz"
    assert place.brigade("run", "demo", "--to", uri).returncode == 0
    assert len(rows(place.s3.get_object(Bucket=place.lake, Key="elsewhere.jsonl.gz")["Body"].read())) == RECORDS
    assert place.brigade("run", "demo", "--to", uri).returncode == 3
    assert place.brigade("run", "demo", "--to", uri, "--limit-pages", "1").returncode == 2

    out = place.brigade("run", "demo", "--to", "-", "--limit-pages", "1")
    assert json.loads(out.stdout.splitlines()[0])["iata"] == "00M"
    assert place.keys(place.state) == []


def test_check_tells_what_the_first_page_has(place: Place) -> None:
    told = json.loads(place.brigade("check", "demo").stdout)
    assert (told["records"], told["broken"], told["more"]) == (500, 0, True)
    assert 100 < told["mean_bytes"] < told["widest_bytes"] < 1000
    assert set(told["fields"]["latitude"]) == {"number"}
    assert place.keys(place.lake) == place.keys(place.state) == []


def test_the_url_of_a_source_is_that_of_the_stage(place: Place, demo_api: str, tmp_path: Path) -> None:
    del place.environment["BRIGADE_BASE_URL"]
    stages = {"dev": {"source_urls": {"demo": demo_api + "/elsewhere"}}}
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"stages": stages}}))
    done = command.run(["ingest", "check", "demo"], environment=place.environment, folder=tmp_path)
    assert f"{demo_api}/elsewhere/data/airports.json" in done.stderr


def test_replay_without_a_quarantine_says_so(place: Place) -> None:
    done = place.brigade("replay", "demo", "--date", DATE)
    assert done.returncode == 1
    assert b"no record of 2026-11-22 is quarantined" in done.stderr


def test_replay_puts_what_was_quarantined_beside_the_object(place: Place) -> None:
    aside = [{"reason": "then", "page": "page 1", "number": number, "record": {"n": number}} for number in (1, 2)]
    body = gzip.compress("".join(json.dumps(each) + "\n" for each in aside).encode())
    key = f"quarantine/demo/date={DATE}/demo.jsonl.gz"
    place.s3.put_object(Bucket=place.state, Key=key, Body=body)
    done = place.brigade("replay", "demo", "--date", DATE)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["mended"], answer["broken"]) == (2, 0)
    (beside,) = (each.removeprefix(f"s3://{place.lake}/") for each in answer["objects"])
    assert [row["n"] for row in rows(place.s3.get_object(Bucket=place.lake, Key=beside)["Body"].read())] == [1, 2]
    assert rows(place.s3.get_object(Bucket=place.state, Key=key)["Body"].read()) == []


def test_replace_is_explicit_and_of_a_stated_date(place: Place) -> None:
    assert place.brigade("run", "demo", "--date", DATE).returncode == 0
    first = json.loads(place.brigade("show", "demo").stdout)["receipt"]
    assert place.brigade("run", "demo", "--replace", "--yes").returncode == 2
    assert place.brigade("run", "demo", "--date", DATE, "--replace").returncode == 2, "nobody is there to be asked"
    assert place.brigade("run", "demo", "--date", DATE, "--replace", "--yes", "--to", "-").returncode == 2
    done = place.brigade("run", "demo", "--date", DATE, "--replace", "--yes")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["replace"] is True
    receipt = json.loads(place.brigade("show", "demo").stdout)["receipt"]
    assert (receipt["replaced"], receipt["records"]) == (first["etag"], RECORDS)


def test_a_dry_run_writes_nothing(place: Place) -> None:
    tried = place.brigade("run", "demo", "--dry-run", "--limit-pages", "3")
    assert json.loads(tried.stdout)["records"] == 1500
    assert place.keys(place.lake) == place.keys(place.state) == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("run", "nowhere"), 2, "no source 'nowhere' in lambdas/ingest/sources/; there are demo"),
        (("run", "demo", "--date", "yesterday"), 2, "YYYY-MM-DD"),
        (("run", "demo", "--to", "s3://no"), 2, "it takes s3://bucket/key"),
        (("run", "demo", "--limit-pages", "2"), 2, "never published"),
        (("show", "demo", "--date", DATE), 1, "neither a receipt nor a checkpoint"),
    ],
)
def test_a_mistake_is_one_line(place: Place, arguments: tuple[str, ...], status: int, said: str) -> None:
    ended = place.brigade(*arguments)
    assert ended.returncode == status
    assert said in ended.stderr.decode()
    assert ended.stderr.count(b"\n") == 1
    assert ended.stdout == b""


def test_an_api_that_refuses_publishes_nothing_and_there_is_nothing_to_reset(place: Place) -> None:
    place.environment["BRIGADE_BASE_URL"] += "/moved"
    ended = place.brigade("run", "demo", "--date", DATE)
    assert ended.returncode == 1
    assert b"/moved/data/airports.json?_shape=objects&_size=500: status 404: " in ended.stderr
    assert place.keys(place.lake) == place.keys(place.state) == []
    nothing = place.brigade("reset", "demo", "--date", DATE, "--yes")
    assert (nothing.returncode, nothing.stdout) == (1, b"")
    assert f"demo {DATE} has no checkpoint in s3://".encode() in nothing.stderr


EVENTS = """
from brigade.ingest import ApiSource, Newest

SOURCE = ApiSource(
    base_url="http://127.0.0.1:1", path="/events", records="rows", schedule="rate(1 day)",
    since=Newest(parameter="from", field="n", kind="integer", key=("n",)),
)
"""


def test_of_two_dates_of_an_incremental_source_at_once_the_second_exits_3(place: Place, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "lambdas", tmp_path / "lambdas")
    (tmp_path / "lambdas/ingest/sources/events.py").write_text(EVENTS)
    asked, go = threading.Event(), threading.Event()

    def answer(number: int, query: dict[str, str]) -> Answer:
        asked.set()
        go.wait(60)
        return page([{"n": each} for each in range(int(query.get("from", "1")), number + 5)], None)

    with serving_pages(answer) as server:
        place.environment |= {"BRIGADE_BASE_URL": server.url, "PYTHONPATH": str(tmp_path)}
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(place.brigade, "run", "events", "--date", "2026-11-21")
            assert asked.wait(60)
            second = place.brigade("run", "events", "--date", DATE)
            go.set()
            assert first.result().returncode == 0, first.result().stderr
        assert second.returncode == 3
        assert second.stderr.count(b"\n") == 1
        assert b"events is incremental, and its 2026-11-21 is not published yet: " in second.stderr
        third = place.brigade("run", "events", "--date", DATE)
        assert json.loads(third.stdout)["records"] == 1
        assert [query.get("from") for query in server.queries] == [None, "5"]


def test_check_dry_run_and_stdout_ask_what_a_run_would_ask_and_store_nothing(place: Place, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "lambdas", tmp_path / "lambdas")
    (tmp_path / "lambdas/ingest/sources/events.py").write_text(EVENTS)

    def answer(_: int, query: dict[str, str]) -> Answer:
        return page([{"n": each} for each in range(int(query.get("from", "1")), 5)], None)

    with serving_pages(answer) as server:
        place.environment |= {"BRIGADE_BASE_URL": server.url, "PYTHONPATH": str(tmp_path)}
        assert place.brigade("run", "events", "--date", "2026-11-21").returncode == 0
        kept = place.keys(place.state)
        for command in (("check",), ("run", "--date", DATE, "--dry-run"), ("run", "--date", DATE, "--to", "-")):
            done = place.brigade(command[0], "events", *command[1:])
            assert done.returncode == 0, done.stderr
        assert [query.get("from") for query in server.queries] == [None, "4", "4", "4"]
        assert place.keys(place.state) == kept


def test_a_broken_declaration_stops_only_its_own_source(place: Place, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "lambdas", tmp_path / "lambdas")
    (tmp_path / "lambdas/ingest/sources/broken.py").write_text(EVENTS.replace("rate(1 day)", "rate(1 days)"))
    place.environment["PYTHONPATH"] = str(tmp_path)
    listed = place.brigade("list")
    found = {each["source"]: each["broken"] for each in map(json.loads, listed.stdout.splitlines())}
    assert (listed.returncode, found["demo"]) == (0, None)
    assert found["broken"].startswith("lambdas.ingest.sources.broken: ApiSource.schedule is 'rate(1 days)'; it takes ")
    assert place.brigade("check", "demo").returncode == 0
    check = place.brigade("check", "broken")
    assert (check.returncode, check.stderr.count(b"\n")) == (2, 1)
    assert b"ApiSource.schedule is 'rate(1 days)'" in check.stderr


def test_reset_leaves_the_checkpoint_of_a_run_that_holds_it(place: Place) -> None:
    key = f"ingest/demo/{DATE}.json"
    lease = {"epoch": 1, "holder": "one", "seconds": 900.0}
    held = {"write": "w", "ts": "2026-11-22T05:30:00.000Z", "pages": 1, "lease": lease}
    place.s3.put_object(Bucket=place.state, Key=key, Body=json.dumps(held).encode())
    done = place.brigade("reset", "demo", "--date", DATE, "--yes")
    assert done.returncode == 3
    assert b"is held by one (epoch 1)" in done.stderr
    assert place.keys(place.state) == [key]
    released = held | {"lease": {"epoch": 1}}
    place.s3.put_object(Bucket=place.state, Key=key, Body=json.dumps(released).encode())
    assert place.brigade("reset", "demo", "--date", DATE, "--yes").returncode == 0
    assert place.keys(place.state) == []
