"""`brigade local`: the AWS on this machine, a process with a Python environment of its own."""

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

from brigade import names
from brigade.aws import Connection
from brigade.cli.groups import command_group
from brigade.cli.options import Yes
from brigade.cli.session import Session
from brigade.errors import BrigadeError

app = command_group("Run AWS on this machine: no account, no network, IAM enforced.")

_ROOT = Path(__file__).resolve().parents[3]
_PYTHON = _ROOT / ".brigade" / "emulator" / "bin" / "python"
_OPERATOR = "operator"


@app.command()
def up(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            envvar="BRIGADE_LOCAL_PORT",
            min=1,
            max=65535,
            metavar="PORT",
            show_default="4700",
            help="TCP port on 127.0.0.1.",
        ),
    ] = None,
) -> None:
    """Start the local AWS with the data of its last run, or find it running.

    Use it to try the commands and the stacks without an AWS account. It listens on 127.0.0.1 only.

    Examples:
        brigade local up
        brigade local up --port 4800
    """
    answer = _local("up", *([] if port is None else ["--port", str(port)]))
    context.obj.print(answer, f"{'started' if answer['started'] else 'runs already'}: {answer['endpoint']}")
    context.obj.note('next: eval "$(brigade local env)", or brigade local deploy')


@app.command()
def down(context: typer.Context) -> None:
    """Stop the local AWS. Its data stays on disk.

    Use it to free the memory of the server. `up` starts it again with the same data; `reset` deletes the data.

    Examples:
        brigade local down
        brigade --json local down
    """
    answer = _local("down")
    context.obj.print(answer, "ended" if answer["stopped"] else "did not run")


@app.command()
def status(context: typer.Context) -> None:
    """Print whether the local AWS runs, and its address. Exit 1 if it does not run.

    Use it in a script that needs the local AWS, or to find the folder with its data and its log.

    Examples:
        brigade local status
        brigade --quiet local status || brigade local up
    """
    answer = _local("status")
    context.obj.print(answer)
    if not answer["running"]:
        raise typer.Exit(1)


@app.command()
def env(
    context: typer.Context,
    root: Annotated[
        bool, typer.Option("--root", help="Use the root keys, which no policy limits. For deploys only.")
    ] = False,
) -> None:
    """Print the environment variables that point a shell to the local AWS.

    Use it with eval: from then on this command, every AWS SDK and the AWS CLI use the local AWS in that shell.

    Examples:
        brigade local env
        brigade local env --root
        eval "$(brigade local env)"
    """
    environment = _local("env", *(["--root"] if root else []))
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    context.obj.print(environment, "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN", *exports]))


@app.command()
def reset(context: typer.Context, yes: Yes = False) -> None:
    """Delete all data of the local AWS. If it runs, it starts again, empty.

    Use it to begin anew: buckets, stacks, jobs and secrets of the local AWS are lost. It asks first.

    Examples:
        brigade local reset
        brigade local reset --yes
    """
    context.obj.confirm(f"Remove all of {_local('status')['home']}?", yes=yes)
    _forget_outputs()
    answer = _local("reset")
    context.obj.print(answer, "empty, and runs" if answer["running"] else "empty, and does not run")


@app.command("deliver-inventory")
def deliver_inventory(
    context: typer.Context,
    bucket: Annotated[str | None, typer.Argument(metavar="[BUCKET]", show_default="all", help="Bucket.")] = None,
) -> None:
    """Write the inventory deliveries now that S3 writes daily or weekly.

    Use it after a deploy or after changes in a bucket, so that `inventory` and `jobs` see the objects of this moment.

    Examples:
        brigade local deliver-inventory
        brigade local deliver-inventory photographs
    """
    deliveries = _local("deliver-inventory", *([bucket] if bucket else []))
    if not deliveries:
        raise BrigadeError("no inventory configuration is enabled there; deploy first: brigade local deploy")
    columns = list(deliveries[0])
    context.obj.print_table(columns, [[delivery[column] for column in columns] for delivery in deliveries])


@app.command()
def deploy(context: typer.Context) -> None:
    """Deploy every stack of the stage to the local AWS.

    Use it after `up` and after each change of a stack or a Lambda function. It bootstraps the CDK if that is needed and
    attaches the operator policy to the user of `local env`.

    Examples:
        brigade local deploy
        brigade --stage prod local deploy
    """
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
    policy = _output(cloudformation, names.stack(session.stage, "operator"), "OperatorPolicyArn")
    root.client("iam").attach_user_policy(UserName=_OPERATOR, PolicyArn=policy)
    _local("save")
    session.print({"stage": session.stage, "endpoint": os.environ["AWS_ENDPOINT_URL"]}, f"deployed: {session.stage}")


def _local(*arguments: str) -> Any:
    """Run a command of the local AWS and return its JSON document."""
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
        raise BrigadeError(said[-1] if said else f"the local AWS failed at {arguments[0]} without a message")
    return json.loads(done.stdout)


def _cdk(session: Session, *arguments: str) -> None:
    """Run the CDK CLI. It prints to stderr; with `--quiet` only if it fails."""
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
        raise BrigadeError(f"cdk {arguments[0]} failed with exit status {done.returncode}; its output is above")


def _assembly(session: Session) -> Path:
    """Return the folder with the templates and packages of the stage, cached by a hash of their inputs."""
    made = _ROOT / ".brigade" / "assemblies" / session.stage / _inputs(session.stage)
    if made.is_dir():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    for old in made.parent.iterdir():
        if old.stat().st_mtime < time.time() - 600:  # a deploy that still reads it ends before
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as temporary:
        fresh = Path(temporary) / "assembly"
        target = ("-c", "target=local", "-c", f"stage={session.stage}")
        _cdk(session, "synth", "--quiet", "--output", str(fresh), *target)
        try:
            fresh.rename(made)
        except OSError:
            if not made.is_dir():  # another deploy has made the same folder
                raise
    return made


def _inputs(stage: str) -> str:
    """Return a hash of every file that goes into the templates and packages of a stage."""
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
    """Delete the cached outputs of the stages, because a deployment has changed."""
    shutil.rmtree(_ROOT / ".brigade" / "outputs", ignore_errors=True)
