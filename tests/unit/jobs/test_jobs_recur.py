"""Deliveries of a recurring job, by time, across a change of the inventory configuration."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from brigade.errors import BrigadeError, InvalidData, NotFound, RetryLater, UsageError
from brigade.inventory.delivery.deliveries import parse_delivery_time
from brigade.jobs import recurrence
from brigade.jobs.recurrence import Recurrence, RecurrenceState
from brigade.jobs.request import JobPlan
from brigade.jobs.row import SelectionSummary
from brigade.operations.recurring import Recurring


def uri(day: int, configuration: str = "inventory/lake/lake") -> str:
    return f"s3://reports/{configuration}/2026-11-{day:02}T01-00Z/manifest.json"


@dataclass
class Memory:
    """State of one process."""

    kept: RecurrenceState | None = None

    def get(self, key: str, kind: type) -> Any:
        return None if self.kept is None else SimpleNamespace(value=self.kept)

    def update(self, key: str, change: Callable[[RecurrenceState], RecurrenceState], **given: Any) -> Any:
        self.kept = change(self.kept or given["default"])
        return SimpleNamespace(value=self.kept)


@dataclass
class Place:
    """Fakes for the functions that a recurrence calls: deliveries, a table, jobs."""

    gone: set[str] = field(default_factory=set)
    unreadable: dict[str, BrigadeError] = field(default_factory=dict)
    bucket: str = "lake"
    made: list[tuple[str, str | None]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    over: dict[str, Any] = field(default_factory=dict)

    def open_delivery(self, s3: Any, address: str) -> Any:
        if address in self.gone:
            raise NotFound(f"{address} is not there")
        manifest = SimpleNamespace(source_bucket=self.bucket, columns={})
        return SimpleNamespace(uri=address, taken=parse_delivery_time(address), manifest=manifest)

    def require_readable(self, delivery: Any) -> None:
        if delivery.uri in self.unreadable:
            raise self.unreadable[delivery.uri]

    def choose(self, delivery: Any, where: str | None, since: Any) -> Any:
        self.over = {"delivery": delivery, "since": since}
        return SimpleNamespace(versions=False)

    def count(self, asked: Any, chosen: Any, bucket: str) -> SelectionSummary:
        self.require_readable(self.over["delivery"])
        return SelectionSummary(objects=3, bytes=3)

    def create(self, request: Any) -> str:
        self.made.append((self.over["delivery"].uri, self.over["since"] and self.over["since"].uri))
        return f"job-{len(self.made)}"

    def describe(self, job: str) -> Any:
        return job


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place()
    monkeypatch.setattr(recurrence, "open_delivery", found.open_delivery)
    monkeypatch.setattr(recurrence, "build_selection", found.choose)
    monkeypatch.setattr(recurrence, "count_selection", found.count)
    monkeypatch.setattr(recurrence, "head", lambda *_: SimpleNamespace(etag="e"))
    monkeypatch.setattr(recurrence, "archive_document", lambda *_: None)
    monkeypatch.setattr(recurrence, "build_request", lambda *_, **__: {})
    monkeypatch.setattr(recurrence, "build_manifest_spec", lambda *_, **__: {})
    monkeypatch.setattr(
        recurrence, "parse_job", lambda job: SimpleNamespace(id=job, over=True, well=True, description="")
    )
    return found


def make_recurrence(place: Place, kept: RecurrenceState | None) -> Recurrence:
    plan = JobPlan("dev", "verify", "arn:f", {}, "", "lake", "reports", "arn:aws:iam::1:role/r")
    return Recurrence(
        name="nightly",
        declared=Recurring(operation="verify", where="size > 1", most_objects=100, most_dollars=1.0),
        size=SimpleNamespace(memory_mib=256, price="read"),  # what the price reads of it
        plan=plan,
        control=place,  # type: ignore[arg-type]  # two calls of it
        s3=None,
        state=Memory(kept),  # type: ignore[arg-type]  # two calls of it
        athena=SimpleNamespace(table_of_deliveries=lambda: place),  # type: ignore[arg-type]
        tell=lambda subject, text: place.told.append((subject, text)),
    )


@pytest.mark.parametrize(
    "changed",
    ["inventory/lake/all", "daily/lake/lake", "0/lake/lake", "zz/lake/lake"],
    ids=["id, sorts before", "prefix, sorts before", "prefix, digits", "prefix, sorts after"],
)
def test_a_newer_delivery_of_another_configuration_has_its_job(place: Place, changed: str) -> None:
    kept = make_recurrence(place, RecurrenceState(done=uri(20))).arrive(uri(21, changed))
    assert place.made == [(uri(21, changed), uri(20))]
    assert kept.done == uri(21, changed)


@pytest.mark.parametrize("changed", ["inventory/lake/all", "zz/lake/lake"])
def test_an_older_delivery_of_another_configuration_has_none(place: Place, changed: str) -> None:
    assert make_recurrence(place, RecurrenceState(done=uri(20))).arrive(uri(19, changed)).done == uri(20)
    assert place.made == []


def test_what_cannot_be_compared_by_time_is_an_error(place: Place) -> None:
    for address, kept in (("s3://reports/by/hand/manifest.json", uri(20)), (uri(21), "s3://reports/x/manifest.json")):
        with pytest.raises(InvalidData, match="cannot be compared"):
            make_recurrence(place, RecurrenceState(done=kept)).arrive(address)
    assert place.made == []


@pytest.mark.parametrize("error", [UsageError("other columns"), BrigadeError("403 on the old prefix")])
def test_a_delivery_before_that_cannot_be_read_makes_all_new_and_is_told(place: Place, error: BrigadeError) -> None:
    place.unreadable[uri(20)] = error
    make_recurrence(place, RecurrenceState(done=uri(20))).arrive(uri(21))
    assert place.made == [(uri(21), None)]
    ((subject, text),) = place.told
    assert subject == "nightly is over all objects, not just the new ones"
    assert str(error) in text


def test_a_delivery_before_that_cannot_be_read_just_now_makes_no_job(place: Place) -> None:
    place.unreadable[uri(20)] = RetryLater("slow down")
    with pytest.raises(RetryLater):
        make_recurrence(place, RecurrenceState(done=uri(20))).arrive(uri(21))
    assert (place.made, place.told) == ([], [])


def test_a_delivery_before_that_was_cleared_makes_all_new_within_the_limits(place: Place) -> None:
    place.gone.add(uri(20))
    make_recurrence(place, RecurrenceState(done=uri(20))).arrive(uri(21))
    assert (place.made, place.told) == ([(uri(21), None)], [])


def test_a_delivery_over_which_no_job_can_be_made_is_an_error_and_blocks_no_later_one(place: Place) -> None:
    recurring = make_recurrence(place, RecurrenceState(done=uri(20)))
    place.unreadable[uri(21)] = UsageError("the table has whole hours")
    for _ in range(2):  # as Lambda tries again
        with pytest.raises(UsageError, match="whole hours"):
            recurring.arrive(uri(21))
    assert recurring.arrive(uri(22)).done == uri(22)
    assert place.made == [(uri(22), uri(20))]


def test_another_buckets_delivery_is_an_error(place: Place) -> None:
    place.bucket = "another"
    with pytest.raises(UsageError, match="is of bucket another, and the recurring job nightly is over lake"):
        make_recurrence(place, None).arrive(uri(21))
    assert place.made == []


def test_what_was_done_last_is_the_later_one_by_time() -> None:
    failed = RecurrenceState(done=uri(22, "a"), failed="job-0", failed_over=uri(21, "z"))
    retried = SimpleNamespace(id="job-9", well=True)
    assert recurrence._ended(failed, retried, "job-0").done == uri(22, "a")  # type: ignore[arg-type]
    earlier = replace_done(failed, uri(20, "z"))
    assert recurrence._ended(earlier, retried, "job-0").done == uri(21, "z")  # type: ignore[arg-type]


def replace_done(kept: RecurrenceState, done: str) -> RecurrenceState:
    return RecurrenceState(done=done, failed=kept.failed, failed_over=kept.failed_over)


FAILED = {"total": 245, "succeeded": 157, "failed": 21}
"""A job that was cancelled: 67 of its tasks never ran."""


@pytest.mark.parametrize(
    ("first", "retry", "description", "counts"),
    [
        ({"total": 245, "succeeded": 224}, 21, "verify over what failed in job-0 [dev run]", True),
        (FAILED, 21, "verify over what failed in job-0 [dev run]", False),
        ({"total": 245, "succeeded": 224}, 5, "verify over what failed in job-0 [dev run]", False),
        ({"total": 245, "succeeded": 224}, 21, "verify over keys of job-0.txt [dev run]", False),
        ({"total": 245, "succeeded": 224}, 21, "thumbnail over what failed in job-0 [dev run]", False),
        ({"total": 245, "succeeded": 224}, 21, "verify over what failed in job-0b [dev run]", False),
        (None, 21, "verify over what failed in job-0 [dev run]", False),
    ],
    ids=[
        "all",
        "some never ran",
        "one code alone",
        "another selection",
        "another operation",
        "another job",
        "forgotten",
    ],
)
def test_a_retry_counts_for_the_job_only_if_it_did_all_that_was_left(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    first: dict[str, int] | None,
    retry: int,
    description: str,
    counts: bool,
) -> None:
    def described(job: str) -> Any:
        if job == "job-0" and first is None:
            raise NotFound("there is no job job-0")
        given = first if job == "job-0" else {"total": retry, "succeeded": retry}
        return SimpleNamespace(id=job, over=True, well=job != "job-0", description=description, **(given or {}))

    monkeypatch.setattr(recurrence, "parse_job", lambda found: found)
    monkeypatch.setattr(place, "describe", described)
    failed = RecurrenceState(done=uri(20), failed="job-0", failed_over=uri(21))
    kept = make_recurrence(place, failed).end("job-9")
    assert (kept.done, kept.failed) == ((uri(21), "") if counts else (uri(20), "job-0"))


def test_without_sizes_a_job_whose_price_needs_them_waits(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "count_selection", lambda *_: SelectionSummary(objects=3, bytes=None))
    asked: list[bool] = []

    def request_of(*_: Any, confirm: bool) -> dict[str, Any]:
        asked.append(confirm)
        return {}

    monkeypatch.setattr(recurrence, "build_request", request_of)
    make_recurrence(place, None).arrive(uri(21))
    assert asked == [True]
    ((subject, text),) = place.told
    assert subject == "nightly waits for a confirmation"
    assert "does not have the size of each object" in text


@pytest.mark.parametrize(
    ("objects", "size", "says"),
    [
        (100, 0, None),
        (101, 0, "it has 101 objects, more than 100"),
        (3, 10**15, r"it costs \$[\d,.]+ by the estimate, more than \$1\.00"),
    ],
    ids=["within both limits", "too many objects", "too expensive"],
)
def test_a_job_over_a_limit_waits_for_a_confirmation(
    place: Place, monkeypatch: pytest.MonkeyPatch, objects: int, size: int, says: str | None
) -> None:
    monkeypatch.setattr(recurrence, "count_selection", lambda *_: SelectionSummary(objects=objects, bytes=size))
    confirmed: list[bool] = []

    def request_of(*_: Any, confirm: bool) -> dict[str, Any]:
        confirmed.append(confirm)
        return {}

    monkeypatch.setattr(recurrence, "build_request", request_of)
    make_recurrence(place, None).arrive(uri(21))
    assert confirmed == [says is not None]
    assert len(place.told) == len(confirmed) * (says is not None)
    for _, text in place.told:
        assert re.search(says or "", text)


def test_a_changed_declaration_takes_no_manifest_of_an_older_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def head(_: Any, __: str, key: str) -> Any:
        looked.append(key)
        return SimpleNamespace(etag="e")

    monkeypatch.setattr(recurrence, "head", head)
    first = make_recurrence(place, None)
    for where in ("size > 1", "size > 1", "key LIKE 'incoming/%'", None):
        declared = msgspec.structs.replace(first.declared, where=where)
        replace(first, declared=declared, state=Memory(None)).arrive(uri(21))  # type: ignore[arg-type]
    same, again, other, none = looked
    assert same == again
    assert len({same, other, none}) == 3
