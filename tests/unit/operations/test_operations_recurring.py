"""Errors in the declaration of a recurring job are reported before anything is deployed."""

from typing import Any

import pytest

from brigade.declarations import find
from brigade.errors import SettingsError
from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring, validate_recurring
from lambdas.batch_operations.recurring import RECURRING


@pytest.fixture(scope="module")
def operations() -> Any:
    return find("lambdas.batch_operations.operations", "OPERATION", Operation)


def test_what_ships_can_be_deployed(operations: Any) -> None:
    assert validate_recurring(RECURRING, operations) is RECURRING


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("Upper", {}, "Upper: a name has 1 to 32 characters"),
        ("a-b", {}, "a-b: a name has 1 to 32 characters"),
        ("a" * 33, {}, "1 to 32 characters"),
        ("a", {"operation": "none"}, "a: no operation 'none'; there are forget"),
        ("a", {"arguments": {"size": "5"}}, "a: argument size: expected `int` >= 16"),
        ("a", {"arguments": {"what": "5"}}, "a: no argument 'what'"),
    ],
)
def test_a_mistake_names_the_place(operations: Any, name: str, changes: dict[str, Any], said: str) -> None:
    declared = Recurring(**{"operation": "thumbnail", "most_objects": 1, "most_dollars": 1, **changes})
    with pytest.raises(SettingsError, match="recurring") as caught:
        validate_recurring({name: declared}, operations)
    assert said in str(caught.value)
