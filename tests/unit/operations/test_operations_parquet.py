"""The footer, read here without a library, of files that the library wrote; and what damage does to it."""

import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from brigade.errors import InvalidData
from brigade.operations.parquet import count_rows


def written(rows: int) -> bytes:
    file = io.BytesIO()
    columns = {"n": pa.array(range(rows), pa.int64()), "text": ["a"] * rows, "deep": [[{"x": True}]] * rows}
    parquet.write_table(pa.table(columns), file, row_group_size=7)
    return file.getvalue()


FILE = written(20)


@pytest.mark.parametrize("rows", [0, 1, 20, 5000])
def test_says_the_rows(rows: int) -> None:
    body = written(rows)
    assert count_rows(io.BytesIO(body), len(body)) == rows


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(0, len(FILE) - 1))
def test_a_torn_file_is_refused(size: int) -> None:
    with pytest.raises(InvalidData):
        count_rows(io.BytesIO(FILE[:size]), size)


@settings(deadline=None)  # a busy machine is no failure
@given(st.binary(max_size=200))
def test_any_footer_is_read_or_refused(footer: bytes) -> None:
    body = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(InvalidData):
        count_rows(io.BytesIO(body), len(body))
