"""A real S3 server (SeaweedFS) for all tests of this folder, and a proxy of faults in front of it."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from brigade.s3.http import connect

BIN = Path(sys.executable).parent
BRIGADE = BIN / "brigade"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secretsecret", "AWS_REGION": "us-east-1"}
MIB = 1024 * 1024


def free_ports(count: int, first: int = 10_000, last: int = 22_000) -> list[int]:
    """Return free ports. SeaweedFS opens its gRPC ports 10,000 above them.

    Both are below 32,768, where Linux begins to choose ports for the connections of other tests.
    """
    found: list[int] = []
    port = first + os.getpid() * 53 % (last - first)  # neighbours start far apart: two runs begin at the same moment
    while len(found) < count:
        port = port + 1 if port < last else first
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        found.append(port)
    return found


@dataclass
class Weed:
    """A SeaweedFS that can be killed and started again on its data."""

    home: Path
    ports: list[int] = field(default_factory=lambda: free_ports(4))
    process: "subprocess.Popen[bytes] | None" = None
    more: str = "-s3.allowDeleteBucketNotEmpty=false -master.volumeSizeLimitMB=128"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[3]}"

    def start(self) -> None:
        credentials = [{"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}]
        identity = {
            "name": "tests",
            "credentials": credentials,
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self.home / "s3.json").write_text(json.dumps({"identities": [identity]}))
        data = self.home / "data"
        data.mkdir(exist_ok=True)
        master, volume, filer, s3 = self.ports
        arguments = (
            f"-logtostderr=true server -dir={data} -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.port={master} "
            f"-volume.port={volume} -volume.max=300 -filer -filer.port={filer} -s3 -s3.port={s3} -s3.port.iceberg=0 "
            f"-s3.port.lance=0 -master.telemetry=false -s3.config={self.home / 's3.json'} {self.more}"
        )
        with (self.home / "log").open("ab") as log:
            environment = {**os.environ, "WEED_S3_SSE_KEK": "ab" * 32}  # what it encrypts by itself with
            command = [str(BIN / "weed"), *arguments.split()]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self._wait()

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _wait(self) -> None:
        client: Any = connect(endpoint_url=self.endpoint)
        deadline = time.monotonic() + 60
        while True:
            try:
                make_bucket(self.endpoint, "pipes")
                client.put_object(Bucket="pipes", Key="ready", Body=b"yes")
            except Exception as error:  # whatever it says until it is ready
                if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                    raise TimeoutError((self.home / "log").read_text()[-3000:]) from error
                time.sleep(0.2)
            else:
                client.close()
                return


def make_bucket(endpoint: str, name: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint)
    with closing(client), suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=name)


@pytest.fixture(scope="session")
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(KEYS)
    yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory, _environment: None) -> Iterator[Weed]:
    server = Weed(tmp_path_factory.mktemp("weed"))
    server.start()
    yield server
    server.kill()


@dataclass
class Bucket:
    """A folder of its own for a test in the one bucket, and the command run on it.

    A bucket takes SeaweedFS seven volumes: a few dozen of them, and it has no more.
    """

    endpoint: str
    name: str
    folder: str

    @functools.cached_property
    def client(self) -> Any:
        return connect(endpoint_url=self.endpoint)

    def uri(self, key: str = "k") -> str:
        return f"s3://{self.name}/{self.key(key)}"

    def key(self, key: str = "k") -> str:
        return f"{self.folder}/{key}"

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, **KEYS, "AWS_ENDPOINT_URL": self.endpoint, **more}

    def run(
        self, *arguments: str, stdin: bytes | None = b"", options: Sequence[str] = (), **more: str
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run ``brigade OPTIONS pipe ARGUMENTS``."""
        return subprocess.run(
            [BRIGADE, *options, "pipe", *arguments],
            input=stdin,
            check=False,
            capture_output=True,
            env=self.environment(**more),
            timeout=120,
        )

    def start(self, *arguments: str, **more: Any) -> "subprocess.Popen[bytes]":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen([BRIGADE, "pipe", *arguments], env=self.environment(), **pipes)

    def peak(self, *arguments: str, zeros: int) -> float:
        """Run ``brigade pipe ARGUMENTS`` with so many zeros on stdin, well, and give its peak memory in MiB."""
        # By a small process between: until it runs the command, a child counts as large as who started it.
        script = (
            "import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], stdin=0, stdout=subprocess.DEVNULL, check=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        with subprocess.Popen(["head", "-c", str(zeros), "/dev/zero"], stdout=subprocess.PIPE) as source:
            command = [sys.executable, "-c", script, str(BRIGADE), "pipe", *arguments]
            done = subprocess.run(
                command, stdin=source.stdout, stdout=subprocess.PIPE, env=self.environment(), check=True
            )
        return int(done.stdout) / 1024

    def to(self, *arguments: str, stdin: bytes = b"", key: str = "k") -> dict[str, Any]:
        """Run ``pipe to`` and give its result."""
        done = self.run("to", self.uri(key), *arguments, stdin=stdin, options=["--json"])
        assert done.returncode == 0, done.stderr.decode()
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def head(self, key: str = "k") -> dict[str, Any]:
        found: dict[str, Any] = self.client.head_object(Bucket=self.name, Key=self.key(key), ChecksumMode="ENABLED")
        return found

    def body(self, key: str = "k") -> bytes:
        with self.client.get_object(Bucket=self.name, Key=self.key(key))["Body"] as body:
            data: bytes = body.read()
        return data

    def keys(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.name, Prefix=self.key(""))["Contents"]
        return [each["Key"].removeprefix(self.key("")) for each in listed]

    def put(self, body: bytes, key: str = "k") -> str:
        etag: str = self.client.put_object(Bucket=self.name, Key=self.key(key), Body=body)["ETag"]
        return etag

    def uploads(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.list_multipart_uploads(Bucket=self.name, Prefix=self.folder)[
            "Uploads"
        ]
        return found


@pytest.fixture
def bucket(weed: Weed) -> Iterator[Bucket]:
    made = Bucket(weed.endpoint, "pipes", uuid.uuid4().hex[:12])
    yield made
    made.client.close()


@dataclass
class Faults:
    """A proxy in front of the server that does to requests what it is told."""

    endpoint: str

    def set(self, *rules: dict[str, Any]) -> None:
        self._call("rules", json.dumps([{"service": "s3", **rule} for rule in rules]).encode())

    def fired(self) -> int:
        return sum(rule.get("fired_count", 0) for rule in json.loads(self._call("rules")))

    def _call(self, what: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.endpoint}/_microburst/{what}", data=body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            data: bytes = answer.read()
        return data


@pytest.fixture(scope="session")
def proxy(weed: Weed) -> Iterator[Faults]:
    port = free_ports(1)[0]
    command = [
        str(BIN / "microburst"),
        "--upstream",
        weed.endpoint,
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        "--resign",
    ]
    with subprocess.Popen(
        command, env={**os.environ, **KEYS}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        found = Faults(f"http://127.0.0.1:{port}")
        for _ in range(100):
            try:
                found.set()
                break
            except OSError:
                time.sleep(0.1)
        yield found
        process.terminate()


@pytest.fixture
def faulty(bucket: Bucket, proxy: Faults) -> Iterator[tuple[Bucket, Faults]]:
    """Yield the same bucket, reached through the proxy, and the proxy."""
    proxy.set()
    reached = Bucket(proxy.endpoint, bucket.name, bucket.folder)
    yield reached, proxy
    proxy.set()
    reached.client.close()
