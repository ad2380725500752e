"""The ``brigade`` process itself: what it prints where, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import brigade
from brigade import errors
from brigade.cli.groups import NAMES
from brigade.cli.main import app
from tests.unit.commands import every

pytestmark = pytest.mark.process

BRIGADE = Path(sys.executable).with_name("brigade")
CALLER = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BRIGADE, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"brigade {brigade.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["state", "nonsense"], ["state", "get"]])
def test_wrong_usage_exits_2_and_leaves_stdout_alone(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


def test_an_error_is_one_line_and_a_traceback_only_with_debug() -> None:
    unreachable = {**CALLER, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    quiet = run("jobs", "show", "no-such-job", **unreachable)
    assert quiet.returncode == 1
    assert len(quiet.stderr.splitlines()) == 1
    assert quiet.stderr.startswith("brigade: ")
    loud = run("--debug", "jobs", "show", "no-such-job", **unreachable)
    assert "Traceback" in loud.stderr


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}, "give --region"),
        ({"AWS_REGION": "us-east-1"}, "give --profile"),
    ],
)
def test_what_boto3_misses_is_said_with_its_remedy(environment: dict[str, str], says: str, tmp_path: Path) -> None:
    nothing = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [BRIGADE, "state", "list"], capture_output=True, text=True, check=False, env={**nothing, **environment}
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_shell_completion_is_offered_for_each_group() -> None:
    done = run(_BRIGADE_COMPLETE="complete_bash", COMP_WORDS="brigade in", COMP_CWORD="1")
    assert set(done.stdout.split()) == {"ingest", "inventory"}


def test_every_error_says_how_the_process_ends() -> None:
    tree = {
        name: kind.exit_status
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.BrigadeError)
    }
    assert tree == {
        "BrigadeError": 1,
        "UsageError": 2,
        "SettingsError": 2,
        "NothingSelected": 2,
        "ConditionLost": 3,
        "NotFound": 1,
        "InvalidData": 1,
        "RetryLater": 1,
    }
    for name in tree:
        assert name in (errors.__doc__ or "")


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_kept_in_the_exit_status(sent: signal.Signals, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        waiting = subprocess.Popen(
            [BRIGADE, "jobs", "show", "some-job"],
            stderr=subprocess.PIPE,
            env={**os.environ, **CALLER, "AWS_ENDPOINT_URL": endpoint},
        )
        silent.settimeout(60)
        connection, _ = silent.accept()  # the command has asked, and waits for an answer that never comes
        with connection:
            waiting.send_signal(sent)
            _, stderr = waiting.communicate(timeout=60)
    assert waiting.returncode == status
    assert b"Traceback" not in stderr


def _text_options() -> list[tuple[str, str]]:
    """Return each option of each command that takes text, with the command's name."""
    root = typer.main.get_command(app)
    found = [("", option.opts[0]) for option in root.params if option.type.name == "str"]
    for name in every():
        group, command = name.split()
        parameters = root.get_command(None, group).commands[command].params  # type: ignore[attr-defined]  # click's types are private
        found += [
            (name, each.opts[0]) for each in parameters if each.param_type_name == "option" and each.type.name == "str"
        ]
    return sorted(found)


@pytest.mark.parametrize(("command", "option"), _text_options())
def test_the_empty_text_of_a_shell_variable_that_is_not_set_is_no_value(command: str, option: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), option, ""])
    assert done.exit_code == 2, done.output
    assert f"Invalid value for '{option}'" in done.output
    assert "it is empty" in done.output


def test_database_exec_of_what_is_no_program_is_one_line(tmp_path: Path) -> None:
    secrets, program = tmp_path / "secrets.json", tmp_path / "program"
    secrets.write_text('{"db": {"engine": "postgres", "username": "u", "password": "hidden", "host": "h"}}')
    secrets.chmod(0o600)
    program.write_text("no first line that names an interpreter")
    program.chmod(0o700)
    done = run("--quiet", "database", "exec", "db", "--", str(program), BRIGADE_SECRETS_FILE=str(secrets), **CALLER)
    assert (done.returncode, done.stderr) == (1, f"brigade: cannot run {program}: Exec format error\n")


def test_a_command_loads_its_group_and_nothing_of_the_others() -> None:
    script = (
        "import sys; from brigade.cli.main import app\n"
        "sys.argv = ['brigade', 'pipe', 'to', '--help']\n"
        "try:\n    app()\nexcept SystemExit:\n    print(*sorted(sys.modules), sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("brigade.cli.").partition(".")[0] for name in done.stderr.split()}
    assert "Publish stdin" in done.stdout
    assert loaded & {*NAMES} == {"pipe"}
    assert loaded.isdisjoint({"boto3", "botocore", "rich", "pyarrow", "duckdb", "sqlglot", "msgspec"})
