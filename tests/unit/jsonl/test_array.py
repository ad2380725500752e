"""The array of a document that comes in blocks, cut anywhere."""

import json
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData
from brigade.jsonl import array

texts = st.text() | st.sampled_from(['"', "\\", "}],[{", '\\"', ":,"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def elements(data: bytes, path: str, size: int) -> list[Any]:
    return [element for piece in array.split_array(cut(data, size), path, "page 1") for element in json.loads(piece)]


@given(st.lists(values, max_size=5), values, st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_the_elements_are_those_of_the_document(
    rows: list[Any], other: Any, size: int, indent: int | None, ascii_only: bool
) -> None:
    document = {
        "other": other,
        "x": {"rows": [other]},
        "data": {"first": other, "rows": rows, "last": [other]},
        "z": other,
    }
    written = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    assert elements(written, "data.rows", size) == rows
    assert elements(json.dumps(rows, indent=indent).encode(), "", size) == rows


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_document_that_ends_early_is_an_error(size: int) -> None:
    written = b'{"a":{"rows":[{"n":1},{"n":"]}"}]},"b":1}'
    for length in range(len(written)):
        with pytest.raises(InvalidData, match=r"page 1: (it has no records|the answer ends before)"):
            elements(written[:length], "a.rows", size)
    assert elements(written, "a.rows", size) == [{"n": 1}, {"n": "]}"}]


@pytest.mark.parametrize("written", [b"", b"{}", b'{"rows":{"rows":[1]}}', b'[{"rows":[1]}]', b'{"x":"rows","y":[1]}'])
def test_no_array_at_the_path_is_an_error(written: bytes) -> None:
    with pytest.raises(InvalidData, match="it has no records at 'rows'"):
        elements(written, "rows", 5)


def test_a_record_that_is_too_wide_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array, "LARGEST_RECORD", 1000)
    with pytest.raises(InvalidData, match="wider than 1000 bytes"):
        elements(b'["' + b"x" * 5000, "", 100)


def test_a_text_of_many_mib_is_looked_through_once_however_small_the_blocks() -> None:
    text = "\\n" * 4_000_000
    began = time.monotonic()
    assert elements(json.dumps({"rows": [text, 1]}).encode(), "rows", 2048) == [text, 1]
    assert time.monotonic() - began < 60  # again from its start in each block: minutes


def test_a_text_of_many_escapes_takes_no_memory_beside_itself() -> None:
    data = b'["' + b"\\n" * 1_000_000 + b'"]'
    tracemalloc.start()
    assert [len(piece) for piece in array.split_array(iter([data]), "", "page 1")] == [len(data)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * len(data)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("written", "named"),
    [
        (b'{"a":{"rows":[{"n":1}],"rows":[]}}', "a.rows"),
        (b'{"a":{"rows":[],"rows":[{"n":1}]}}', "a.rows"),
        (b'{"a":{"rows":[{"n":1}],"r\\u006fws":null}}', "a.rows"),
        (b'{"a":{"rows":[{"n":1}]},"a":{}}', "a"),
        (b'{"a":null,"a":{"rows":[{"n":1}]}}', "a"),
    ],
)
def test_a_member_on_the_way_that_occurs_twice_is_refused(written: bytes, named: str, size: int) -> None:
    with pytest.raises(InvalidData, match=f"page 1: the member {named} occurs twice"):
        elements(written, "a.rows", size)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_names_that_are_not_on_the_way_may_occur_again(size: int) -> None:
    written = b'{"x":[{"a":1},{"a":{"rows":[3]}}],"y":{"a":1},"a":{"rows":[{"a":1,"rows":[1]}],"a":1},"rows":4}'
    assert elements(written, "a.rows", size) == [{"a": 1, "rows": [1]}]
