"""``python -m local up|down|status|env|reset|save|deliver-inventory``: JSON on stdout, an error is one line."""

import argparse
import asyncio
import json
import os
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from local import access, process
from local.home import Home, LocalError

_PORT = 4700


def main() -> int:
    """Run the command of the arguments and return its exit status: 0 done, 1 failed."""
    arguments = _parser().parse_args()
    home = Home.chosen()
    try:
        if arguments.command == "serve":
            from local.server import serve  # ministack reads the environment when it is imported

            asyncio.run(serve(home, arguments.port))
            return 0
        with home.lock() if arguments.command in ("up", "down", "reset") else nullcontext():
            print(json.dumps(_COMMANDS[arguments.command](home, arguments)))
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "serve"):
        commands.add_parser(name).add_argument(
            "--port", type=int, default=int(os.environ.get("BRIGADE_LOCAL_PORT") or _PORT)
        )
    for name in ("down", "status", "reset", "save"):
        commands.add_parser(name)
    commands.add_parser("env").add_argument("--root", action="store_true")
    commands.add_parser("deliver-inventory").add_argument("bucket", nargs="?")
    return parser


def _up(home: Home, arguments: argparse.Namespace) -> Mapping[str, Any]:
    started = process.start(home, arguments.port)
    status = _status(home, arguments)
    access.prepare(home, status["endpoint"])
    if started:
        _post(home, "save")
    return {**status, "started": started}


def _down(home: Home, arguments: argparse.Namespace) -> Mapping[str, Any]:
    return {"stopped": process.stop(home)}


def _status(home: Home, arguments: argparse.Namespace) -> Mapping[str, Any]:
    running = home.running()
    if not running:
        return {"running": False, "home": str(home.path)}
    endpoint = f"http://127.0.0.1:{running['port']}"
    return {"running": True, "endpoint": endpoint, "pid": running["pid"], "home": str(home.path), "log": str(home.log)}


def _env(home: Home, arguments: argparse.Namespace) -> Mapping[str, str]:
    _endpoint(home)
    return access.environment(home, root=arguments.root)


def _reset(home: Home, arguments: argparse.Namespace) -> Mapping[str, Any]:
    running = home.running()
    process.stop(home)
    shutil.rmtree(home.path, ignore_errors=True)
    if running:
        arguments.port = running["port"]
        return _up(home, arguments)
    return {"running": False, "home": str(home.path)}


def _save(home: Home, arguments: argparse.Namespace) -> Any:
    return _post(home, "save")


def _deliver(home: Home, arguments: argparse.Namespace) -> Any:
    query = "?" + urllib.parse.urlencode({"bucket": arguments.bucket}) if arguments.bucket else ""
    return _post(home, f"deliver-inventory{query}")


def _endpoint(home: Home) -> str:
    running = home.running()
    if not running:
        raise LocalError("the local AWS does not run; start it with: brigade local up")
    return f"http://127.0.0.1:{running['port']}"


def _post(home: Home, path: str) -> Any:
    request = urllib.request.Request(f"{_endpoint(home)}/_brigade/{path}", method="POST")  # noqa: S310 - a fixed http address
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise LocalError(error.read().decode(errors="replace").strip() or str(error)) from None


_COMMANDS = {
    "up": _up,
    "down": _down,
    "status": _status,
    "env": _env,
    "reset": _reset,
    "save": _save,
    "deliver-inventory": _deliver,
}

if __name__ == "__main__":
    sys.exit(main())
