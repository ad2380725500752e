"""The process: found, ended, kept, refused, killed; and the commands that drive it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.conftest import REPOSITORY, Emulator, free_port

Run = Callable[..., "subprocess.CompletedProcess[str]"]
BRIGADE = REPOSITORY / ".venv" / "bin" / "brigade"
AWS = REPOSITORY / ".venv" / "bin" / "aws"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "aws"


@pytest.fixture
def brigade(home: Path) -> Iterator[Run]:
    """Run ``brigade --json local …`` on a home of this test; what it leaves running is ended."""
    environment = {**os.environ, "BRIGADE_LOCAL_HOME": str(home), "BRIGADE_LOCAL_PORT": str(free_port())}

    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [BRIGADE, "--json", "local", *arguments],
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    yield run
    run("down")


def exports(home: Path, *options: str) -> str:
    """Return the export lines that a person evaluates in a shell."""
    environment = {**os.environ, "BRIGADE_LOCAL_HOME": str(home)}
    command = [str(BRIGADE), "local", "env", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def aws(shell: str, arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the unmodified AWS CLI in a shell that has evaluated ``shell``."""
    return subprocess.run(
        ["bash", "-c", f"{shell}\nexec {AWS} {arguments}"], capture_output=True, text=True, check=False
    )


def test_up_twice_finds_the_first_and_down_keeps_everything(brigade: Run, home: Path) -> None:
    first = json.loads(brigade("up").stdout)
    second = json.loads(brigade("up").stdout)
    assert (first["started"], second["started"]) == (True, False)
    assert first["pid"] == second["pid"]
    keys = json.loads((home / "credentials.json").read_text())
    emulator = Emulator(home, first["endpoint"])
    emulator.root("s3").create_bucket(Bucket="kept")
    emulator.root("s3").put_object(Bucket="kept", Key="a b+c", Body=b"whole", ContentType="text/x-kept")

    assert json.loads(brigade("down").stdout) == {"stopped": True}
    assert json.loads(brigade("down").stdout) == {"stopped": False}
    assert brigade("status").returncode == 1

    assert json.loads(brigade("up").stdout)["started"]
    assert json.loads((home / "credentials.json").read_text()) == keys
    there = emulator.root("s3").get_object(Bucket="kept", Key="a b+c")
    assert (there["ContentType"], there["Body"].read()) == ("text/x-kept", b"whole")


def test_a_port_that_is_taken_is_one_line_and_leaves_nothing(brigade: Run, home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = brigade("up", "--port", str(port))
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.count("\n") == 1
    assert f"port {port}" in failed.stderr
    assert "--port" in failed.stderr
    assert not home.exists()


def test_an_emulator_that_does_not_start_is_one_line_that_names_the_log(brigade: Run, home: Path) -> None:
    home.mkdir()
    (home / "state").write_text("not a folder")
    failed = brigade("up")
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert str(home) in failed.stderr
    assert brigade("status").returncode == 1


def test_a_killed_server_is_not_believed_and_its_data_is_there(brigade: Run, home: Path) -> None:
    up = json.loads(brigade("up").stdout)
    emulator = Emulator(home, up["endpoint"])
    emulator.root("s3").create_bucket(Bucket="survivor")
    emulator.root("s3").put_object(Bucket="survivor", Key="k", Body=b"whole")
    os.kill(up["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while brigade("status").returncode == 0 and time.monotonic() < deadline:
        time.sleep(0.05)

    again = json.loads(brigade("up").stdout)
    assert again["started"]
    assert again["pid"] != up["pid"]
    assert emulator.root("s3").get_object(Bucket="survivor", Key="k")["Body"].read() == b"whole"
    assert emulator.operator("sts").get_caller_identity()["Arn"].endswith("user/operator")


def test_env_lets_the_aws_cli_in_as_the_operator(brigade: Run, home: Path) -> None:
    brigade("up")
    shell = exports(home)
    assert "user/operator" in aws(shell, "sts get-caller-identity").stdout
    # The account's label before the host would not resolve: what answers is this AWS, and it refuses by IAM.
    refused = aws(shell, "s3control list-jobs --account-id 000000000000")
    assert "AccessDenied" in refused.stderr
    assert "AccessDenied" in aws(shell, "s3 mb s3://forbidden").stderr
    assert aws(exports(home, "--root"), "s3 mb s3://allowed").returncode == 0


def test_a_profile_of_the_person_is_not_used(brigade: Run) -> None:
    assert brigade("up", AWS_PROFILE="missing").returncode == 0


def test_reset_empties_and_asks_first(brigade: Run, home: Path) -> None:
    emulator = Emulator(home, json.loads(brigade("up").stdout)["endpoint"])
    emulator.root("s3").create_bucket(Bucket="gone")
    refused = brigade("reset")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert emulator.root("s3").list_buckets()["Buckets"]
    assert json.loads(brigade("reset", "--yes").stdout)["running"]
    assert emulator.root("s3").list_buckets()["Buckets"] == []


def test_only_loopback_is_listened_on(brigade: Run) -> None:
    pid = json.loads(brigade("up").stdout)["pid"]
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    listening = []
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listening.append(fields[1].split(":")[0])
    assert listening == ["0100007F"]


def test_two_ups_at_once_start_one(brigade: Run) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = [json.loads(done.stdout) for done in pool.map(lambda _: brigade("up"), range(2))]
    assert both[0]["pid"] == both[1]["pid"]
    assert sorted(up["started"] for up in both) == [False, True]


@pytest.mark.parametrize("command", ["env", "deploy", "deliver-inventory"])
def test_what_needs_it_says_so_when_it_does_not_run(brigade: Run, command: str) -> None:
    failed = brigade(command)
    assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (1, "", 1)
    assert "brigade local up" in failed.stderr
