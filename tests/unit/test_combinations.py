"""Options that have no effect in a combination: each rule of each command is tried, by the command itself."""

import itertools
from typing import Any

import pytest
from typer.testing import CliRunner

from brigade.cli import main
from brigade.cli.combinations import Combinations
from brigade.cli.inventory import app as inventory
from brigade.errors import UsageError
from tests.unit.commands import command, every


def rules() -> list[tuple[str, str, str, str]]:
    """Return each rule as command, kind, the option, and the other one."""
    found = []
    for name in sorted(every()):
        combinations: Combinations | None = getattr(command(name).callback, "combinations", None)
        if combinations:
            found += [(name, "needs", *each) for each in combinations.needs.items()]
            pairs = ((one, other) for one, others in combinations.excludes.items() for other in others.split())
            found += [(name, "excludes", *pair) for pair in pairs]
    return found


def words(parameter: Any) -> list[str]:
    """Return a parameter as words of a command line, with a value that its type takes."""
    choices = getattr(parameter.type, "choices", None)
    value = str(choices[0]) if choices else "1"
    if parameter.param_type_name == "argument":
        return [value]
    return [parameter.opts[0]] if parameter.is_flag else [parameter.opts[0], value]


def line(name: str, *given: str) -> list[str]:
    """Return a command line with these parameters and all required ones."""
    parameters = {each.name: each for each in command(name).params}
    needed = [each for each in parameters.values() if each.required or each.name in given]
    options = [each for each in needed if each.param_type_name == "option"]
    arguments = [each for each in needed if each.param_type_name == "argument"]
    return [*name.split(), *itertools.chain(*map(words, [*options, *arguments]))]


@pytest.mark.parametrize(("name", "kind", "option", "others"), rules())
def test_an_option_without_effect_is_refused_by_both_names(name: str, kind: str, option: str, others: str) -> None:
    asked = [option] if kind == "needs" else [option, others]
    arguments = line(name, *asked)
    done = CliRunner().invoke(main.app, arguments)
    assert isinstance(done.exception, UsageError), (arguments, done.output, done.exception)
    told = str(done.exception)
    assert "\n" not in told
    names = {each.name: each.opts[0] if each.opts[0][0] == "-" else each.name.upper() for each in command(name).params}
    for each in [option, *(other.partition("=")[0] for other in others.split())]:
        assert names[each] in told
    assert ("has no effect without" if kind == "needs" else "exclude each other") in told


def test_there_are_rules_and_each_names_parameters_of_its_command() -> None:
    assert len(rules()) > 30
    for name, _, option, others in rules():
        parameters = {each.name for each in command(name).params}
        assert {option, *(other.partition("=")[0] for other in others.split())} <= parameters


def test_a_default_is_not_given_and_a_value_that_is_needed_is_compared() -> None:
    combinations = Combinations({"encoding": "codec=pickle"}, {"a": "b"})
    given = {"encoding": "ASCII", "codec": "json", "a": 1, "b": 2}
    combinations.check(given, lambda _: False, str)
    combinations.check(given, lambda name: name == "a", str)
    combinations.check(given | {"codec": "pickle"}, lambda name: name == "encoding", str)
    with pytest.raises(UsageError, match="encoding has no effect without codec pickle"):
        combinations.check(given, lambda name: name == "encoding", str)


def test_the_bucket_of_a_difference_is_that_of_each_latest_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []
    monkeypatch.setattr(inventory, "open_delivery", lambda _, text, bucket: asked.append((text, bucket)))
    for before, after in (("latest", "b.json"), ("a.json", "latest")):
        CliRunner().invoke(main.app, ["inventory", "diff", before, after, "--bucket", "x"])
    assert asked == [("latest", "x"), ("b.json", None), ("a.json", None), ("latest", "x")]
    done = CliRunner().invoke(main.app, ["inventory", "diff", "a.json", "b.json", "--bucket", "x"])
    assert isinstance(done.exception, UsageError)
    assert len(asked) == 4
