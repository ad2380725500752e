"""Splicing the stamp into records: checked against what a JSON parser makes of both sides."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData
from brigade.jsonl import Stamp, split_page

STAMP = Stamp("2026-11-22", "2026-11-22T05:30:00.000Z")
END = b'"ingest_date":"2026-11-22","ingest_ts":"2026-11-22T05:30:00.000Z"}\n'


def lines(rows: bytes) -> bytes:
    """Stamp the array of records whose JSON is given."""
    page = split_page(b'{"rows":' + rows + b"}", records="rows", place="page 7")
    return b"".join(STAMP.lines(page))


def pairs(line: bytes) -> list[tuple[str, Any]]:
    """Read a record's members in order, duplicates included, numbers as they are written."""
    found: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list, parse_float=str, parse_int=str)
    return found


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
names = st.text(max_size=8) | st.sampled_from(["ingest_date", "ingest_ts", "ingest_", "n"])
spaces = st.text(alphabet=" \t\r\n", max_size=3)


@st.composite
def records(draw: st.DrawFn) -> str:
    """Write an object with duplicate keys, white space anywhere, and strings escaped or not."""

    def gap() -> str:
        return draw(spaces)

    members = []
    for name in draw(st.lists(names, max_size=5)):
        spelled = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()):
            spelled = spelled.replace("t", "\\u0074").replace("_", "\\u005F") if "\\" not in spelled else spelled
        value = json.dumps(draw(values), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        members.append(f"{gap()}{spelled}{gap()}:{gap()}{value}{gap()}")
    return "{" + (",".join(members) or gap()) + "}"


@given(st.lists(records(), max_size=6))
def test_every_record_is_one_line_with_its_members_and_the_stamp(written: list[str]) -> None:
    stamped = lines(f"[{','.join(written)}]".encode())
    got = stamped.split(b"\n")
    assert got.pop() == b""
    assert len(got) == len(written)
    for line, record in zip(got, written, strict=True):
        own = [member for member in pairs(record.encode()) if member[0] not in {"ingest_date", "ingest_ts"}]
        assert pairs(line) == [*own, ("ingest_date", STAMP.date), ("ingest_ts", STAMP.ts)]


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (b"{}", b"{" + END),
        (b"{ \t }", b"{" + END),
        (b'{"a":1.0e5,"b":12345678901234567890.10}', b'{"a":1.0e5,"b":12345678901234567890.10,' + END),
        (b'{"a":1,"a":2}', b'{"a":1,"a":2,' + END),
        (b'{"a":\n[1,\r\n2]\n}', b'{"a": [1,  2] ,' + END),
        (b'{"a":"\\n}{\\"\\\\"}', b'{"a":"\\n}{\\"\\\\",' + END),
        (b'{"ingest_ts":1}', b"{" + END),
        (b'{"ingest_date":{"a":["}"]} , "b" : 2, "ingest_date":3}', b'{"b" : 2,' + END),
        (b'{"ing\\u0065st_ts":1,"x":2}', b'{"x":2,' + END),
        (b'{"x":{"ingest_ts":1}}', b'{"x":{"ingest_ts":1},' + END),
        (b'{"x":"ingest_ts","y":"\\u0065"}', b'{"x":"ingest_ts","y":"\\u0065",' + END),
        ('{"ключ":"値\u2028"}'.encode(), '{"ключ":"値\u2028",'.encode() + END),
    ],
)
def test_bytes_stay_as_they_were(record: bytes, line: bytes) -> None:
    assert lines(b"[" + record + b"]") == line


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (b"[{}, 1]", "page 7, record 2: it must be an object, not 1"),
        (b'[{"a":1}, ["x"]]', "page 7, record 2"),
        (b"[null]", "page 7, record 1"),
        (b'[{"a":NaN}]', "page 7: JSON is malformed"),
        (b'[{"a":-Infinity}]', "page 7"),
        (b'[{"a":"\xff"}]', "page 7: byte 15 is not UTF-8"),
        (b'[{"a":"' + "é".encode() * 1024 * 1024 + b'\xc3"}]', f"page 7: byte {15 + 2 * 1024 * 1024} is not UTF-8"),
        (b'[{"a":"\n"}]', "page 7"),
        (b'[{"a":1}', "page 7"),
        (b"[" * 100_000, "page 7"),
        (b"null", "page 7: it has no records at 'rows'"),
        (b"7", "page 7: Expected `array | null`"),
    ],
)
def test_what_is_no_record_names_the_page_and_the_place(rows: bytes, said: str) -> None:
    with pytest.raises(InvalidData, match=r"^page 7") as raised:
        lines(rows)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_page_is_streamed_in_blocks() -> None:
    record = b'{"a":"' + b"x" * 30_000 + b'"}'
    page = split_page(b"[" + b",".join([record] * 40) + b"]", records="", place="page 1")
    blocks = list(STAMP.lines(page))
    assert len(blocks) > 5
    assert max(map(len, blocks)) < 128 * 1024 + 31_000
    assert b"".join(blocks).count(b"\n") == 40


@pytest.mark.parametrize(
    "odd", [b"{}", b'{ "a":1}', b'{"a":{}}', b'{"a":"}\\\\u0000{\\""}', b'{"ingest_ts":0}', b"{\n}"]
)
@pytest.mark.parametrize("place", [0, 50, 99])
def test_many_small_records_are_stamped_as_one_by_one(odd: bytes, place: int) -> None:
    rows = [b'{"n":%d}' % number for number in range(100)]
    rows[place] = odd
    assert lines(b"[" + b",".join(rows) + b"]") == b"".join(lines(b"[" + row + b"]") for row in rows)


@pytest.mark.parametrize("place", [0, 50, 99])
def test_among_many_small_records_one_that_is_none_is_named(place: int) -> None:
    rows = [b"{}" for number in range(100)]
    rows[place] = b"7"
    with pytest.raises(InvalidData, match=f"page 7, record {place + 1}: it must be an object, not 7"):
        lines(b"[" + b",".join(rows) + b"]")


@pytest.mark.parametrize("text", [b"x", b"\\n"])
def test_a_wide_record_with_a_stamp_of_its_own_takes_a_few_times_its_width(text: bytes) -> None:
    wide = b'{"ingest_ts":0,"a":["' + text * 1_000_000 + b'"],"b":"' + text * 1_000_000 + b'"}'
    page = split_page(b"[" + wide + b"]", records="", place="page 1")
    tracemalloc.start()
    (line,) = STAMP.lines(page)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert line == b"{" + wide.removeprefix(b'{"ingest_ts":0,').removesuffix(b"}") + b"," + END
    assert peak < 6 * len(wide)
