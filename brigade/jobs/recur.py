"""A recurring job: over what is new since the last one that did all its work, one job a delivery, never two at once."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from brigade.errors import ConditionLost, NotFound, NothingSelected
from brigade.inventory.delivery import Delivery, open_delivery
from brigade.jobs.archive import keep
from brigade.jobs.control import Control
from brigade.jobs.job import Job, of
from brigade.jobs.price import Priced, estimate, prices
from brigade.jobs.request import Plan, request_of, rows_manifest
from brigade.jobs.summary import Summary
from brigade.jobs.unload import Athena, Chosen, choose, count, unload
from brigade.layout import MANIFESTS, RECURRING
from brigade.operations.recurring import Recurring
from brigade.s3.head import head
from brigade.s3.settle import new_token
from brigade.state import State


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a recurring job: deliveries by the address of their manifest, which sort by time."""

    done: str = ""
    """All that this delivery lists has been worked on."""
    running: str = ""
    job: str = ""
    """The job over what is new in ``running``; empty until it is made."""
    waiting: str = ""
    """The newest delivery that came meanwhile."""
    failed: str = ""
    """The last job, if it left something undone: the next one does all that again, or `brigade jobs retry` of it."""
    failed_over: str = ""


@dataclass(frozen=True)
class Recurrence:
    """One recurring job, and what it takes to run it.

    Whatever is delivered twice, late or in another order, and wherever it is killed: a delivery has one job at most,
    for its manifest and its token are named by what it is over. A delivery that comes while a job runs waits for its
    end; of several, the newest. Memory: as ``unload.unload``.
    """

    name: str
    declared: Recurring
    size: Priced
    """The operation's memory and price class."""
    plan: Plan
    control: Control
    s3: Any
    state: State
    athena: Athena
    tell: Callable[[str, str], None]
    """Tells a person: a subject, a text."""

    def arrive(self, uri: str) -> Progress:
        """Take up the delivery whose manifest is at ``uri``, unless it, or a newer one, has been; give what is kept.

        Fails as ``open_delivery``, ``unload`` and ``Control.create`` do; called again, it goes on where it was.
        """
        kept = self._kept()
        if kept.running and kept.job and kept.running != uri:
            self.end(kept.job)  # its end may never have been told
        return self._go_on(self._update(lambda last: _taken_up(last, uri)))

    def end(self, job: str) -> Progress:
        """Take note that ``job`` is over, if it is, and is ours or the retry of ours; take up the one that waits."""
        kept = self._kept()
        if not kept.job and not kept.failed:
            return kept
        seen = of(self.control.describe(job))
        return self._go_on(self._update(lambda last: _ended(last, seen))) if seen.over else kept

    def _go_on(self, kept: Progress) -> Progress:
        if not kept.running or kept.job:
            return kept
        job = self._made(kept)
        if job is None:
            return self._go_on(self._update(lambda last: _worked(last) if last == kept else last))
        recorded = self._update(lambda last: _made(last, kept.running, job))
        # Its end may have been told before it was known to be ours.
        return self.end(job) if recorded.job == job else recorded

    def _made(self, kept: Progress) -> str | None:
        """Make the job over what is new in the delivery that is taken up; None when nothing is."""
        delivery, since = open_delivery(self.s3, kept.running), self._since(kept.done)
        chosen = choose(delivery, self.declared.where, since)
        try:
            summary = count(self.athena, chosen, self.plan.bucket)
        except NothingSelected:
            return None
        run = f"{self.name}-{delivery.taken:%Y%m%dT%H%M}-{_digest(self.plan.stage, kept.running, kept.done)}"
        etag = self._manifest(chosen, run)
        since_when = f" since {since.taken:%Y-%m-%d %H:%M}Z" if since else ""
        what = f"{self.name}: new in the inventory of {delivery.taken:%Y-%m-%d %H:%M}Z{since_when}"
        plan = replace(self.plan, what=what)
        over = self._over(summary)
        manifest = rows_manifest(plan, f"{MANIFESTS}/{run}.csv", etag, versions=chosen.versions)
        request = request_of(plan, run, {"Manifest": manifest}, confirm=over is not None)
        job = self.control.create(request)
        keep(self.s3, plan.reports, job, "request", request)
        if over:
            self.tell(
                f"{self.name} waits for a confirmation",
                f"The recurring job {self.name} of stage {plan.stage} is over its limit: {over}.\n"
                f"It waits. Start it: brigade --stage {plan.stage} jobs confirm {job}\n"
                f"Or leave it: brigade --stage {plan.stage} jobs cancel {job}\n",
            )
        return job

    def _manifest(self, chosen: Chosen, run: str) -> str:
        """The ETag of the run's manifest, made once: who comes second takes what is there."""
        reports, key = self.plan.reports, f"{MANIFESTS}/{run}.csv"
        found = head(self.s3, reports, key)
        if found is None:
            try:
                return unload(self.athena, self.s3, chosen, reports, key, f"{run}-{new_token()[:8]}").etag
            except ConditionLost:
                found = head(self.s3, reports, key)
        if found is None:
            raise NotFound(f"s3://{reports}/{key} was there and is gone: try again")
        return found.etag

    def _over(self, summary: Summary) -> str | None:
        limits, objects = self.declared, summary.objects
        dollars = sum(line.dollars for line in estimate(objects, summary.bytes, self.size, price=prices()))
        if objects > limits.most_objects:
            return f"{objects:,} objects, more than {limits.most_objects:,}"
        if dollars > limits.most_dollars:
            return f"${dollars:,.2f} by the estimate, more than ${limits.most_dollars:,.2f}"
        return None

    def _since(self, uri: str) -> Delivery | None:
        """The delivery to compare with; None if there is none, or the bucket's rules have cleared it."""
        try:
            return open_delivery(self.s3, uri) if uri else None
        except NotFound:
            return None

    def _kept(self) -> Progress:
        found = self.state.get(self._key, Progress)
        return found.value if found else Progress()

    def _update(self, change: Callable[[Progress], Progress]) -> Progress:
        return self.state.update(self._key, change, default=Progress(), kind=Progress).value

    @property
    def _key(self) -> str:
        return f"{RECURRING}/{self.name}.json"


def _taken_up(last: Progress, uri: str) -> Progress:
    if uri <= max(last.done, last.running, last.waiting):
        return last
    return msgspec.structs.replace(last, **({"waiting": uri} if last.running else {"running": uri}))


def _ended(last: Progress, seen: Job) -> Progress:
    if seen.id == last.job:
        if seen.well:
            return _worked(last)
        failed = {"failed": seen.id, "failed_over": last.running}
        return msgspec.structs.replace(last, running=last.waiting, job="", waiting="", **failed)
    if last.failed and last.failed in seen.description and seen.well:  # what was left undone was retried, well
        return msgspec.structs.replace(last, done=max(last.done, last.failed_over), failed="", failed_over="")
    return last


def _made(last: Progress, running: str, job: str) -> Progress:
    return msgspec.structs.replace(last, job=job) if last.running == running else last


def _worked(last: Progress) -> Progress:
    return Progress(done=last.running, running=last.waiting)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:8]
