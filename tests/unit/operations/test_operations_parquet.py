"""Footer and pages, read here without the library, of files that the library wrote; and what damage does to them."""

import contextlib
import io
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from brigade.errors import InvalidData
from brigade.operations.parquet import check_parquet
from brigade.operations.thrift_compact import CompactReader
from tests.examples import examples


def written(rows: int) -> bytes:
    file = io.BytesIO()
    columns = {"n": pa.array(range(rows), pa.int64()), "text": ["a"] * rows, "deep": [[{"x": True}]] * rows}
    parquet.write_table(pa.table(columns), file, row_group_size=7)
    return file.getvalue()


FILE = written(20)


@pytest.mark.parametrize("rows", [0, 1, 20, 5000])
def test_says_the_rows(rows: int) -> None:
    body = written(rows)
    assert check_parquet(io.BytesIO(body), len(body)).rows == rows


@given(st.integers(0, len(FILE) - 1))
def test_a_torn_file_is_refused(size: int) -> None:
    with pytest.raises(InvalidData):
        check_parquet(io.BytesIO(FILE[:size]), size)


@given(st.binary(max_size=200))
def test_any_footer_is_read_or_refused(footer: bytes) -> None:
    body = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(InvalidData):
        check_parquet(io.BytesIO(body), len(body))


CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]


def packed(codec: str, version: str, **more: object) -> bytes:
    file, n = io.BytesIO(), list(range(3000))
    columns = {
        "n": pa.array(n, pa.int64()),
        "text": [None if value % 5 == 0 else f"text {value % 700}" for value in n],
        "deep": [[{"x": value, "y": None}] * (value % 3) for value in n],
        "void": pa.nulls(3000, pa.string()),
    }
    parquet.write_table(
        pa.table(columns), file, compression=codec, data_page_version=version, data_page_size=2000, **more
    )
    return file.getvalue()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", CODECS)
def test_every_page_is_read(codec: str, version: str) -> None:
    body = packed(codec, version, write_page_checksum=codec == "zstd", row_group_size=1000)
    found = check_parquet(io.BytesIO(body), len(body))
    assert found.rows == 3000
    assert found.pages > 20


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_with_checksums_no_flipped_bit_of_a_page_goes_unseen(version: str) -> None:
    body = packed("zstd", version, write_page_checksum=True)
    group = parquet.ParquetFile(io.BytesIO(body)).metadata.row_group(0)
    flipped = 0
    for column in map(group.column, range(group.num_columns)):
        at = column.dictionary_page_offset or column.data_page_offset
        end = at + column.total_compressed_size
        while at < end:
            reader = CompactReader(body[at:end])
            length = reader.struct()[3]
            at += reader.at
            for place in range(at, at + length, 53):
                damaged = bytearray(body)
                damaged[place] ^= 0x10
                with pytest.raises(InvalidData, match="another CRC than its header"):
                    check_parquet(io.BytesIO(damaged), len(damaged))
                flipped += 1
            at += length
    assert flipped > 100


@pytest.mark.parametrize("codec", CODECS)
def test_pages_of_nothing_are_refused(codec: str) -> None:
    body = packed(codec, "1.0")
    about = parquet.ParquetFile(io.BytesIO(body)).metadata.row_group(0).column(0)
    begin = about.dictionary_page_offset or about.data_page_offset
    damaged = bytearray(body)
    damaged[begin + 200 : begin + about.total_compressed_size] = bytes(about.total_compressed_size - 200)
    with pytest.raises(InvalidData, match=r"damaged Parquet: (the page|no page|the column)"):
        check_parquet(io.BytesIO(damaged), len(damaged))


@settings(max_examples=examples(80))
@given(st.integers(0, 1 << 30), st.integers(1, 255))
def test_damage_anywhere_is_found_or_harmless_and_never_another_error(at: int, flip: int) -> None:
    damaged = bytearray(FILE)
    damaged[at % len(FILE)] ^= flip
    with contextlib.suppress(InvalidData):
        check_parquet(io.BytesIO(damaged), len(damaged))


def test_memory_is_a_page_whatever_the_size() -> None:
    def peak(pages: int) -> int:
        file = io.BytesIO()
        table = pa.table({"text": [f"{n:0>1000}" for n in range(2000)]})
        with parquet.ParquetWriter(file, table.schema, use_dictionary=False, data_page_size=1 << 20) as writer:
            for _ in range(pages):
                writer.write_table(table)
        size = file.tell()
        file.seek(0)
        tracemalloc.start()
        assert check_parquet(file, size).rows == 2000 * pages
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(20) < peak(2) + 500_000
