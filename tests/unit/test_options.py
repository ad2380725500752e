"""Options that commands share, as typer shows and reads them."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from brigade.cli.options import expand_options, parse_arguments
from brigade.errors import UsageError


@dataclass(frozen=True)
class Size:
    """Two options."""

    width: Annotated[int, typer.Option(min=1, help="So wide.")]
    tall: Annotated[bool, typer.Option("--tall")] = False


def show(name: Annotated[str, typer.Argument()], size: Size, times: int = 1) -> None:
    """Print them."""
    print(f"{name} {size} {times}")


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(expand_options(show))
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


def test_a_dataclass_is_its_options_and_comes_back_whole() -> None:
    assert run("a", "--width", "3", "--tall", "--times", "2") == (0, "a Size(width=3, tall=True) 2\n")
    assert run("a", "--width", "3") == (0, "a Size(width=3, tall=False) 1\n")


def test_what_an_option_takes_is_still_checked() -> None:
    assert run("a")[0] == run("a", "--width", "0")[0] == 2
    code, text = run("--help")
    assert (code, "So wide." in text, "Print them." in text) == (0, True, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["size"], "--argument size: write it as NAME=VALUE"),
        (["=64"], "--argument =64: write it as NAME=VALUE"),
        (["size=64", "size=32"], "--argument size is set twice: remove one"),
    ],
)
def test_an_argument_that_is_no_pair_or_there_twice_is_refused(arguments: list[str], message: str) -> None:
    assert parse_arguments(["a=1=2", "b="]) == {"a": "1=2", "b": ""}
    with pytest.raises(UsageError) as raised:
        parse_arguments(arguments)
    assert str(raised.value) == message
