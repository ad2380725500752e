"""End positions of incremental runs."""

from datetime import UTC, datetime
from typing import Any

import pytest

from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.incremental import Newest, Since
from brigade.ingest.declare.target import Target
from brigade.ingest.read.deduplicate import Deduplicator
from brigade.ingest.state.checkpoint import Checkpoint
from brigade.jsonl import Page
from brigade.state import State

START = Checkpoint(write="w", ts="t")
NOW = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)


def since(**changes: Any) -> Since:
    return Since(**({"parameter": "from", "until": "to", "first": "2026-11-20T00:00:00Z"} | changes))


@pytest.mark.parametrize(
    ("declared", "after", "end"),
    [
        (since(), None, "2026-11-22T05:30:00.000Z"),
        (since(lag_s=3600), "2026-11-21T00:00:00.000Z", "2026-11-22T04:30:00.000Z"),
        (since(step_s=86400), None, "2026-11-21T00:00:00.000Z"),
        (since(step_s=86400), "2026-11-21T12:00:00.000Z", "2026-11-22T05:30:00.000Z"),
        (since(first="2026-11-22T06:00:00+01:00"), None, "2026-11-22T05:30:00.000Z"),
        (since(lag_s=3600), "2026-11-22T05:00:00.000Z", None),
    ],
)
def test_a_run_ends_by_the_lag_and_within_the_step(declared: Since, after: str | None, end: str | None) -> None:
    assert declared.end(after, NOW) == end


@pytest.mark.parametrize(
    "wrong",
    [
        {"lag_s": -1},
        {"step_s": 0},
        {"first": "2026-11-20"},
        {"first": "yesterday"},
        {"overlap_s": 5},
        {"overlap_s": -1, "field": "at", "key": ("id",)},
        {"key": ("id",)},
        {"field": "at"},
        {"step_s": 60, "overlap_s": 60, "field": "at", "key": ("id",)},
    ],
)
def test_what_is_impossible_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="Since"):
        since(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"field": "at", "at": "meta.next"},
        {"field": "at", "overlap": 5},
        {"field": "at", "overlap": -1, "key": ("id",)},
        {"at": "meta.next", "key": ("id",)},
        {"field": "at", "first": "yesterday"},
        {"field": "at", "first": "2026-11-22", "kind": "integer"},
    ],
)
def test_a_position_that_is_impossible_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="Newest"):
        Newest(parameter="from", **wrong)


@pytest.mark.parametrize(
    ("declared", "after", "asked"),
    [
        (Newest(parameter="from", field="at"), None, {}),
        (Newest(parameter="from", field="at", first="2026-11-20"), None, {"from": "2026-11-20"}),
        (Newest(parameter="from", field="at"), "2026-11-20 07:00+02", {"from": "2026-11-20 07:00+02"}),
        (
            Newest(parameter="from", field="at", overlap=60, key=("id",)),
            "2026-11-20T07:00:00+02:00",
            {"from": "2026-11-20T04:59:00.000Z"},
        ),
        (Newest(parameter="from", field="n", kind="integer", overlap=9, key=("n",)), "7", {"from": "-2"}),
        (Newest(parameter="from", at="meta.next"), "opaque", {"from": "opaque"}),
    ],
)
def test_a_run_asks_from_the_position_on(declared: Newest, after: str | None, asked: dict[str, str]) -> None:
    assert declared.parameters(after, None) == asked


def test_instants_of_other_offsets_and_without_one_are_in_one_order() -> None:
    order = Newest(parameter="from", field="at").order
    assert order("2026-11-20T07:00:00+02:00") == order("2026-11-20T05:00:00Z") == order("2026-11-20T05:00:00")
    assert order("2026-11-20T05:00:00.000001Z") - order("2026-11-20T05:00:00Z") == 1


@pytest.mark.parametrize("value", [True, 1.5, "7", None, 2**63])
def test_what_is_no_integer_is_none(value: object) -> None:
    with pytest.raises(ValueError, match=str(value)):
        Newest(parameter="from", field="n", kind="integer").order(value)


@pytest.mark.parametrize("value", [True, False, "", 1.5])
def test_a_position_where_no_run_can_begin_is_refused(value: Any) -> None:
    declared = Newest(parameter="from", at="next")
    known = Deduplicator(declared, State(None, "state"), Target("s", "2026-11-22", "lake", "state"), START)  # type: ignore[arg-type] # nothing is read
    page = Page(b"", [], "page 1", values={"next": value})
    with pytest.raises(InvalidData, match="page 1: the position at next is"):
        known.filter_page(page)
