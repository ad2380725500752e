"""Fields that a table source may declare, and the defaults of such a source."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from brigade.declarations import find
from brigade.errors import SettingsError
from brigade.ingest.declare.source import BaseSource, Objects
from brigade.ingest.declare.table_source import TableSource
from stacks.parts.package import Package
from tests.database.tables import source

ROOT = Path(__file__).parents[2]
DECLARATION = """
from brigade.ingest import TableSource

SOURCE = TableSource(secret="shop", table="orders", key=("id",), schedule="rate(1 day)")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """This repository with a source more."""
    for name in ("brigade", "lambdas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "lambdas/ingest/sources/orders.py").write_text(DECLARATION)
    return tmp_path


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("secret", {"secret": ""}),
        ("table", {}),
        ("table", {"table": "t", "query": "SELECT 1"}),
        ("table", {"table": "t; DROP TABLE t"}),
        ("table", {"table": "a.b.c.d"}),
        ("query", {"query": "SELECT 1 AS a; "}),
        ("key", {"table": "t", "key": ("",)}),
        ("key", {"table": "t", "key": ("a", "a")}),
        ("lag_s", {"table": "t", "lag_s": 5.0}),
        ("lag_s", {"table": "t", "since": "at", "lag_s": -5.0}),
        ("partitions", {"table": "t", "key": ("id",), "partitions": 0}),
        ("partitions", {"table": "t", "key": ("id",), "partitions": 101}),
        ("partitions", {"table": "t", "partitions": 2}),
        ("partitions", {"table": "t", "key": ("a", "b"), "partitions": 2}),
        ("partitions", {"table": "t", "key": ("a",), "since": "a", "partitions": 2}),
        ("partitions", {"table": "t", "key": ("a",), "objects": Objects(), "partitions": 2}),
        ("page_bytes", {"table": "t", "page_bytes": 10}),
        ("page_bytes", {"table": "t", "page_bytes": 2**26}),
        ("tries", {"table": "t", "tries": 0}),
        ("schedule", {"table": "t", "schedule": "daily"}),
        ("time_zone", {"table": "t", "time_zone": "Mars/Olympus"}),
    ],
)
def test_an_impossible_value_is_named(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=rf"^TableSource\.{field} is .*; it takes "):
        source(**changes)


@pytest.mark.parametrize("table", ["t", "s.t", '"Odd "" name"."t;"', "ünï.tab_1"])
def test_a_table_is_named_as_in_sql(table: str) -> None:
    assert source(table=table).relation == table


def test_it_goes_on_in_the_order_of_what_grows_and_then_of_the_key() -> None:
    assert source(table="t", since="at", key=("id",)).order == ("at", "id")
    assert source(table="t", since="id", key=("id",)).order == ("id",)
    assert source(table="t").single
    assert not source(table="t", since="at").single


def test_it_is_found_like_any_source_and_names_its_one_secret(repository: Path) -> None:
    code = (
        "from brigade.declarations import find; from brigade.ingest.declare.source import BaseSource;"
        "found = find('lambdas.ingest.sources', 'SOURCE', BaseSource);"
        "print(*found, [each.name for each in found['orders'].secrets], found['orders'].address)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert said.stdout == "demo orders ['shop'] orders by the secret shop\n"
    assert isinstance(find("lambdas.ingest.sources", "SOURCE", BaseSource)["demo"], BaseSource)


def test_declaring_one_loads_no_driver_and_no_client() -> None:
    code = (
        "import sys; from brigade.ingest import TableSource;"
        "TableSource(secret='s', table='t', schedule='rate(1 day)');"
        "print([name for name in ('psycopg', 'boto3', 'botocore', 'urllib3') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_the_driver_is_in_the_packages_of_such_sources_only(repository: Path) -> None:
    table, api = (Package.of_source(repository, "local", name) for name in ("orders", "demo"))
    assert "postgres.requirements.txt" in {lock.name for lock in table.locks()}
    assert "postgres.requirements.txt" not in {lock.name for lock in api.locks()}
    files = {file.as_posix() for file in table.files()}
    assert {
        "brigade/ingest/read/postgres.py",
        "brigade/database/secret.py",
        "brigade/ingest/state/position.py",
    } <= files
    assert not any("database" in file.as_posix() for file in api.files())
    assert "brigade/ingest/read/http.py" in {file.as_posix() for file in api.files()}


def test_the_validator_is_in_the_packages_of_such_sources_only(repository: Path) -> None:
    (repository / "lambdas/ingest/sources/checked.py").write_text("from brigade.ingest import JsonSchema, Source\n")
    checked, api = (Package.of_source(repository, "local", name) for name in ("checked", "demo"))
    assert "json_schema.requirements.txt" in {lock.name for lock in checked.locks()}
    assert "json_schema.requirements.txt" not in {lock.name for lock in api.locks()}
    assert "brigade/ingest/read/http.py" in {file.as_posix() for file in checked.files()}


def test_records_keep_their_numbers() -> None:
    assert source(table="t").exact_numbers
    assert type(source(table="t")) is TableSource
