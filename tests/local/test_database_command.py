"""``brigade database`` as a person and as a program run it, on a real secret of a real PostgreSQL."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from uuid import uuid4

import psycopg
import pytest

from brigade.masking import MASK
from local.postgres import Postgres
from tests.local.conftest import Emulator
from tests.local.deployment import BRIGADE

PASSWORD = "p@ss:w/rd?#[]%41 ö水"
QUOTED = "p%40ss%3Aw%2Frd%3F%23%5B%5D%2541%20%C3%B6%E6%B0%B4"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres(password=PASSWORD)
    yield server
    server.close()


@pytest.fixture(scope="module")
def name(emulator: Emulator, postgres: Postgres) -> str:
    """A secret of the server."""
    fields = {
        "engine": "postgres",
        "host": postgres.host,
        "port": postgres.port,
        "username": postgres.user,
        "password": PASSWORD,
        "dbname": "postgres",
    }
    created = f"orders/{uuid4()}"
    emulator.root("secretsmanager").create_secret(Name=created, SecretString=json.dumps(fields))
    return created


@pytest.fixture(scope="module")
def environment(emulator: Emulator) -> Mapping[str, str]:
    return emulator.environment("root")


def run(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [BRIGADE, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def on_a_terminal(environment: Mapping[str, str], *arguments: str) -> str:
    """Run the command on a terminal, and return its stdout and stderr together."""
    ours, its = pty.openpty()
    process = subprocess.Popen([BRIGADE, *arguments], env=environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux's way of saying that the terminal was hung up
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0, shown
    return shown.decode()


def test_a_pipe_gets_the_uri_and_it_logs_in(environment: Mapping[str, str], name: str, postgres: Postgres) -> None:
    done = run(environment, "database", "uri", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"postgresql://postgres:{QUOTED}@127.0.0.1:{postgres.port}/postgres\n"
    with psycopg.connect(done.stdout.strip()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert json.loads(run(environment, "--json", "database", "uri", name).stdout) == {
        "secret": name,
        "uri": done.stdout.strip(),
        "masked": False,
    }


def test_a_terminal_gets_it_masked_unless_asked_to_show(environment: Mapping[str, str], name: str) -> None:
    shown = on_a_terminal(environment, "database", "uri", name)
    assert f"postgres:{MASK}@127.0.0.1" in shown
    assert "--show shows it" in shown
    assert "ss%3A" not in shown
    assert QUOTED in on_a_terminal(environment, "database", "uri", name, "--show")
    assert QUOTED not in on_a_terminal(environment, "--json", "database", "uri", name)


def test_a_pipe_gets_it_masked_when_asked(environment: Mapping[str, str], name: str) -> None:
    done = run(environment, "database", "uri", name, "--mask")
    assert f":{MASK}@" in done.stdout
    assert "ss%3A" not in done.stdout + done.stderr
    both = run(environment, "database", "uri", name, "--mask", "--show")
    assert (both.returncode, both.stdout) == (2, "")


def test_a_scheme_names_the_driver(environment: Mapping[str, str], name: str) -> None:
    done = run(environment, "database", "uri", name, "--scheme", "postgresql+psycopg", "--mask")
    assert done.stdout.startswith("postgresql+psycopg://postgres:")
    assert run(environment, "database", "uri", name, "--scheme", "no scheme").returncode == 2


LOOK = """
import os, psycopg, sys
uri = os.environ["DATABASE_URI"]
print(psycopg.connect(uri).execute("select current_user").fetchone()[0])
print(os.getpid())
for place in ("self", str(os.getppid())):
    print(uri.encode() in open(f"/proc/{place}/cmdline", "rb").read())
print(uri.encode() in open(f"/proc/{os.getppid()}/environ", "rb").read())
sys.exit(7)
"""


def test_a_program_gets_it_in_its_environment_only_and_its_exit_is_its_own(
    environment: Mapping[str, str], name: str
) -> None:
    process = subprocess.Popen(
        [BRIGADE, "--debug", "database", "exec", name, "--", sys.executable, "-c", LOOK],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate()
    assert process.returncode == 7, err
    assert out.split() == ["postgres", str(process.pid), "False", "False", "False"], "it is the same process"
    assert err == ""


def test_options_after_the_dashes_are_the_programs(environment: Mapping[str, str], name: str) -> None:
    done = run(environment, "database", "exec", name, "--", "printenv", "--", "DATABASE_URI")
    assert done.stdout.startswith("postgresql://postgres:"), done.stderr
    done = run(environment, "database", "exec", name, "--scheme", "postgres", "--", "echo", "--mask", "--json")
    assert done.stdout == "--mask --json\n"


def test_a_program_that_a_signal_ends_was_ended_by_it(environment: Mapping[str, str], name: str) -> None:
    for by in (signal.SIGTERM, signal.SIGPIPE):
        done = run(environment, "database", "exec", name, "--", "sh", "-c", f"kill -{by.name[3:]} $$")
        assert done.returncode == -by


def test_a_program_that_is_not_there_is_one_line(environment: Mapping[str, str], name: str) -> None:
    done = run(environment, "database", "exec", name, "--", "no-such-program", "argument")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "brigade: cannot run no-such-program: No such file or directory\n"
    assert run(environment, "database", "exec", name).returncode == 2


def test_a_secret_that_will_not_do_is_one_line_without_a_value(
    environment: Mapping[str, str], emulator: Emulator
) -> None:
    created = f"broken/{uuid4()}"
    value = json.dumps({"engine": "postgres", "password": "sentinel-5a", "username": "u", "port": "sentinel-6b"})
    emulator.root("secretsmanager").create_secret(Name=created, SecretString=value)
    for arguments in (["uri", created], ["exec", created, "--", "true"]):
        done = run(environment, "--debug", "database", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "sentinel" not in done.stderr
        assert done.stderr.splitlines()[-1] == f"brigade: the field host of the secret {created} is missing"
    done = run(environment, "database", "uri", "no/such")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "there is no secret no/such" in done.stderr
