"""Holders of a lease and its acquisition, with clocks and processes that the test chooses."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brigade.errors import ConditionLost
from brigade.state import lease as leases
from brigade.state.lease import Lease, acquire, this_process

HOLDER = [sys.executable, "-c", "import brigade.state.lease as l; print(l.this_process(), flush=True); input()"]


def held(lease: Lease, age: float = 0.0) -> bool:
    try:
        acquire(lease, "me", 1, age=age, what="it")
    except ConditionLost as error:
        assert f"it is held by {lease.holder}" in str(error)  # noqa: PT017 - either is right
        return True
    return False


@pytest.fixture
def other() -> "Iterator[subprocess.Popen[str]]":
    """Another process that names itself, and lives until its input ends."""
    process = subprocess.Popen(HOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 100.0])
def test_a_lease_is_never_over_before_its_seconds_whatever_the_clock_rounds(seconds: float) -> None:
    """S3's clock has whole seconds: the age between two of its instants can be a second more than the true one."""
    for written in (0.0, 0.25, 0.999):
        for true_age in (0.0, 0.01, 0.4, 0.99, 1.0, 50.0, 99.9, 101.5, 200.0):
            age = float(int(written + true_age) - int(written))
            if true_age <= seconds - 0.001:
                assert held(Lease(1, "arn:execution", seconds), age)
            if true_age >= seconds + 2:
                assert not held(Lease(1, "arn:execution", seconds), age)


def test_the_same_holder_acquires_it_again_and_the_epoch_grows() -> None:
    assert acquire(Lease(4, "me", 100), "me", 9, age=0, what="it") == Lease(5, "me", 9)
    assert acquire(Lease(4), "me", 9, age=0, what="it") == Lease(5, "me", 9)


def test_no_two_holders_have_one_name() -> None:
    assert len({this_process() for _ in range(1000)}) == 1000


def test_a_lease_is_acquired_at_once_when_its_process_is_known_to_be_gone(other: "subprocess.Popen[str]") -> None:
    assert other.stdout
    lease = Lease(4, other.stdout.readline().strip(), 1000)
    assert held(lease)
    other.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert not held(lease)  # it ended, and nobody has asked for its exit status
    other.wait()
    assert not held(lease)


@pytest.mark.parametrize("part", range(1, 6), ids=["host", "boot", "namespace", "process", "start"])
def test_a_process_that_cannot_be_compared_is_waited_for(part: int, other: "subprocess.Popen[str]") -> None:
    assert other.stdout
    name = other.stdout.readline().strip().split(" ")
    other.kill()
    other.wait()
    name[part] = {4: str(os.getpid()), 5: name[5]}.get(part, "another")
    # A process number that another process has by now is no sign that the holder lives, and its start time says so.
    assert held(Lease(4, " ".join(name), 1000)) is (part < 4)


@pytest.mark.parametrize("holder", ["process host 1 abcdef12", "process", "process a b c d e f", "arn:aws:states:x"])
def test_a_name_of_another_form_is_waited_for(holder: str) -> None:
    assert held(Lease(4, holder, 1000))
    assert not held(Lease(4, holder, 1000), age=1001.5)


def test_where_the_system_names_no_namespace_a_holder_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    name = this_process().split(" ")
    monkeypatch.setattr(leases, "_namespace", lambda: None)
    assert this_process().split(" ")[2:4] == ["-", "-"]
    for gone in (" ".join([*name[:4], "99999999", *name[5:]]), " ".join([*name[:2], "-", "-", "99999999", *name[5:]])):
        assert held(Lease(4, gone, 1000))


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "--pid", "--fork", "true"], check=False).returncode != 0,
    reason="this user or system may not make a PID namespace",
)
def test_a_live_holder_of_another_pid_namespace_keeps_its_lease() -> None:
    """As two containers of one machine see each other, with one host name."""
    asked = (
        "import brigade.state.lease as l, sys\nl.acquire(l.Lease(1, sys.argv[1], 1000), 'me', 1, age=0, what='it')\n"
    )
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", asked, this_process()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert "ConditionLost: it is held by process" in done.stderr
