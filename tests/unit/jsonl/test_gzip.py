"""Gzip members, each standing on its own."""

import gzip

from hypothesis import given
from hypothesis import strategies as st

from brigade.jsonl import Gzip


@given(st.lists(st.lists(st.binary(max_size=2000), max_size=4), max_size=4))
def test_members_one_after_another_are_one_file(members: list[list[bytes]]) -> None:
    packer = Gzip()
    packed = [b"".join(packer.compress(block) for block in blocks) + packer.flush() for blocks in members]
    for blocks, member in zip(members, packed, strict=True):
        assert gzip.decompress(member) == b"".join(blocks)
    assert gzip.decompress(b"".join(packed)) == b"".join(block for blocks in members for block in blocks)


def test_a_member_without_bytes_is_written_only_if_asked_for() -> None:
    packer = Gzip()
    assert packer.flush() == b""
    empty = packer.compress(b"") + packer.flush()
    assert empty
    assert gzip.decompress(empty) == b""
