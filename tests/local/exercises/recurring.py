"""Jobs with nobody watching: the one that a delivery makes, and what is told at the end of any."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.local.exercises.base import Base, logged, soon, traced

_STATE = "recurring/verify_incoming.json"


class RecurringJobs(Base):
    """Each public method is an exercise: it returns when all went as promised and raises AssertionError when not."""

    def make_a_recurring_job(self) -> None:
        kept = self._recur()
        assert kept.get("job") or kept.get("done"), kept

    def make_a_recurring_job_that_waits(self) -> None:
        """Its price is that of a function of so much memory that the limit is passed."""
        name = self._deployed.name("jobs-recur")
        given = self._lambda.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        dear = {**given, "BRIGADE_OPERATIONS": json.dumps({"verify": {"memory_mib": 10**10, "price": "read"}})}
        self._lambda.update_function_configuration(FunctionName=name, Environment={"Variables": dear})
        try:
            kept = self._recur()
        finally:
            self._lambda.update_function_configuration(FunctionName=name, Environment={"Variables": given})
        assert kept.get("job"), kept
        self._deployed.run("jobs", "watch", kept["job"])
        assert self._deployed.run("jobs", "cancel", kept["job"]).returncode == 0

    def give_up_a_recurring_manifest(self) -> None:
        """Abort the upload of a manifest when the pieces that Athena wrote cannot be read."""
        with self._denied(f"arn:aws:s3:::{self._reports}/queries/unload/*"):
            assert "queries/unload/" in self._recur().get("errorMessage", "")
        left = self._s3.list_multipart_uploads(Bucket=self._reports).get("Uploads", [])
        assert not left, "the upload was not aborted"

    def log_a_recurring_job(self) -> None:
        with logged(self._deployed, self._deployed.name("jobs-recur")):
            self.make_a_recurring_job()

    def trace_a_recurring_job(self) -> None:
        with traced(self._deployed, self._deployed.name("jobs-recur")):
            self.make_a_recurring_job()

    def trace_the_end_of_a_job(self) -> None:
        with traced(self._deployed, self._deployed.name("jobs-ended")):
            self.tell_of_a_failed_job()

    def tell_of_a_failed_job(self) -> None:
        job = self._deployed.ask("jobs", "submit", "verify", "--keys", "-", "--yes", given="none/at all\n")["id"]
        assert self._deployed.run("jobs", "watch", job).returncode == 1
        self._s3.delete_object(Bucket=self._reports, Key=f"manifests/job-{job}/told.json")
        answer = self._invoke("jobs-ended", {"detail": {"serviceEventDetails": {"jobId": job}}})
        assert answer.get("failed") == 1, answer

    def log_the_end_of_a_job(self) -> None:
        with logged(self._deployed, self._deployed.name("jobs-ended")):
            self.tell_of_a_failed_job()

    def _recur(self) -> dict[str, Any]:
        """Deliver something new and have the function take it up as if nothing had been before."""
        self._put(f"incoming/{uuid.uuid4().hex}")
        with self._unheard():
            self.deliver_the_inventory()
            given = self._deployed.ask("inventory", "deliveries")
            newest = (given[0] if isinstance(given, list) else given)["manifest"]
            soon(lambda: self._summarized() == newest, f"{newest} was not summarized")
            self._s3.delete_object(Bucket=self._state, Key=_STATE)
            event = {"detail": {"bucket": self._lake, "delivery": newest}}
            answer = self._invoke("jobs-recur", event)
        kept: dict[str, Any] = answer.get("verify_incoming", answer)
        return kept

    def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        answer = self._lambda.invoke(FunctionName=self._deployed.name(function), Payload=json.dumps(event))
        document: dict[str, Any] = json.loads(answer["Payload"].read())
        assert function == "jobs-recur" or "errorMessage" not in document, document
        return document

    def _summarized(self) -> str | None:
        latest = f"inventory/{self._lake}/latest.json"
        if latest not in self._keys(self._state, f"inventory/{self._lake}/"):
            return None
        kept = json.loads(self._s3.get_object(Bucket=self._state, Key=latest)["Body"].read())
        return str(kept["delivery"])

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        """No summary reaches the function while the block runs: it would take up the delivery beside the exercise."""
        events = self._deployed.emulator.root("events")
        stack, heard = self._deployed.name("jobs"), "A delivery of the lake was summarized"
        rules = [each["Name"] for each in events.list_rules()["Rules"] if each.get("Description") == heard]
        (rule,) = (name for name in rules if name.startswith(stack))
        events.disable_rule(Name=rule)
        try:
            yield
        finally:
            events.enable_rule(Name=rule)

    @contextmanager
    def _denied(self, resource: str) -> Iterator[None]:
        """Nobody reads the objects while the block runs: the bucket's policy says so."""
        policy = self._s3.get_bucket_policy(Bucket=self._reports)["Policy"]
        document = json.loads(policy)
        deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": resource}
        document["Statement"].append(deny)
        self._s3.put_bucket_policy(Bucket=self._reports, Policy=json.dumps(document))
        try:
            yield
        finally:
            self._s3.put_bucket_policy(Bucket=self._reports, Policy=policy)
