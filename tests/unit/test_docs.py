"""The documents list every command and setting, and no others."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import typer

from brigade.cli.groups import NAMES
from brigade.ingest.declare.source import BaseSource
from brigade.operations.operation import Operation
from brigade.settings import Alarms, Database, Inventory, Retention, Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def commands() -> Iterator[tuple[str, str]]:
    for group in NAMES:
        app = importlib.import_module(f"brigade.cli.{group}.app").app
        for command in typer.main.get_command(app).commands:  # type: ignore[attr-defined]  # a group has them
            yield group, command


def test_every_command_is_in_the_readme() -> None:
    table = README[README.index("## Commands") : README.index("## Add a source")]
    rows = [row for row in table.splitlines() if row.startswith("| `brigade")]
    missing = [
        f"{group} {command}"
        for group, command in commands()
        if not any(f"brigade {group} " in row and re.search(rf"\b{command}\b", row) for row in rows)
    ]
    assert not missing


def test_every_command_says_what_it_does() -> None:
    for group in NAMES:
        app = typer.main.get_command(importlib.import_module(f"brigade.cli.{group}.app").app)
        for name, command in app.commands.items():  # type: ignore[attr-defined]  # as above
            assert command.help, f"brigade {group} {name} has no help"


def test_every_setting_is_in_the_readme() -> None:
    table = README[README.index("**Settings**") : README.index("**At rest**")]
    for kind in (Settings, Inventory, Retention, Alarms, Database):
        for field in kind.__struct_fields__:
            assert field in {"stage", "target"} or f"`{field}`" in table, field


def test_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_examples_of_the_readme_are_declarations() -> None:
    declared: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(example, "README.md", "exec"), declared)
    assert isinstance(declared["SOURCE"], BaseSource)
    assert isinstance(declared["OPERATION"], Operation)
