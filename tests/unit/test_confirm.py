"""A command that costs money asks first, and does nothing where nobody can answer."""

import io
from typing import Any

import pytest
import typer

from brigade.cli.session import Session
from brigade.errors import UsageError


class Stdin(io.StringIO):
    """A terminal, or not."""

    def __init__(self, text: str, *, terminal: bool) -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def session() -> Session:
    connection: Any = None
    return Session("dev", connection)


def test_where_nobody_can_answer_a_question_is_an_error(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Stdin("y\n", terminal=False))
    with pytest.raises(
        UsageError, match="Start it\\? The command cannot ask, because stdin is not a terminal: add --yes"
    ):
        session.confirm("Start it?", yes=False)
    session.confirm("Start it?", yes=True)


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_only_a_yes_goes_on(session: Session, monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool) -> None:
    monkeypatch.setattr("sys.stdin", Stdin(answer, terminal=True))
    if goes_on:
        session.confirm("Start it?", yes=False)
        return
    with pytest.raises(typer.Abort):
        session.confirm("Start it?", yes=False)
