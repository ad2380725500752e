"""Texts that are alike but for numbers and ids: never more alike than the shapes of messages say."""

import uuid

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from brigade.jobs.report import ReportTask, message_shape
from brigade.jobs.report_counts import group_messages

_UUID = "00000000-abcd-ef01-2345-6789abcdef01"
_WORDS = ["7", "41", "deadbeef", "cafe", "FEED4abcdef01234", "abcd-ef01", _UUID, "x"]
_messages = st.lists(st.sampled_from([*"- _.gé\0", *_WORDS]), max_size=8).map("".join)


def grouped(*texts: str) -> list[tuple[int, int]]:
    return group_messages([pa.array(texts, pa.string())])


def seen(message: str) -> str:
    return message_shape(ReportTask("b", "no part of it", None, "failed", "200", "c", message))


@given(_messages, _messages)
@example("x0123456789abcdef", "x0123456789abcdee")  # a hexadecimal that is the end of a word
@example(_UUID, "00000000-abcd-ef01-2345_6789abcdef01")
@example(f"{_UUID}0", f"{_UUID[:-1]}20")
@example("abcdefabcdef", "feedfeed")  # no id, and none together
def test_what_is_alike_has_one_shape(one: str, other: str) -> None:
    found = grouped(one, other)
    assert sum(tasks for _, tasks in found) == 2
    assert len(found) == 2 or seen(one) == seen(other)


def test_a_million_ids_are_few_kinds() -> None:
    """Messages group together for all digits, letters and lengths of numbers."""
    ids = [uuid.UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)) for n in range(2000)]
    texts = [f"{each} timed out, sha256={each.hex}{each.hex.upper()} after {n}.5 s" for n, each in enumerate(ids)]
    assert grouped(*texts, *texts, "another") == [(0, 4000), (4000, 1)]
    assert grouped("", "") == [(0, 2)]
    assert grouped() == []
