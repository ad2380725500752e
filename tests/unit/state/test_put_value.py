"""The value that `brigade state put` stores is the number that was given, or an error."""

import io
import json
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.cli.state.app import _parsed
from brigade.errors import UsageError


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_is_stored_as_it_is_or_refused(text: str) -> None:
    try:
        value = _parsed(text)
    except UsageError:
        assert Decimal(repr(float(text))) != Decimal(text)
        return
    assert Decimal(json.dumps(value)) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["0.1234567890123456789012", "9007199254740993.0", "1e-400", "1e400", "[1.00000000000000001]"]
)
def test_a_number_that_would_be_stored_as_another_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="would be stored as"):
        _parsed(text)


@pytest.mark.parametrize("text", ["0.1", "1.10", "1E5", "5e-324", "123456789012345678901234567890"])
def test_other_numbers_are_not(text: str) -> None:
    assert Decimal(str(_parsed(text))) == Decimal(text)


def test_stdin_is_utf_8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO('"é"'.encode()), encoding="latin-1")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert _parsed("-") == "é"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'"\xff"'), encoding="latin-1"))
    with pytest.raises(UsageError, match="not JSON"):
        _parsed("-")
