"""One real AWS on this machine for all tests of this folder: its own home, a free port, IAM enforced."""

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from brigade.state import State
from local.demo.api import serving
from local.postgres import Postgres

if TYPE_CHECKING:
    from tests.local.deployment import Deployment
    from tests.local.ingest_dates import Dates
    from tests.local.ingest_place import Place
    from tests.local.inventory_lake import Lake

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".brigade" / "emulator" / "bin" / "python"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL of the module's own."""
    server = Postgres()
    yield server
    server.close()


@dataclass(frozen=True)
class Emulator:
    """A running local AWS. ``root`` skips every check of IAM; ``operator`` has no policy until one is attached."""

    home: Path
    endpoint: str

    def root(self, service: str) -> Any:
        return self.client(service, **self._keys("root"))

    def operator(self, service: str) -> Any:
        return self.client(service, **self._keys("operator"))

    def client(self, service: str, *, access_key: str, secret_key: str, token: str | None = None) -> Any:
        client = boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
            config=Config(
                signature_version="s3v4" if service == "s3" else None,
                inject_host_prefix=False,
                retries={"total_max_attempts": 1},
            ),
        )
        if service == "s3control":
            client.meta.events.register_first("request-created.s3-control", _without_account_label)
        return client

    def environment(self, who: str = "operator") -> dict[str, str]:
        """Return the environment variables with which a process calls this AWS as ``who``."""
        asked = [str(PYTHON), "-m", "local", "env", *(["--root"] if who == "root" else [])]
        environment = {**os.environ, "BRIGADE_LOCAL_HOME": str(self.home)}
        given = subprocess.run(asked, cwd=REPOSITORY, env=environment, check=True, capture_output=True)
        return {**environment, **json.loads(given.stdout)}

    def _keys(self, who: str) -> dict[str, str]:
        keys: dict[str, str] = json.loads((self.home / "credentials.json").read_text())[who]
        return keys


def _without_account_label(request: Any, **_: Any) -> None:
    request.url = request.url.replace("://000000000000.", "://", 1)


def run_local(home: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run ``python -m local ARGUMENTS`` on ``home``."""
    return subprocess.run(
        [PYTHON, "-m", "local", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "BRIGADE_LOCAL_HOME": str(home)},
        check=check,
        capture_output=True,
        text=True,
    )


@contextmanager
def running(home: Path) -> Iterator[Emulator]:
    """A local AWS in the folder ``home``, up for as long as the block runs."""
    up = json.loads(run_local(home, "up", "--port", str(free_port())).stdout)
    try:
        yield Emulator(home=home, endpoint=up["endpoint"])
    finally:
        run_local(home, "down")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("aws")) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def deployed(emulator: Emulator) -> "Deployment":
    from tests.local.deployment import deploy  # which stands on this module

    return deploy(emulator)


@pytest.fixture(scope="session", params=["CSV", "ORC", "Parquet"])
def lake(emulator: Emulator, request: pytest.FixtureRequest) -> "Lake":
    from tests.local.inventory_lake import make  # which stands on this module

    return make(emulator, request.param)


@pytest.fixture
def state(emulator: Emulator) -> Iterator[State]:
    """The state in a new bucket."""
    made = State(emulator.root("s3"), f"state-{uuid.uuid4().hex[:12]}")
    made.client.create_bucket(Bucket=made.bucket)
    yield made
    made.client.close()


@pytest.fixture
def dates(emulator: Emulator) -> Iterator["Dates"]:
    from tests.local.ingest_dates import Dates  # which stands on this module
    from tests.local.ingests import lake_of

    with lake_of(emulator.root("s3")) as lake:
        yield Dates(lake)


@pytest.fixture(scope="module")
def demo_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the demo's real API (Datasette)."""
    with serving(tmp_path_factory.mktemp("api"), free_port()) as url:
        yield url


@pytest.fixture
def place(emulator: Emulator, demo_api: str) -> Iterator["Place"]:
    from tests.local.ingest_place import make_place  # which stands on this module

    with make_place(emulator, demo_api) as place:
        yield place
