"""A shop: a database, its secret in Secrets Manager, and the lake that its table is ingested to."""

import functools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from brigade.database.secret import DatabaseSecret
from brigade.ingest.declare.target import Target
from brigade.ingest.read.postgres import TableReader
from brigade.ingest.run import Run
from brigade.ingest.state.position import claim_window
from brigade.ingest.state.run_result import RunResult
from brigade.state import State
from local.postgres import Postgres
from tests.database.tables import execute, source
from tests.local.ingests import PART, Lake


@dataclass
class Shop:
    """A database, its secret in Secrets Manager, and a lake."""

    lake: Lake
    postgres: Postgres
    secrets: Any
    name: str = field(default_factory=lambda: f"shop/{uuid.uuid4()}")
    role: str = field(default_factory=lambda: f"r{uuid.uuid4().hex}")

    def rotate(self, *, first: bool = False) -> None:
        """Set a new password on the role and in the secret."""
        password = f"p@:/{uuid.uuid4()}"
        execute(
            self.postgres,
            f"{'CREATE' if first else 'ALTER'} ROLE {self.role} LOGIN PASSWORD '{password}'",
            f"GRANT pg_read_all_data TO {self.role}",
        )
        fields = {"engine": "postgres", "host": self.postgres.host, "port": self.postgres.port, "dbname": "postgres"}
        value = json.dumps(fields | {"username": self.role, "password": password})
        if first:
            self.secrets.create_secret(Name=self.name, SecretString=value)
        else:
            self.secrets.put_secret_value(SecretId=self.name, SecretString=value)

    def run(
        self, date: str = "2026-11-22", remaining: Callable[[], float] = lambda: 900.0, **changes: Any
    ) -> RunResult:
        usual = {"secret": self.name, "table": "events", "key": ("id",), "page_bytes": 1024 * 1024}
        declared = source(**(usual | changes))
        target = Target("numbers", date, self.lake.lake, self.lake.state)
        self.said: list[str] = []
        state = State(self.lake.s3, self.lake.state)
        windows = functools.partial(
            claim_window, state, "numbers", date, time_zone="UTC", bounded=not declared.rereads_last_value
        )
        self.rows = TableReader(declared, self.secret, remaining, windows if declared.since else None)
        return Run(
            source=declared,
            target=target,
            api=self.rows,
            s3=self.lake.s3,
            remaining=remaining,
            say=self.said.append,
            part_bytes=PART,
        )()

    def __post_init__(self) -> None:
        self.rotate(first=True)
        self.secret = DatabaseSecret(self.secrets, self.name)

    def ids(self) -> list[int]:
        return [row["id"] for row in self.lake.rows()]
