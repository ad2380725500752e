"""``brigade local``: the AWS on this machine, which is a process of its own environment."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from brigade.aws import Connection
from brigade.cli.session import Session
from brigade.errors import BrigadeError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The AWS on this machine: no account, no network, IAM enforced."
)

_ROOT = Path(__file__).resolve().parents[3]
_PYTHON = _ROOT / ".brigade" / "emulator" / "bin" / "python"
_OPERATOR = "operator"


@app.command()
def up(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(envvar="BRIGADE_LOCAL_PORT", min=1, max=65535, help="Port of 127.0.0.1 (4700).")
    ] = None,
) -> None:
    """Start it, with what it kept, or find it running."""
    status = _local("up", *([] if port is None else ["--port", str(port)]))
    context.obj.print(status, f"{'started' if status['started'] else 'runs already'}: {status['endpoint']}")
    context.obj.note('next: eval "$(brigade local env)", or brigade local deploy')


@app.command()
def down(context: typer.Context) -> None:
    """End it; what it holds is kept for the next time."""
    answer = _local("down")
    context.obj.print(answer, "ended" if answer["stopped"] else "did not run")


@app.command()
def status(context: typer.Context) -> None:
    """Say whether it runs, and where; exit 1 if it does not."""
    answer = _local("status")
    context.obj.print(answer)
    if not answer["running"]:
        raise typer.Exit(1)


@app.command()
def env(
    context: typer.Context,
    root: Annotated[bool, typer.Option("--root", help="Keys that no policy holds back: for deploys only.")] = False,
) -> None:
    """Print what makes a shell, and every AWS SDK and CLI in it, use it: eval "$(brigade local env)"."""
    environment = _local("env", *(["--root"] if root else []))
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    context.obj.print(environment, "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN", *exports]))


@app.command()
def reset(context: typer.Context, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Remove all that it holds; if it runs, it starts again, empty."""
    context.obj.confirm(f"Remove all of {_local('status')['home']}?", yes=yes)
    _forget_outputs()
    answer = _local("reset")
    context.obj.print(answer, "empty, and runs" if answer["running"] else "empty, and does not run")


@app.command("deliver-inventory")
def deliver_inventory(
    context: typer.Context, bucket: Annotated[str | None, typer.Argument(help="All buckets, unless named.")] = None
) -> None:
    """Write, now, the inventory deliveries that S3 writes daily or weekly."""
    deliveries = _local("deliver-inventory", *([bucket] if bucket else []))
    if not deliveries:
        raise BrigadeError("no inventory configuration is enabled there; deploy first: brigade local deploy")
    columns = list(deliveries[0])
    context.obj.print_table(columns, [[delivery[column] for column in columns] for delivery in deliveries])


@app.command()
def deploy(context: typer.Context) -> None:
    """Bootstrap it if it is new, deploy every stack of the stage, and give the operator its policy."""
    session: Session = context.obj
    os.environ.update(_local("env", "--root"))
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    root = Connection()
    cloudformation = root.client("cloudformation")
    templates = ("--app", str(_assembly(session)))
    if "CDKToolkit" not in {stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]}:
        _cdk(session, "bootstrap", "aws://000000000000/us-east-1", *templates)
    _cdk(session, "deploy", "--all", "--require-approval", "never", "--concurrency", "4", *templates)
    _forget_outputs()
    policy = _output(cloudformation, f"brigade-{session.stage}-operator", "OperatorPolicyArn")
    root.client("iam").attach_user_policy(UserName=_OPERATOR, PolicyArn=policy)
    _local("save")
    session.print({"stage": session.stage, "endpoint": os.environ["AWS_ENDPOINT_URL"]}, f"deployed: {session.stage}")


def _local(*arguments: str) -> Any:
    """Run a command of the local AWS and give its document; its error is ours."""
    if not _PYTHON.exists():
        raise BrigadeError(f"the local AWS is not installed: {_PYTHON} is missing; run scripts/setup local")
    done = subprocess.run(
        [_PYTHON, "-m", "local", *arguments],
        cwd=_ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BrigadeError(said[-1] if said else f"the local AWS failed at {arguments[0]}, without a word")
    return json.loads(done.stdout)


def _cdk(session: Session, *arguments: str) -> None:
    """Run the CDK CLI on the stage; it talks on stderr, or with ``--quiet`` only when it fails."""
    done = subprocess.run(
        [
            *(str(_ROOT / "scripts" / "node"), "cdk", *arguments),
            *("--no-notices", "--no-version-reporting"),
        ],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if session.quiet else sys.stderr,
        stderr=subprocess.STDOUT if session.quiet else sys.stderr,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout or "")
        raise BrigadeError(f"cdk {arguments[0]} failed with exit status {done.returncode}; what it said is above")


def _assembly(session: Session) -> Path:
    """The templates and packages of the stage as they are now: kept until what they are made of changes."""
    made = _ROOT / ".brigade" / "assemblies" / session.stage / _inputs(session.stage)
    if made.is_dir():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    for old in made.parent.iterdir():
        if old.stat().st_mtime < time.time() - 600:  # no deploy that still reads it takes so long
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as temporary:
        fresh = Path(temporary) / "assembly"
        target = ("-c", "target=local", "-c", f"stage={session.stage}")
        _cdk(session, "synth", "--quiet", "--output", str(fresh), *target)
        try:
            fresh.rename(made)
        except OSError:
            if not made.is_dir():  # else another deploy has made the same meanwhile
                raise
    return made


def _inputs(stage: str) -> str:
    """A hash of all that the templates and packages of a stage are made of."""
    digest = hashlib.sha256(f"{stage} {sys.version}".encode())
    files = [_ROOT / name for name in ("app.py", "cdk.json", "requirements.txt", "package-lock.json")]
    for folder in ("brigade", "lambdas", "stacks"):
        files += (file for file in (_ROOT / folder).rglob("*") if file.suffix in (".py", ".txt"))
    for file in sorted(files):
        digest.update(f"\0{file.relative_to(_ROOT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _output(cloudformation: Any, stack: str, name: str) -> str:
    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    return str(next(output["OutputValue"] for output in outputs if output["OutputKey"] == name))


def _forget_outputs() -> None:
    """Drop what the command keeps of deployments: they have just changed."""
    shutil.rmtree(_ROOT / ".brigade" / "outputs", ignore_errors=True)
