"""Members of gzip and zstd, each standing on its own."""

import gzip
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.codec import Compression, MemberCompressor, decompress_detected, decompress_members, open_compressor
from brigade.errors import InvalidData


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


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_both_formats_are_detected_and_a_truncated_stream_is_named(compression: Compression) -> None:
    compressor = open_compressor(compression)
    packed = memoryview(compressor.compress(b"x" * 3_000_000) + compressor.flush())
    assert b"".join(decompress_detected([packed[:1], packed[1:9], packed[9:]], "it")) == b"x" * 3_000_000
    assert b"".join(decompress_detected([], "it")) == b""
    with pytest.raises(InvalidData, match=r"^it: .* ends in the middle of a .*, at byte") as caught:
        b"".join(decompress_detected([packed[:-1]], "it"))
    assert caught.value.truncated
    with pytest.raises(InvalidData, match=r"^it: something that is not .* follows, near byte 0, after 1 sound"):
        b"".join(decompress_detected([memoryview(bytes(packed) + b"other bytes behind it")], "it"))


def test_an_error_of_the_source_is_not_taken_for_damage() -> None:
    packed = gzip.compress(b"x" * 100)

    def blocks() -> Iterator[memoryview]:
        yield memoryview(packed[:20])
        raise InvalidData("other bytes than S3 stores")

    with pytest.raises(InvalidData, match=r"^other bytes than S3 stores$"):
        b"".join(decompress_detected(blocks(), "it"))
