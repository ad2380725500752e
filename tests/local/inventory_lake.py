"""A bucket of odd keys, its delivery in one format, and the stack's table over it: what tests of the trade read."""

import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brigade.catalog import KINDS
from brigade.inventory import open_latest_delivery, query
from brigade.inventory.sql import athena
from stacks.parts.inventory import columns
from tests import command
from tests.local.conftest import Emulator
from tests.local.inventories import Inventory
from tests.local.stack_tables import make_tables

KEYS = [
    "plain/one.txt",
    "plain/two.txt",
    "space and+plus/100%=sure %41.txt",
    'quotes "and", commas.csv',
    "new\nline\tand tab.txt",
    "emoji 🪣/日本語/Ωмега.jpg",
    "//leading//../dots",
    "delete/me.txt",
]
COLUMNS = {column.name: KINDS.get(column.name, "string") for column in columns("All")}


@dataclass(frozen=True)
class Lake:
    """A bucket with odd keys, its delivery, and the table over it."""

    emulator: Emulator
    environment: Mapping[str, str]
    form: str
    lake: str
    reports: str
    database: str

    @property
    def place(self) -> tuple[str, str, str, str]:
        return self.reports, "inventory", self.lake, "all"

    def client(self, service: str) -> Any:
        return self.emulator.root(service)

    def run(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[bytes]":
        """Run ``brigade inventory …`` as a person does."""
        environment = {
            **self.environment,
            "BRIGADE_LAKE_BUCKET": self.lake,
            "BRIGADE_REPORTS_BUCKET": self.reports,
            "BRIGADE_INVENTORY_PREFIX": "inventory",
            "BRIGADE_INVENTORY_ID": "all",
            "BRIGADE_DATABASE": self.database,
            "BRIGADE_INVENTORY_TABLE": "inventory",
            "BRIGADE_WORKGROUP": self.database,
            "BRIGADE_STATE_BUCKET": f"state-{self.lake}",
        }
        done = command.run_bytes(arguments, environment=environment)
        if check:
            done.check_returncode()
        return done

    def asked_athena(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        newest = open_latest_delivery(self.client("s3"), *self.place)
        statement = athena.build_statement(self.client("glue"), self.database, "inventory", sql, [newest])
        answer = athena.query(self.client("athena"), self.database, self.database, statement)
        return answer.columns, list(answer.rows)

    def asked_duckdb(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        s3 = self.client("s3")
        result = query(open_latest_delivery(s3, *self.place), sql)
        return result.columns, list(result.rows())


def make(emulator: Emulator, form: str) -> Lake:
    """Make a lake whose inventory is delivered in ``form``, of all versions, with every field."""
    inventory, database = Inventory(emulator), f"db_{uuid.uuid4().hex[:8]}"
    made = Lake(emulator, emulator.environment("root"), form, inventory.source, inventory.destination, database)
    s3 = inventory.s3
    s3.put_bucket_versioning(Bucket=made.lake, VersioningConfiguration={"Status": "Enabled"})
    inventory.allow()
    fields = [column.field for column in columns("All") if column.field]
    inventory.configure("all", form, "All", OptionalFields=fields)
    for number, key in enumerate(KEYS):
        s3.put_object(Bucket=made.lake, Key=key, Body=b"x" * (number * 100))
    s3.put_object(Bucket=made.lake, Key=KEYS[0], Body=b"a second version")
    s3.delete_object(Bucket=made.lake, Key="delete/me.txt")
    inventory.deliver()
    make_tables(inventory, database, "all", form, "All")
    results = {"OutputLocation": f"s3://{made.reports}/queries/"}
    made.client("athena").create_work_group(Name=database, Configuration={"ResultConfiguration": results})
    return made
