"""A recurring job in this process, with the operator's rights: limits, lost replies, ends in any order."""

import dataclasses
import threading
import uuid
from typing import Any

import pytest

from brigade.errors import RetryLater
from brigade.jobs.athena_manifest import AthenaTable
from brigade.jobs.client import JobsClient
from brigade.jobs.recurrence import Recurrence
from brigade.operations.recurring import Recurring
from brigade.state import State
from tests.local.deployment import Deployment
from tests.local.jobs import plan_of


@dataclasses.dataclass
class Size:
    memory_mib: int = 256
    price: str = "read"


class Lossy(JobsClient):
    """S3 takes the job; the answer is lost."""

    def create(self, request: Any) -> str:
        super().create(request)
        raise RetryLater("no answer")


@pytest.fixture(scope="module")
def folder(deployed: Deployment) -> str:
    """Two objects, and a delivery that has them."""
    folder = f"recur-{uuid.uuid4().hex[:8]}/"
    for key in ("a +%", "b"):
        deployed.emulator.root("s3").put_object(Bucket=deployed.outputs["LakeBucket"], Key=folder + key, Body=b"x")
    deployed.ask("local", "deliver-inventory", deployed.outputs["LakeBucket"])
    return folder


@pytest.fixture
def newest(deployed: Deployment) -> str:
    found = deployed.ask("inventory", "deliveries")
    return str((found[0] if isinstance(found, list) else found)["manifest"])


def recurrence(deployed: Deployment, folder: str, **changes: Any) -> Recurrence:
    operator, given = deployed.emulator.operator, deployed.outputs
    limits = {"most_objects": 100, "most_dollars": 1.0}
    declared = {name: changes.pop(name) for name in limits if name in changes}
    athena = AthenaTable(
        operator("athena"), operator("glue"), given["Workgroup"], given["Database"], given["InventoryTable"]
    )
    made = Recurrence(
        name=f"test_{uuid.uuid4().hex[:8]}",
        declared=Recurring(operation="verify", where=f"key LIKE '{folder}%'", **{**limits, **declared}),
        size=Size(),  # type: ignore[arg-type]  # a class of its price is text here
        plan=plan_of(deployed),
        control=JobsClient(operator("s3control"), "000000000000"),
        s3=operator("s3"),
        state=State(operator("s3"), given["StateBucket"]),
        athena=athena,
        tell=lambda subject, text: None,
    )
    return dataclasses.replace(made, **changes)


def made(deployed: Deployment, name: str) -> dict[str, str]:
    """The jobs of a recurrence and their status."""
    listed = deployed.ask("jobs", "list")
    listed = listed if isinstance(listed, list) else [listed]
    return {job["id"]: job["status"] for job in listed if name in job["description"]}


@pytest.mark.parametrize("limit", [{"most_objects": 1}, {"most_dollars": 0.1}])
def test_over_a_limit_the_job_waits_and_somebody_is_told(
    deployed: Deployment, folder: str, newest: str, limit: dict[str, Any]
) -> None:
    told: list[tuple[str, str]] = []
    recurring = recurrence(deployed, folder, tell=lambda *message: told.append(message), **limit)
    kept = recurring.arrive(newest)
    assert (kept.running, kept.done) == (newest, "")
    deployed.run("jobs", "watch", kept.job)
    assert made(deployed, recurring.name) == {kept.job: "Suspended"}
    ((subject, text),) = told
    assert subject == f"{recurring.name} waits for a confirmation"
    assert f"jobs confirm {kept.job}" in text
    assert recurring.end(kept.job) == kept  # it is not over
    assert deployed.run("jobs", "confirm", kept.job, "--yes").returncode == 0
    assert deployed.run("jobs", "watch", kept.job).returncode == 0
    assert recurring.end(kept.job).done == newest
    assert (recurring.arrive(newest).job, len(told), len(made(deployed, recurring.name))) == ("", 1, 1)


def test_a_job_whose_reply_was_lost_is_one_job(deployed: Deployment, folder: str, newest: str) -> None:
    recurring = recurrence(deployed, folder)
    control = recurring.control
    with pytest.raises(RetryLater):
        dataclasses.replace(recurring, control=Lossy(control.client, control.account)).arrive(newest)
    kept = recurring.arrive(newest)
    assert kept.job in made(deployed, recurring.name) or kept.done == newest
    assert len(made(deployed, recurring.name)) == 1


def test_the_same_delivery_at_once_is_one_job(deployed: Deployment, folder: str, newest: str) -> None:
    recurring = recurrence(deployed, folder)
    threads = [threading.Thread(target=recurring.arrive, args=(newest,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made(deployed, recurring.name)) == 1


def test_what_comes_while_a_job_runs_waits_for_its_end(deployed: Deployment, folder: str, newest: str) -> None:
    """A job that is cancelled has not done its work: the next has all of it."""
    recurring = recurrence(deployed, folder, most_objects=0)
    first = recurring.arrive(newest)
    lake, later = deployed.outputs["LakeBucket"], folder + "later"
    deployed.emulator.root("s3").put_object(Bucket=lake, Key=later, Body=b"x")
    deployed.ask("local", "deliver-inventory", lake)
    next_one = str(deployed.ask("inventory", "deliveries")[0]["manifest"])
    deployed.run("jobs", "watch", first.job)
    assert recurring.arrive(next_one).waiting == next_one
    assert recurring.arrive(newest) == recurring.arrive(next_one)
    assert deployed.run("jobs", "cancel", first.job).returncode == 0
    deployed.run("jobs", "watch", first.job)
    second = recurring.end(first.job)
    assert (second.running, second.waiting, second.failed) == (next_one, "", first.job)
    deployed.run("jobs", "watch", second.job)
    assert deployed.ask("jobs", "show", second.job)["total"] == 3
    assert deployed.run("jobs", "cancel", second.job).returncode == 0
