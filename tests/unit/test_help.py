"""The help of every command: what it does, when to use it, its options, and examples that parse."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from brigade.cli.main import app
from tests.unit.commands import ROOT, command, every

MOST_LETTERS = 120
SHELL = {"|", "||", "<", ">"}


def examples(text: str) -> list[list[str]]:
    """Return the words of each line that starts with `brigade`, up to the first operator of the shell."""
    found = []
    for line in text.splitlines():
        if line.strip().startswith("brigade "):
            words = shlex.split(line)
            end = next((number for number, word in enumerate(words) if word in SHELL), len(words))
            found.append(words[1:end])
    return found


def parse(words: list[str]) -> str:
    """Parse a command line without running it, and return the name of its command.

    Raises:
        ClickException: An option, an argument or a value is not one of the command.
    """
    context = ROOT.make_context("brigade", list(words))
    name, group, rest = ROOT.resolve_command(context, context._protected_args + context.args)
    context = group.make_context(name, rest, parent=context)
    own, found, rest = group.resolve_command(context, context._protected_args + context.args)
    found.make_context(own, rest, parent=context)
    return f"{name} {own}"


def options() -> Iterator[tuple[str, Any]]:
    """Yield each parameter of each command and of the root, with the name of its command."""
    yield from (("", each) for each in ROOT.params)
    for name in sorted(every()):
        yield from ((name, each) for each in command(name).params)


@pytest.mark.parametrize("name", sorted(every()))
def test_the_help_has_a_line_a_paragraph_and_two_examples_that_parse(name: str) -> None:
    found = command(name)
    line, _, rest = found.help.partition("\n\n")
    assert "\n" not in line
    assert len(line) <= MOST_LETTERS
    assert line.endswith(".")
    assert rest.startswith("Use it "), name
    lines = examples(found.epilog or "")
    assert len(lines) >= 2
    assert {parse(words) for words in lines} == {name}


@pytest.mark.parametrize(
    "words",
    [
        ["pipe", "to", "s3://b/k", "--no-overwite"],
        ["jobs", "list", "--nonsense"],
        ["state", "get"],
        ["jobs", "priority", "id", "high"],
        ["nonsense", "list"],
    ],
)
def test_an_example_that_does_not_parse_would_fail(words: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such|Missing|is not a valid|extra argument"):
        parse(words)


@pytest.mark.parametrize("name", sorted(every()))
def test_the_printed_help_shows_the_examples_as_they_are_written(name: str) -> None:
    done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    written = [line.strip() for line in (command(name).epilog or "").splitlines() if line.strip().startswith("brigade")]
    shown = [line.strip() for line in done.output.splitlines()]
    assert [line for line in written if line not in shown] == []


def test_every_option_says_what_it_does_with_its_type_its_unit_and_its_default() -> None:
    wrong = []
    for name, each in options():
        spelling = f"{name} {each.opts[0]}"
        if each.name in {"help", "install_completion", "show_completion"}:
            continue
        if not each.help or each.help[-1] not in ".%":
            wrong.append(f"{spelling}: no sentence of help")
        if each.param_type_name == "argument" and each.required:
            continue
        if getattr(each, "is_flag", False):
            continue
        if not each.required and each.default in (None, "") and not isinstance(each.show_default, str):
            wrong.append(f"{spelling}: no default, and no word for what holds without it")
        if each.type.name != "choice" and each.metavar is None:
            wrong.append(f"{spelling}: no metavar that names the type or the unit of its value")
    assert wrong == []
