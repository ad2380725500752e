"""Columns made on their buffers are what Arrow and plain Python make of them, wherever they begin."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.inventory.rows.columns import copy_alternate_pieces, empty_to_null

TEXTS = st.lists(st.none() | st.sampled_from(["", "a", "東京", "long" * 9]), max_size=40)


@given(text=st.binary(max_size=60), data=st.data())
def test_every_other_piece_is_copied(text: bytes, data: st.DataObject) -> None:
    place = st.integers(0, len(text))
    cuts = sorted(data.draw(st.lists(place, min_size=2, max_size=20).filter(lambda found: len(found) % 2 == 0)))
    pieces = [text[one:other] for one, other in pairwise(cuts)]
    assert copy_alternate_pieces(pa.py_buffer(text), np.array(cuts, np.int32)).to_pylist() == pieces[::2]


@given(texts=TEXTS, start=st.integers(0, 5))
def test_what_is_empty_is_null(texts: list[str | None], start: int) -> None:
    column = empty_to_null(pa.array(texts, pa.string())[start:])
    column.validate(full=True)
    assert column.to_pylist() == [text or None for text in texts[start:]]


def test_a_null_that_has_a_text_behind_it_stays_null() -> None:
    whole = pa.array(["a", "hidden", ""])
    valid = pa.py_buffer(np.packbits([True, False, True], bitorder="little"))
    hidden = pa.Array.from_buffers(pa.string(), 3, [valid, *whole.buffers()[1:]])
    assert empty_to_null(hidden).to_pylist() == ["a", None, None]


@pytest.mark.parametrize("texts", [["a", "b"], []])
def test_nothing_is_copied_where_nothing_is_empty(texts: list[str]) -> None:
    column = pa.array(texts, pa.string())
    assert empty_to_null(column) is column
