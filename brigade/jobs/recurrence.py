"""A recurring job: one job per delivery, over the objects that are new since the last complete job, one at a time."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from brigade.errors import BrigadeError, ConditionLost, InvalidData, NotFound, NothingSelected, RetryLater, UsageError
from brigade.inventory.delivery.deliveries import Delivery, open_delivery, parse_delivery_time
from brigade.jobs.archive import archive_document
from brigade.jobs.athena_manifest import AthenaSelection, AthenaTable, build_selection, count_selection, unload_manifest
from brigade.jobs.client import JobsClient
from brigade.jobs.job import Job, parse_job
from brigade.jobs.price import Priced, Quote, load_prices
from brigade.jobs.request import JobPlan, build_manifest_spec, build_request, retry_description
from brigade.jobs.row import SelectionSummary
from brigade.layout import MANIFESTS, RECURRING
from brigade.operations.recurring import Recurring
from brigade.s3.conditions import new_token
from brigade.s3.objects import head
from brigade.state import State


class RecurrenceState(msgspec.Struct, frozen=True, kw_only=True):
    """The stored state of a recurring job. Deliveries are stored as the URIs of their manifests."""

    done: str = ""
    """All that this delivery lists has been worked on."""
    running: str = ""
    job: str = ""
    """The job over the new objects of ``running``; empty until it is made."""
    waiting: str = ""
    """The newest delivery that came meanwhile."""
    failed: str = ""
    """The last job, if it left something undone: the next one does all that again, or `brigade jobs retry` of it."""
    failed_over: str = ""


@dataclass(frozen=True)
class Recurrence:
    """One recurring job with everything that it needs to run.

    A delivery has at most one job, also if its event comes twice, late or in another order, or if the function is
    killed: the names of the manifest and the token derive from the deliveries. A delivery that arrives while a job runs
    waits for the end of that job. If several arrive, the newest waits. Memory: that of `unload_manifest`.
    """

    name: str
    declared: Recurring
    size: Priced
    """The operation's memory and price class."""
    plan: JobPlan
    control: JobsClient
    s3: Any
    state: State
    athena: AthenaTable
    tell: Callable[[str, str], None]
    """Tells a person: a subject, a text."""

    def arrive(self, uri: str) -> RecurrenceState:
        """Start a job over the delivery at `uri`, unless this or a later delivery was handled. Return the state.

        Deliveries are compared by the time at which S3 listed the bucket, in any configuration. After an error, a
        second call continues.

        Args:
            uri: The URI of the delivery's `manifest.json`.

        Raises:
            InvalidData: The URI of this delivery, or of a stored one, contains no time to compare.
            UsageError: The delivery is of another bucket, or Athena cannot read it by the table of this stage. It is
                skipped, and the next delivery is handled.
            BrigadeError: As `open_delivery`, `unload_manifest` and `JobsClient.create`.
        """
        kept = self._kept()
        if kept.running and kept.job and kept.running != uri:
            self.end(kept.job)  # the event of its end may be lost
        return self._go_on(self._update(lambda last: _taken_up(last, uri)))

    def end(self, job: str) -> RecurrenceState:
        """Record that ``job`` is over, if it is our job or a retry that completed our job; start the next one."""
        kept = self._kept()
        if not kept.job and not kept.failed:
            return kept
        seen = parse_job(self.control.describe(job))
        if not seen.over:
            return kept
        retried = self._retried_whole(kept.failed, seen)
        return self._go_on(self._update(lambda last: _ended(last, seen, retried)))

    def _retried_whole(self, failed: str, seen: Job) -> str:
        """Return `failed` if the job `seen` is its retry and completed its unfinished tasks; else an empty text.

        A retry covers failed tasks, or those of one error code. Tasks that never ran, because the job was cancelled or
        S3 ended it, are in no report and so in no retry.
        """
        if (
            not failed
            or not seen.well
            or not seen.description.startswith(f"{self.plan.operation} over {retry_description(failed)} [")
        ):
            return ""
        try:
            first = parse_job(self.control.describe(failed))
        except NotFound:  # S3 forgets a job after 90 days
            return ""
        return failed if seen.succeeded >= first.total - first.succeeded else ""

    def _go_on(self, kept: RecurrenceState) -> RecurrenceState:
        if not kept.running or kept.job:
            return kept
        try:
            job = self._made(kept)
        except (UsageError, InvalidData, NotFound):
            # No job can be made over this delivery, now or later. The error has the reason; the next delivery follows,
            # and all that is new since ``done`` with it.
            self._update(lambda last: _left_out(last) if last == kept else last)
            raise
        if job is None:
            return self._go_on(self._update(lambda last: _worked(last) if last == kept else last))
        recorded = self._update(lambda last: _made(last, kept.running, job))
        # The event of its end may have come before the job was known to be ours.
        return self.end(job) if recorded.job == job else recorded

    def _made(self, kept: RecurrenceState) -> str | None:
        """Create the job over the new objects of the current delivery. Return None if no object is new."""
        delivery = open_delivery(self.s3, kept.running)
        if delivery.manifest.source_bucket != self.plan.bucket:
            raise UsageError(
                f"{delivery.uri} is of bucket {delivery.manifest.source_bucket}, and the recurring job {self.name} is "
                f"over {self.plan.bucket}"
            )
        since, problem = self._since(kept.done)
        chosen = build_selection(delivery, self.declared.where, since)
        try:
            summary = count_selection(self.athena, chosen, self.plan.bucket)
        except NothingSelected:
            return None
        run = f"{self.name}-{delivery.taken:%Y%m%dT%H%M}-{self._digest(kept)}"
        etag = self._manifest(chosen, run)
        since_when = f" since {since.taken:%Y-%m-%d %H:%M}Z" if since else ""
        what = f"{self.name}: new in the inventory of {delivery.taken:%Y-%m-%d %H:%M}Z{since_when}"
        plan = replace(self.plan, what=what)
        over = self._over(summary)
        manifest = build_manifest_spec(plan, f"{MANIFESTS}/{run}.csv", etag, versions=chosen.versions)
        request = build_request(plan, run, {"Manifest": manifest}, confirm=over is not None)
        job = self.control.create(request)
        archive_document(self.s3, plan.reports, job, "request", request)
        if problem:
            self._tell_compares_with_none(job, problem, summary.objects)
        if over:
            self._tell_waits(job, over)
        return job

    def _tell_compares_with_none(self, job: str, problem: str, objects: int) -> None:
        stage = self.plan.stage
        self.tell(
            f"{self.name} is over all objects, not just the new ones",
            f"The recurring job {self.name} of stage {stage} cannot compare with the delivery before: {problem}.\n"
            f"So its job {job} is over everything that it selects: {objects:,} objects.\n"
            f"See it: brigade --stage {stage} jobs show {job}\n",
        )

    def _tell_waits(self, job: str, over: str) -> None:
        stage = self.plan.stage
        self.tell(
            f"{self.name} waits for a confirmation",
            f"The recurring job {self.name} of stage {stage} waits: {over}.\n"
            f"Start it: brigade --stage {stage} jobs confirm {job}\n"
            f"Or leave it: brigade --stage {stage} jobs cancel {job}\n",
        )

    def _manifest(self, chosen: AthenaSelection, run: str) -> str:
        """Return the ETag of the run's manifest. It is written once: a second run uses the first one's."""
        reports, key = self.plan.reports, f"{MANIFESTS}/{run}.csv"
        found = head(self.s3, reports, key)
        if found is None:
            try:
                return unload_manifest(self.athena, self.s3, chosen, reports, key, f"{run}-{new_token()[:8]}").etag
            except ConditionLost:
                found = head(self.s3, reports, key)
        if found is None:
            raise NotFound(f"s3://{reports}/{key} was deleted meanwhile: try again")
        return found.etag

    def _over(self, summary: SelectionSummary) -> str | None:
        """Return the limit that the job exceeds, or why a limit cannot be checked; None if it is within both."""
        limits, objects = self.declared, summary.objects
        quote = Quote(self.size, objects, summary.bytes, load_prices())
        if objects > limits.most_objects:
            return f"it has {objects:,} objects, more than {limits.most_objects:,}"
        if (dollars := quote.dollars()) > limits.most_dollars:
            return f"it costs ${dollars:,.2f} by the estimate, more than ${limits.most_dollars:,.2f}"
        if quote.is_blind:
            return (
                f"its price cannot be compared with ${limits.most_dollars:,.2f}, because the inventory does not have "
                "the size of each object; add the field size to the inventory's configuration"
            )
        return None

    def _since(self, uri: str) -> tuple[Delivery | None, str]:
        """Return the delivery to compare with, and a reason if the kept one cannot be.

        There is none before the first job, or after a lifecycle rule has deleted it: then every object is new, within
        the limits. An existing delivery may be unreadable, because the configuration's id, prefix, format or columns
        have changed since. Then the returned reason reports it.
        """
        if not uri:
            return None, ""
        try:
            delivery = open_delivery(self.s3, uri)
            self.athena.table_of_deliveries().require_readable(delivery)
        except NotFound:
            return None, ""
        except RetryLater:
            raise
        except BrigadeError as error:
            return None, str(error)
        return delivery, ""

    def _kept(self) -> RecurrenceState:
        found = self.state.get(self._key, RecurrenceState)
        return found.value if found else RecurrenceState()

    def _update(self, change: Callable[[RecurrenceState], RecurrenceState]) -> RecurrenceState:
        return self.state.update(self._key, change, default=RecurrenceState(), kind=RecurrenceState).value

    @property
    def _key(self) -> str:
        return f"{RECURRING}/{self.name}.json"

    def _digest(self, kept: RecurrenceState) -> str:
        """Return a digest of everything that determines the job, so a changed declaration reuses no older manifest."""
        plan = self.plan
        decides = [plan.stage, plan.operation, sorted(plan.arguments.items()), self.declared.where]
        text = json.dumps([*decides, kept.running, kept.done])
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def _taken_up(last: RecurrenceState, uri: str) -> RecurrenceState:
    known = [_time(each) for each in (last.done, last.running, last.waiting) if each]
    if known and _time(uri) <= max(known):
        return last
    return msgspec.structs.replace(last, **({"waiting": uri} if last.running else {"running": uri}))


def _time(uri: str) -> datetime:
    """Return the time at which S3 listed the bucket for the delivery. URIs of two configurations do not sort by it."""
    found = parse_delivery_time(uri)
    if found is None:
        raise InvalidData(f"{uri} cannot be compared: its folder is not named by a time, such as 2026-11-22T01-00Z")
    return found


def _ended(last: RecurrenceState, seen: Job, retried: str) -> RecurrenceState:
    if seen.id == last.job:
        if seen.well:
            return _worked(last)
        failed = {"failed": seen.id, "failed_over": last.running}
        return msgspec.structs.replace(last, running=last.waiting, job="", waiting="", **failed)
    if last.failed and last.failed == retried:
        done = max(filter(None, (last.done, last.failed_over)), key=_time, default="")
        return msgspec.structs.replace(last, done=done, failed="", failed_over="")
    return last


def _left_out(last: RecurrenceState) -> RecurrenceState:
    return msgspec.structs.replace(last, running=last.waiting, waiting="")


def _made(last: RecurrenceState, running: str, job: str) -> RecurrenceState:
    return msgspec.structs.replace(last, job=job) if last.running == running else last


def _worked(last: RecurrenceState) -> RecurrenceState:
    return RecurrenceState(done=last.running, running=last.waiting)
