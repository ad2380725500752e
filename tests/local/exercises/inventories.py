"""The inventory: delivered by S3, summarized by the function, asked and printed by a person."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from brigade.inventory.setup.glue_table import table_input
from tests.local.deployment import BRIGADE
from tests.local.exercises.base import Base, Patience, logged, soon, traced


class Inventories(Base):
    """Each public method is an exercise: it returns when all went as promised and raises AssertionError when not."""

    def summarize_a_delivery(self) -> None:
        given = self._deployed.ask("inventory", "deliveries")
        newest = given[0] if isinstance(given, list) and given else given
        if not newest:
            self.deliver_the_inventory()
            newest = self._deployed.ask("inventory", "deliveries")
        key = newest["manifest"].split("/", 3)[3].replace("manifest.json", "manifest.checksum")
        event = {"detail": {"bucket": {"name": self._reports}, "object": {"key": key}}}
        answer = self._lambda.invoke(FunctionName=self._deployed.name("inventory-arrived"), Payload=json.dumps(event))
        assert json.loads(answer["Payload"].read()).get("delivery") == newest["manifest"]

    def summarize_the_first_delivery(self) -> None:
        for key in self._keys(self._state, f"inventory/{self._lake}/"):
            self._s3.delete_object(Bucket=self._state, Key=key)
        self.summarize_a_delivery()

    def say_where_the_data_is(self) -> None:
        """Add a table's missing location, as after a deployment. Without the grant, the summary is still written."""
        name = {"DatabaseName": f"brigade_{self._deployed.stage}", "Name": "inventory"}
        glue = self._deployed.emulator.root("glue")
        made = table_input(glue.get_table(**name)["Table"])
        made["StorageDescriptor"].pop("AdditionalLocations", None)
        glue.update_table(DatabaseName=name["DatabaseName"], TableInput=made)
        self.summarize_a_delivery()
        assert glue.get_table(**name)["Table"]["StorageDescriptor"].get("AdditionalLocations"), "it does not say it"

    def log_a_summary(self) -> None:
        with logged(self._deployed, self._deployed.name("inventory-arrived")):
            self.summarize_a_delivery()

    def trace_a_summary(self) -> None:
        with traced(self._deployed, self._deployed.name("inventory-arrived")):
            self.summarize_a_delivery()

    # What the operator does, beside what is above

    def ask_athena(self) -> None:
        answer = self._deployed.ask("inventory", "sql", "SELECT count(*) AS n FROM inventory", "--engine", "athena")
        assert int(answer["n"]) >= 0

    def interrupt_athena(self) -> None:
        """In the middle of a query that would take minutes; it is stopped, for it would go on to cost."""
        athena, workgroup = self._deployed.emulator.root("athena"), f"brigade-{self._deployed.stage}"
        many = "SELECT count(*) FROM " + ", ".join(f"UNNEST(sequence(1, 10000)) AS t{n} (n{n})" for n in range(4))
        asked = subprocess.Popen(
            [BRIGADE, "--stage", self._deployed.stage, "inventory", "sql", f"{many}, inventory", "--engine", "athena"],
            env=self._deployed.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with ended(asked):
            soon(lambda: bool(running(athena, workgroup, "UNNEST")), "no query runs")
            begun = running(athena, workgroup, "UNNEST")[0]
            asked.send_signal(signal.SIGINT)
            asked.wait(Patience.LONGEST_S)
        query = athena.get_query_execution(QueryExecutionId=begun)["QueryExecution"]
        assert query["Status"]["State"] == "CANCELLED"

    def print_rows(self) -> None:
        assert self._deployed.run("inventory", "rows", "--columns", "key").returncode == 0


@contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def running(athena: Any, workgroup: str, holding: str) -> list[str]:
    """The queries that run and have ``holding`` in their text: a delivery that arrives is counted by one of its own."""
    found = athena.list_query_executions(WorkGroup=workgroup)["QueryExecutionIds"]  # here all, the oldest first
    asked = [athena.get_query_execution(QueryExecutionId=query)["QueryExecution"] for query in found]
    under_way = [query for query in asked if query["Status"]["State"] in {"QUEUED", "RUNNING"}]
    return [query["QueryExecutionId"] for query in under_way if holding in query["Query"]]
