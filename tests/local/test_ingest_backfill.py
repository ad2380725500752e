"""A backfill is one execution: each date of its own, a few at a time, published ones skipped, one failure alone."""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.local.deployment import Deployment
from tests.unit.ingest.api import Answer, page, serving


def executions(states: Any, machine: str) -> set[str]:
    """All of the machine: they are listed in the order in which they ended."""
    return {each["executionArn"] for each in states.list_executions(stateMachineArn=machine)["executions"]}


def test_a_source_that_asks_the_same_for_every_date_is_not_backfilled(deployed: Deployment) -> None:
    states, machine = deployed.emulator.root("stepfunctions"), deployed.outputs["IngestDemo"]
    before = executions(states, machine)
    done = deployed.run("ingest", "backfill", "demo", "--from", "2019-03-01", "--to", "2019-03-06")
    assert done.returncode == 2
    assert "demo sends the same request for every date" in done.stderr
    assert executions(states, machine) == before


def test_a_span_is_one_execution_of_which_one_date_fails(deployed: Deployment, tmp_path: Path) -> None:
    states, machine = deployed.emulator.root("stepfunctions"), deployed.outputs["IngestDemo"]
    span = ("--from", "2019-03-01", "--to", "2019-03-06")
    asking, most, lock, served, both = 0, 0, threading.Lock(), 0, threading.Barrier(2)

    def answer(*_: object) -> Answer:
        nonlocal asking, most, served
        with lock:
            asking, served = asking + 1, served + 1
            most, mine = max(most, asking), served
        with suppress(threading.BrokenBarrierError):
            both.wait(60)  # the other function may take its time to start
        time.sleep(0.3)  # a third at once would be seen
        with lock:
            asking -= 1
        return Answer(b"<html>", headers={"Content-Type": "text/html"}) if mine == 2 else page([{"n": mine}], None)

    with serving(answer) as api:
        deployed.serve("demo", api.url)
        before = executions(states, machine)
        dated = deployed.dated("demo", tmp_path)
        done = dated.run("--json", "ingest", "backfill", "demo", *span, "--concurrency", "2", "--yes")
        (execution,) = executions(states, machine) - before
        assert done.returncode == 1
        assert "1 of 6 dates failed" in done.stderr
        assert done.stdout.count('"published"') == 5
        assert done.stdout.count('"failure":"InvalidData"') + done.stdout.count('"failure": "InvalidData"') == 1
        assert most == 2
        both.abort()  # the last date is asked for alone
        again = dated.ask("ingest", "backfill", "demo", *span, "--yes")
    assert [each["outcome"] for each in again].count("skipped") == 5
    assert [each["outcome"] for each in again].count("published") == 1
    assert states.list_map_runs(executionArn=execution)["mapRuns"], "no map is to be seen"
