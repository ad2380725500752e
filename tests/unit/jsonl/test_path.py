"""The path language, against JMESPath on the same documents."""

import json
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.declarations.path import Path, format_path, parse_path
from brigade.errors import InvalidData, SettingsError
from brigade.jsonl import split_page

names = st.sampled_from(["a", "b", "a.b", "@odata.nextLink", 'q"', "it's", "[0]", "\\\\", "ä ö", "1", ""]) | st.text(
    st.characters(codec="utf-8"), max_size=4
)
steps = st.lists(names | st.integers(-3, 3), min_size=1, max_size=4).map(tuple)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=4)


@st.composite
def documents(draw: st.DrawFn) -> tuple[Any, Path]:
    """A document and a path that leads somewhere in it, or nearly."""
    path = draw(steps)
    value: Any = draw(scalars)
    for step in reversed(path):
        if isinstance(step, int):
            value = [*draw(st.lists(scalars, max_size=2)), value, *draw(st.lists(scalars, max_size=2))]
        else:
            value = {**draw(st.dictionaries(names, scalars, max_size=2)), step: value}
    return value, path


@given(steps)
def test_a_path_is_read_as_it_was_written(path: Path) -> None:
    assert parse_path(format_path(path)) == path


@given(documents())
def test_a_path_finds_what_jmespath_finds(made: tuple[Any, Path]) -> None:
    document, path = made
    expression = ""
    for step in path:
        quoted = f"[{step}]" if isinstance(step, int) else json.dumps(step)
        expression += quoted if isinstance(step, int) or not expression else f".{quoted}"
    theirs = jmespath.search(expression, document)
    text = format_path(path)
    wrapped = json.dumps({"rows": [], "in": document}).encode()
    inside = text if text.startswith("[") else f".{text}"
    try:
        ours = split_page(wrapped, records="rows", values=(f"in{inside}",), place="p").values[f"in{inside}"]
    except InvalidData:  # a value of another kind than the path is of
        assert theirs is None or isinstance(theirs, list | dict)
    else:
        assert ours == theirs


@pytest.mark.parametrize(
    "text", [".a", "a..b", "a.", "a[", "a]", 'a["b', "[0]x", "a.[0]", 'a"b', '["a"]b', "a[x]", "a[]"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no path, from character"):
        parse_path(text)


@pytest.mark.parametrize(
    ("data", "records", "said"),
    [
        (
            b'{"value":[],"@odata.nextLink":"u"}',
            "@odata.x",
            "the answer has no '@odata', it has 'value', '@odata.nextLink'",
        ),
        (b'{"value":[],"a.b":[]}', "a.b", """write ["a.b"] for the member 'a.b'"""),
        (b'{"data":{"items":[]}}', "data.rows", "'data' of the answer has no 'rows', it has 'items'"),
        (b'{"data":null}', "data.rows", "'data' of the answer is null or no object"),
        (b'{"rows":null}', "rows", "'rows' of the answer is null or empty"),
        (b"[]", "rows", "Expected `object`, got `array`"),
    ],
)
def test_an_absent_path_is_told_with_what_there_is(data: bytes, records: str, said: str) -> None:
    with pytest.raises(InvalidData) as caught:
        split_page(data, records=records, place="page 1")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_records_and_values_of_elements() -> None:
    data = b'{"data":[{"id":1},{"id":7,"x":[]}],"a.b":[[{"n":1},{"n":2}]]}'
    page = split_page(data, records="data", values=("data[-1].id", "data[9].id", "data[0].no"), place="p")
    assert page.values == {"data[-1].id": 7, "data[9].id": None, "data[0].no": None}
    assert page.found == {"data[-1].id", "data[9].id"}
    assert len(split_page(data, records="['a.b'][0]", place="p").records) == 2
    assert split_page(b'[{"id":4}]', records="", values=("[-1].id", "next"), place="p").values == {
        "[-1].id": 4,
        "next": None,
    }
