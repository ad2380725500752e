"""The date of a run in its request, against Python's own strftime."""

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import SettingsError, UsageError
from brigade.ingest.declare.authentication import Bearer, Secret
from brigade.ingest.declare.dates import render_dates, resolve_date
from brigade.ingest.declare.incremental import Newest
from brigade.ingest.declare.pagination import Cursor, Pagination
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.read.reader import ReaderSetup, open_reader
from tests.unit.ingest.api import Answer, serving, source

formats = st.lists(
    st.sampled_from(["%Y", "%m", "%d", "%y", "%j", "%G", "%V", "%%", "-", "/", "T00:00:00Z"]), min_size=1
)


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2200, 1, 1)), st.integers(-400, 400), formats)
def test_a_date_is_written_as_strftime_writes_it(date: datetime.date, days: int, parts: list[str]) -> None:
    there = date + datetime.timedelta(days=days)
    form = "".join(parts)
    text = render_dates(
        {"a": ["x{date}", {"b": f"{{date{days:+}:{form}}}|{{date{days:+}}}"}], "n": 5}, date.isoformat()
    )
    assert text == {"a": [f"x{date}", {"b": f"{there.strftime(form)}|{there}"}], "n": 5}


def test_the_request_carries_the_date_in_every_place() -> None:
    declared = source(
        path="/records/{date:%Y/%m/%d}",
        parameters={"from": "{date-1}", "to": ["{date}", "x"]},
        headers={"X-Day": "{date+1:%d.%m.%Y}"},
        body={"filter": [{"day": "{date:%Y%m%d}"}], "query": "query { events { date } }"},
        method="POST",
        pagination=Cursor(at="next", in_path="/records/{date}/{cursor}"),
    )
    with serving(lambda n, _: Answer(json.dumps({"rows": [], "next": "t" if n == 1 else None}).encode())) as server:
        made = open_reader(declared, ReaderSetup(name="s", url=server.url, client=lambda _: None, state=None))(
            lambda: 900.0, "2026-12-31"
        )
        made.page(None)
        made.page("t")
    first, second = server.requests
    assert first.path == "/records/2026/12/31"
    assert made.address(None).endswith("?from=2026-12-30&to=2026-12-31&to=x")
    assert first.headers["X-Day"] == "01.01.2027"
    assert json.loads(first.body) == {"filter": [{"day": "20261231"}], "query": "query { events { date } }"}
    assert second.path == "/records/2026-12-31/t"


@pytest.mark.parametrize(
    ("declared", "dated"),
    [
        (source(), False),
        (source(parameters={"day": "{date}"}), True),
        (source(body={"a": {"b": ["{date-1}"]}}), True),
        (source(pagination=Cursor(at="n", in_path="/{date}/{cursor}")), True),
        (source(since=Newest(parameter="from", field="at")), True),
        (TableSource(secret="s", table="t", schedule="rate(1 day)"), False),
        (TableSource(secret="s", query="SELECT '{date}'::date AS d", schedule="rate(1 day)"), True),
        (TableSource(secret="s", table="t", since="at", schedule="rate(1 day)"), True),
    ],
)
def test_a_source_knows_whether_its_request_depends_on_the_date(declared: Any, dated: bool) -> None:
    assert declared.depends_on_date is dated


def test_the_query_of_a_table_carries_the_date() -> None:
    declared = TableSource(secret="s", query="SELECT '{date-1}'::date AS d", schedule="rate(1 day)")
    assert declared.for_date("2026-11-01").query == "SELECT '2026-10-31'::date AS d"


@pytest.mark.parametrize("text", ["{date:%s}", "{date:%H}", "{Date}", "{date+1d}", "{ date:%Y}", "{date:}"])
def test_what_is_nearly_a_date_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=" takes "):
        source(parameters={"day": text})


@pytest.mark.parametrize("text", ["20261122", "2026-W47-7", "2026-1-2", "2026-02-30", "", "2026-11-22T00:00:00Z"])
def test_the_date_of_a_run_has_one_form_which_its_key_has_too(text: str) -> None:
    assert resolve_date(date="2026-11-22", time_zone="UTC") == "2026-11-22"
    with pytest.raises(UsageError, match="is no date; it takes YYYY-MM-DD"):
        resolve_date(date=text, time_zone="UTC")


@pytest.mark.parametrize(
    ("scheduled", "time_zone", "date"),
    [
        ("2026-11-22T05:30:00Z", "UTC", "2026-11-22"),
        ("2026-11-22T05:30:00Z", "America/Chicago", "2026-11-21"),
        ("2026-11-22T23:30:00Z", "Europe/Berlin", "2026-11-23"),
    ],
)
def test_a_schedule_ingests_the_day_in_the_time_zone_of_its_source(scheduled: str, time_zone: str, date: str) -> None:
    assert resolve_date(scheduled=scheduled, time_zone=time_zone) == date
    with pytest.raises(UsageError, match="it takes ISO 8601 with an offset"):
        resolve_date(scheduled=scheduled.removesuffix("Z"), time_zone=time_zone)


def test_the_url_of_a_stage_carries_no_password() -> None:
    with pytest.raises(SettingsError) as caught:
        open_reader(
            source(authentication=Bearer(token=Secret("t"))),
            ReaderSetup(name="s", url="https://user:hunter2@host", client=lambda _: None, state=None),
        )
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("first", "asked"), [("5", {"from": "5"}), (None, {})])
def test_an_incremental_source_of_which_nothing_is_known_asks_as_its_first_run(
    first: str | None, asked: dict[str, str]
) -> None:
    since = Newest(parameter="from", field="n", kind="integer", first=first)
    declared = source(since=since, pagination=Pagination())
    with serving(lambda *_: Answer(b'{"rows":[]}')) as server:
        made = open_reader(declared, ReaderSetup(name="s", url=server.url, client=lambda _: None, state=None))(
            lambda: 900.0, "2026-12-31"
        )
        made.page(None)
    assert server.queries == [asked]
