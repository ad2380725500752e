"""Run `brigade` as a person types it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

_COMMAND = Path(".venv/bin/brigade").absolute()
# A demo expects some commands to answer "no": a job with failed tasks, a date that is published already.
_EXPECTED = {0, 1, 3}


def tell(text: str) -> None:
    """Print the next step."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def shown(*arguments: str, fails: bool = False) -> None:
    """Run `brigade` and show its output. `fails`: exit 1 or 3 is expected."""
    line = f"$ brigade {' '.join(map(_typed, arguments))}"
    print(f"\033[2m{line}\033[0m" if sys.stdout.isatty() else line, flush=True)
    status = subprocess.run([_COMMAND, *arguments], check=False).returncode
    if status not in (_EXPECTED if fails else {0}):
        raise SystemExit(f"demo: brigade {shlex.join(arguments)} ended with {status}; its output is above")


def _typed(argument: str) -> str:
    """Return an argument as typed into a shell: SQL, which has single quotes, in double quotes."""
    quoted = f'"{argument}"' if "'" in argument and not set(argument) & set('"$`\\!') else shlex.quote(argument)
    return " ".join(quoted.split("\n"))


def asked(*arguments: str) -> Any:
    """Run `brigade --json` and return the document, or the list of documents of a stream."""
    command: list[Path | str] = [_COMMAND, "--json", "--quiet", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in _EXPECTED or not done.stdout.strip():
        raise SystemExit(f"demo: brigade {shlex.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    documents = [json.loads(line) for line in done.stdout.split("\n") if line]
    return documents if len(documents) > 1 else documents[0]


def use_local_account() -> None:
    """Set the variables of `brigade local env` in this process, for every later command."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    os.environ.update(asked("local", "env"))
