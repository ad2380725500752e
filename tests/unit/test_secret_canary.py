"""A canary: a secret put through every way in which a third party answers, and sought in all that comes out.

To add a way, add a line to ``WAYS``: what the API does with a request, for which kinds of credentials.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import command
from tests.unit.ingest.api import Answer, page, serving
from tests.unit.leaks import MARK, SECRET, leaks, spellings

pytestmark = pytest.mark.process

REPOSITORY = Path(__file__).parents[2]
KINDS = {
    "query": 'QueryKey(parameter="api_key", key=Secret("api/secret"))',
    "header": 'HeaderKey(header="X-Key", key=Secret("api/secret"))',
    "basic": 'Basic(user=Secret("api/user"), password=Secret("api/members", key="password"))',
    "bearer": 'Bearer(token=Secret("api/secret"))',
    "ssm": 'Bearer(token=Secret("/api/parameter", store="ssm"))',
    "client": 'ClientCredentials(token_url="%s/token", client_id=Secret("api/user"), '
    'client_secret=Secret("api/secret"))',
}
SECRETS = {"api/secret": SECRET, "api/user": "somebody", "api/members": {"password": SECRET}, "/api/parameter": SECRET}
_EMPTY = b'{"rows": [], "next": null}'
_Answers = Callable[[str], Answer]


def _json(body: object) -> Answer:
    return Answer(json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def _echo() -> bytes:
    """All spellings, each within the 200 characters of a body that an error quotes once they are masked."""
    return "|".join(spellings().values()).encode()


@dataclass(frozen=True)
class Way:
    """Behaviour of the API. ``exits`` is the exit code of the command."""

    answer: _Answers
    exits: int = 1
    kinds: tuple[str, ...] = ("bearer",)


WAYS: dict[str, Way] = {
    "401 with the secret in every spelling": Way(lambda _: Answer(_echo(), status=401), kinds=tuple(KINDS)),
    "403 with the secret in every spelling": Way(lambda _: Answer(_echo(), status=403)),
    "500 with the secret in every spelling": Way(lambda _: Answer(_echo(), status=500)),
    "403 whose secret is cut off": Way(lambda _: Answer(b"x" * 190 + SECRET.encode(), status=403)),
    "a redirect to nowhere with the secret": Way(
        lambda _: Answer(status=302, headers={"Location": f"http://127.0.0.1:1/?key={spellings()['percent-encoded']}"})
    ),
    "a redirect that is no URL": Way(
        lambda _: Answer(status=302, headers={"Location": f"http://[{MARK}/?key={spellings()['percent-encoded']}"})
    ),
    "a connection that is closed": Way(lambda _: Answer(closes=True), kinds=("query", "basic")),
    "an answer that is cut": Way(lambda _: Answer(SECRET.encode(), length=10_000)),
    "no JSON": Way(lambda _: Answer(f"<{SECRET}>".encode())),
    "JSON of another shape": Way(lambda _: _json({"rows": SECRET, "next": SECRET})),
    "no gzip": Way(lambda _: Answer(SECRET.encode(), headers={"Content-Encoding": "gzip"})),
    "a token that is the secret": Way(lambda _: page([{"id": 1}], SECRET)),
    "a header that is none": Way(lambda _: Answer(_EMPTY, headers={f"Bad {SECRET}": "x"}, length=len(_EMPTY)), 0),
    "404 without a body": Way(lambda _: Answer(status=404), kinds=("query", "bearer")),
    "an OAuth endpoint that refuses": Way(
        lambda path: Answer(f"client_secret={SECRET}".encode(), status=400), kinds=("client",)
    ),
    "an OAuth endpoint that is down": Way(lambda path: Answer(SECRET.encode(), status=503), kinds=("client",)),
    "an OAuth token of another shape": Way(lambda path: _json({"access_token": [SECRET]}), kinds=("client",)),
    "a minted token that the API echoes": Way(
        lambda path: (
            _json({"access_token": SECRET[::-1] + MARK})
            if path == "/token"
            else Answer((SECRET[::-1] + MARK).encode(), status=403)
        ),
        kinds=("client",),
    ),
}


def brigade(folder: Path, *arguments: str, url: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command with the source and the file of secrets that are in the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BRIGADE_"))}
    environment |= {"BRIGADE_SECRETS_FILE": str(folder / "secrets.json"), "PYTHONPATH": str(folder)}
    environment |= ({"BRIGADE_BASE_URL": url} if url else {}) | {"AWS_REGION": "us-east-1"}
    return command.run(arguments, environment=environment, folder=folder, timeout_s=60)


def prepare(folder: Path, name: str, declaration: str, secrets: object) -> None:
    """Write a source and the file of secrets."""
    sources = folder / "lambdas" / "ingest" / "sources"
    shutil.copytree(REPOSITORY / "lambdas", folder / "lambdas", ignore=shutil.ignore_patterns("__pycache__"))
    (sources / f"{name}.py").write_text(f"from brigade.ingest import *\nSOURCE = {declaration}\n")
    (folder / "secrets.json").touch(mode=0o600)
    (folder / "secrets.json").write_text(json.dumps(secrets))


def declared(kind: str, url: str) -> str:
    return (
        'ApiSource(base_url="http://127.0.0.1:1", path="/x", records="rows", schedule="rate(1 day)", tries=1, '
        f'pagination=Cursor(at="next", parameter="after"), authentication={KINDS[kind].replace("%s", url)})'
    )


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, way in WAYS.items() for kind in way.kinds])
def test_the_canary_is_in_nothing_that_the_command_says(tmp_path: Path, name: str, kind: str) -> None:
    way = WAYS[name]
    paths: list[str] = []

    def answer(number: int, _: dict[str, str]) -> Answer:
        path = server.requests[-1].path
        paths.append(path)
        if kind == "client" and path == "/token" and "OAuth" not in name and "minted" not in name:
            return _json({"access_token": SECRET})
        return way.answer(path)

    with serving(answer) as server:
        prepare(tmp_path, "canary", declared(kind, server.url), SECRETS)
        done = brigade(tmp_path, "--debug", "ingest", "check", "canary", url=server.url)
    assert paths, "nobody was asked"
    assert done.returncode == way.exits, done.stderr
    if way.exits:
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("brigade: ")
    assert not leaks(done.stdout), done.stdout
    assert not leaks(done.stderr), done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_credentials_is_sent_from_the_file(tmp_path: Path, kind: str) -> None:
    def answer(_: int, __: dict[str, str]) -> Answer:
        return _json({"access_token": SECRET}) if server.requests[-1].path == "/token" else page([{"id": 1}], None)

    with serving(answer) as server:
        prepare(tmp_path, "canary", declared(kind, server.url), SECRETS)
        done = brigade(tmp_path, "ingest", "run", "canary", "--to", "-", url=server.url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == 1
    assert not leaks(done.stderr)
    sent = f"{server.requests[-1].headers} {server.queries[-1]}"
    assert leaks(sent), f"{kind}: {sent}"


@pytest.mark.parametrize("what", ["others may read it", "no JSON", "not there"])
def test_a_file_that_is_not_right_is_refused_and_not_quoted(tmp_path: Path, what: str) -> None:
    prepare(tmp_path, "canary", declared("bearer", ""), SECRETS)
    secrets = tmp_path / "secrets.json"
    if what == "others may read it":
        secrets.chmod(0o640)
    elif what == "no JSON":
        secrets.write_text(f"{{{SECRET}")
    else:
        secrets.unlink()
    done = brigade(tmp_path, "database", "uri", "api/secret")
    assert done.returncode == 2, done.stderr
    assert "secrets.json" in done.stderr
    assert not leaks(done.stderr)


@pytest.mark.parametrize(
    ("engine", "arguments"),
    [
        ("mysql", ("ingest", "check", "table")),
        ("docdb", ("ingest", "check", "table")),
        ("mysql", ("database", "load", "db", "s3://lake/key", "table")),
        ("oracle-ee", ("database", "load", "db", "s3://lake/key", "table")),
    ],
)
def test_a_secret_of_another_engine_is_refused_before_a_driver_sees_it(
    tmp_path: Path, engine: str, arguments: tuple[str, ...]
) -> None:
    fields = {"engine": engine, "username": "reader", "password": SECRET, "host": "127.0.0.1", "port": 1, "dbname": "d"}
    table = 'TableSource(secret="db", table="t", key=("id",), schedule="rate(1 day)", tries=1)'
    prepare(tmp_path, "table", table, {"db": fields})
    done = brigade(tmp_path, "--debug", *arguments)
    assert done.returncode == 2, done.stderr
    assert "the secret db is of a database of engine" in done.stderr.splitlines()[-1]
    assert not leaks(done.stdout + done.stderr), done.stderr


@pytest.mark.parametrize("arguments", [("ingest", "check", "table"), ("database", "load", "db", "s3://lake/k", "t")])
def test_what_a_driver_says_of_a_login_has_no_password(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    fields = {"engine": "postgres", "username": "u", "password": SECRET, "host": "127.0.0.1", "port": 1, "dbname": "d"}
    table = 'TableSource(secret="db", table="t", key=("id",), schedule="rate(1 day)", tries=1)'
    prepare(tmp_path, "table", table, {"db": fields})
    done = brigade(tmp_path, "--debug", *arguments)
    assert done.returncode == 1, done.stderr
    assert not leaks(done.stdout + done.stderr), done.stderr
