"""`State.get` and `brigade state get` read documents that another program wrote."""

import json
import math
import pickle
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from brigade.cli.session import Session
from brigade.cli.state.app import app
from brigade.errors import InvalidData
from brigade.state import State
from brigade.state.encode import check_unique_members
from tests.unit.pipe.memory import Lenient


class Cursor(msgspec.Struct):
    """A document of a declared type."""

    page: int


@dataclass
class OneBucket:
    """A session whose state bucket is in memory."""

    s3: Any
    deployment: Any
    json: bool = True

    def client(self, _: str) -> Any:
        return self.s3

    print = Session.print
    print_unmasked = Session.print_unmasked


def get(document: bytes, *options: str) -> Any:
    s3: Any = Lenient()
    s3.put("k", document)
    root = typer.Typer()
    root.add_typer(app, name="state")
    session = OneBucket(s3, {"StateBucket": "b"})
    return CliRunner().invoke(root, ["state", "get", "k", *options], obj=session)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"best": [1.0, math.inf]}, "$.best[1] is inf, which JSON has no number for"),
        ([{"a": math.nan}], "$[0].a is nan"),
        ({1: "a", "1": "b"}, "$ has two keys whose text is the same"),
        ({"a": {(1, 2): 3}}, "$.a has the key (1, 2), which is not text"),
        ({True: 1}, "$ has the key True, which is not text"),
        ({"a": "\ud800"}, "$.a is text with a lone surrogate"),
        ({"a": 1j}, "Encoding objects of type complex is unsupported"),
    ],
)
def test_a_pickle_that_json_cannot_print_is_an_error_by_its_path(value: Any, said: str) -> None:
    done = get(pickle.dumps(value), "--codec", "pickle")
    assert isinstance(done.exception, InvalidData)
    assert str(done.exception).startswith(f"s3://b/k cannot be printed as JSON: {said}")
    assert done.output == ""


def test_a_pickle_is_printed_as_json() -> None:
    done = get(pickle.dumps({"a": (1, {2}), 3: None}), "--codec", "pickle")
    assert json.loads(done.output)["value"] == {"a": [1, [2]], "3": None}


@pytest.mark.parametrize("kind", [object, dict, Cursor])
def test_a_member_that_is_there_twice_is_refused_by_name(kind: type) -> None:
    s3: Any = Lenient()
    s3.put("k", b'{"page": 1, "\\u0070age": 2}')
    said = "s3://b/k is not the state expected there: the key 'page' is there twice"
    with pytest.raises(InvalidData, match=re.escape(said)):
        State(s3, "b").get("k", kind)


NAMES = st.sampled_from(["a", "é", "\\", "\x00", ""])
PAIRS = st.recursive(
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
    lambda value: st.lists(st.tuples(NAMES, value), max_size=3) | st.lists(value, max_size=2).map(tuple),
    max_leaves=8,
)


def written(value: Any, *, ascii_only: bool) -> tuple[str, bool]:
    """Return JSON of nested pairs, and whether an object in it has a name twice."""
    if isinstance(value, list):
        members = [(name, *written(each, ascii_only=ascii_only)) for name, each in value]
        texts = (f"{json.dumps(name, ensure_ascii=ascii_only)} : {text}" for name, text, _ in members)
        twice = len(dict(value)) < len(value) or any(each for *_, each in members)
        return "{" + ", ".join(texts) + "}", twice
    if isinstance(value, tuple):
        items = [written(each, ascii_only=ascii_only) for each in value]
        return "[" + ", ".join(text for text, _ in items) + "]", any(each for _, each in items)
    return json.dumps(value), False


@given(value=PAIRS, ascii_only=st.booleans())
def test_members_are_compared_whatever_the_form_of_the_document(value: Any, ascii_only: bool) -> None:
    text, twice = written(value, ascii_only=ascii_only)
    try:
        check_unique_members(text.encode(), "it")
    except InvalidData:
        assert twice
    else:
        assert not twice
