"""A new command must be classified: does it change something, and does it ask?"""

import typer

from brigade.cli.main import app
from tests.unit.commands import ACTS, ASKS, QUESTIONS, every


def test_every_command_is_a_question_or_asks_or_acts() -> None:
    classified = [*QUESTIONS, *ASKS, *ACTS]
    assert sorted(classified) == sorted(every())


def test_every_command_that_asks_takes_yes_and_no_question_but_an_estimate_does() -> None:
    root = typer.main.get_command(app)
    for name in every():
        group, _, command = name.partition(" ")
        found = root.get_command(None, group).commands[command]  # type: ignore[attr-defined]  # the root is a group
        takes_yes = any("--yes" in parameter.opts for parameter in found.params)
        assert takes_yes or name not in ASKS, name
        assert not takes_yes or name not in QUESTIONS - {"jobs estimate"}, name
