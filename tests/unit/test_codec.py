"""Members of gzip and zstd, each standing on its own."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.codec import Compression, MemberCompressor, decompress_members, open_compressor


@given(st.lists(st.lists(st.binary(max_size=2000), max_size=4), max_size=4))
def test_members_one_after_another_are_one_file(members: list[list[bytes]]) -> None:
    compressor = MemberCompressor()
    packed = [b"".join(compressor.compress(block) for block in blocks) + compressor.flush() for blocks in members]
    for blocks, member in zip(members, packed, strict=True):
        assert gzip.decompress(member) == b"".join(blocks)
    assert gzip.decompress(b"".join(packed)) == b"".join(block for blocks in members for block in blocks)


def test_a_member_without_bytes_is_written_only_if_asked_for() -> None:
    compressor = MemberCompressor()
    assert compressor.flush() == b""
    empty = compressor.compress(b"") + compressor.flush()
    assert empty
    assert gzip.decompress(empty) == b""


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@given(st.lists(st.binary(max_size=2000), max_size=4), st.integers(1, 50))
def test_members_are_unpacked_wherever_their_blocks_end(
    compression: Compression, members: list[bytes], at: int
) -> None:
    pack = open_compressor(compression)
    packed = b"".join(pack.compress(member) + pack.flush() for member in members)
    blocks = [packed[start : start + at] for start in range(0, len(packed), at)]
    assert b"".join(decompress_members(compression, blocks)) == b"".join(members)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_member_that_is_cut_off_is_an_error(compression: Compression) -> None:
    pack = open_compressor(compression)
    packed = pack.compress(b"x" * 1000) + pack.flush()
    with pytest.raises(match="ends in the middle"):
        b"".join(decompress_members(compression, [packed[:-1]]))


def test_a_level_trades_time_for_bytes() -> None:
    lines = b"".join(b'{"n":%d,"square":%d}\n' % (number, number**2) for number in range(20_000))

    def size(compression: Compression, level: int) -> int:
        pack = open_compressor(compression, level)
        return len(pack.compress(lines) + pack.flush())

    assert size("gzip", 3) < size("gzip", 0)
    assert size("zstd", 19) < size("zstd", 1)
