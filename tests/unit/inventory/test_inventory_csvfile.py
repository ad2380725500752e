"""The quick way to parse a block takes nothing that Arrow's CSV reader would read otherwise, or refuse."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from brigade.inventory.rows import csv_blocks
from brigade.inventory.rows.columns import BadRow
from tests.examples import examples

ROWS, COLUMNS = 3, ("a", "b", "c")
TYPES = dict.fromkeys(COLUMNS, pa.string())
FIELD = st.text('x1",', max_size=3)
SPOT = st.tuples(st.integers(0, 60), st.sampled_from(["insert", "delete", "replace"]), st.sampled_from(b'",x\n'))


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """Rows as S3 writes them, quotes in fields doubled as CSV has it, then damaged in up to three bytes."""
    rows = [draw(st.lists(FIELD, min_size=3, max_size=3)) for _ in range(ROWS)]
    text = bytearray()
    for row in rows:
        text += ",".join('"' + field.replace('"', '""') + '"' for field in row).encode() + b"\n"
    for spot, what, byte in draw(st.lists(SPOT, max_size=3)):
        at = min(spot, len(text) - 2)
        text[at : at + (what != "insert")] = b"" if what == "delete" else bytes([byte])
    return bytes(text)


@settings(max_examples=examples(250))
@given(text=blocks())
@example(text=b'"a",x"b","c"\n' * ROWS)  # a byte too many before a field
@example(text=b'"a""b","c"\n' * ROWS)
@example(text=b'"a""b","c","d"\n"a","b"\n"c","d","e"\n')
@example(text=b'"a"x"b","c"\n' * ROWS)
def test_what_the_quick_way_takes_is_what_arrow_reads(text: bytes) -> None:
    assume(text.count(b"\n") == ROWS)  # S3 writes none in a field, and blocks end at them
    quick = csv_blocks._quoted(pa.py_buffer(text), TYPES, list(COLUMNS))
    if quick is not None:
        assert [column.to_pylist() for column in quick] == [
            column.to_pylist() for column in csv_blocks._any(pa.py_buffer(text), TYPES, list(COLUMNS))
        ]


def test_the_quick_way_takes_what_s3_writes() -> None:
    text = b'"a","","c"\n"","b,b","1"\n'
    quick = csv_blocks._quoted(pa.py_buffer(text), TYPES, list(COLUMNS))
    assert quick is not None
    assert [column.to_pylist() for column in quick] == [["a", None], [None, "b,b"], ["c", "1"]]


def block(keys: list[str]) -> pa.Buffer:
    return pa.py_buffer("".join(f'"{key}"\n' for key in keys).encode())


KEY = pa.schema([("key", pa.string())])
PARSE = csv_blocks.make_parser({"key": pa.string()}, KEY)


def test_a_batch_is_of_several_blocks_but_the_first_of_one() -> None:
    blocks = [[f"{number}%2F{row}" for row in range(3)] for number in range(12)]
    taken = []

    def coming() -> Iterator[pa.Buffer]:
        for number, keys in enumerate(blocks):
            taken.append(number)
            yield block(keys)

    batches = csv_blocks.make_batches(map(PARSE, coming()), KEY)
    first = next(batches)
    assert taken == [0]
    rest = list(batches)
    assert [batch.num_rows for batch in (first, *rest)] == [3, 24, 9]
    assert [key for batch in (first, *rest) for key in batch["key"].to_pylist()] == [
        key.replace("%2F", "/") for keys in blocks for key in keys
    ]


@pytest.mark.parametrize("wrong", ["no%key", 'two","fields'])
def test_rows_before_a_failure_are_given_first(wrong: str) -> None:
    blocks = [block(["a", "b"]), block(["c", "d"]), block(["e", wrong])]
    given: list[pa.RecordBatch] = []
    with pytest.raises(BadRow) as failed:
        given.extend(csv_blocks.make_batches(map(PARSE, blocks), KEY))
    keys = [key for batch in given for key in batch["key"].to_pylist()]
    assert keys == list("abcd")[: len(keys)]
    assert len(keys) + failed.value.row == 5


def test_a_block_parsed_already_stays_what_it_is() -> None:
    parsed = PARSE(block(["a%2Fb", "c"]))
    assert PARSE(parsed) is parsed
    (batch,) = csv_blocks.make_batches(map(PARSE, [parsed]), KEY)
    assert batch["key"].to_pylist() == ["a/b", "c"]
