"""Finding the records and the next token in an answer."""

import pytest

from brigade.errors import InvalidData
from brigade.jsonl import split


@pytest.mark.parametrize(
    ("data", "records", "token", "count", "found"),
    [
        (b'{"rows":[{},{}],"next":"t"}', "rows", "next", 2, "t"),
        (b'{"data":{"items":[{}]},"meta":{"page":{"next":17}}}', "data.items", "meta.page.next", 1, 17),
        (b"[{},{},{}]", "", None, 3, None),
        (b'{"rows":[],"next":null}', "rows", "next", 0, None),
        (b'{"rows":[],"next":""}', "rows", "next", 0, ""),
        (b'{"rows":[]}', "rows", "next", 0, None),
        (b'{"a b":{"1":[{}],"x":{"no":[]},"class":true}}', "a b.1", "a b.class", 1, True),
        (b'{"rows":[{}],"next":null,"rows":[]}', "rows", "next", 0, None),
        (b'{"rows":[],"meta":null}', "rows", "meta.next", 0, None),
        (b'{"rows":[],"next":0}', "rows", "next", 0, 0),
    ],
)
def test_paths_lead_to_records_and_token(
    data: bytes, records: str, token: str | None, count: int, found: object
) -> None:
    page = split(data, records=records, values=(token,) if token else (), place="page 1")
    assert len(page.records) == count
    assert page.values.get(token or "") == found


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html>", "page 3: JSON is malformed: invalid character (byte 0); it starts with '<!DOCTYPE"),
        (b"", "page 3"),
        (b'{"rows":[{}]', "page 3"),
        (b'{"items":[]}', "page 3: it has no records at 'rows'"),
        (b'{"rows":{}}', "page 3: Expected `array | null`, got `object` - at `$.rows`"),
        (b'{"rows":[{},\xff]}', "page 3"),
        (b"[]", "page 3: Expected `object`, got `array`"),
        (b'{"rows":[],"next":["x"]}', "page 3: Expected `bool | int | float | str | null`, got `array` - at `$.next`"),
    ],
)
def test_what_is_no_page_is_named(data: bytes, said: str) -> None:
    with pytest.raises(InvalidData) as raised:
        split(data, records="rows", values=("next",), place="page 3")
    assert str(raised.value).startswith(said)


def test_a_block_has_at_most_its_size_or_one_record_however_uneven_they_are() -> None:
    records = [b'{"a":"%b"}' % (b"x" * width) for width in (1, 2, 5000, 3, 4, 90, 7000, 8000, 0, 80)]
    page = split(b"[" + b",".join(records) + b"]", records="", place="page 1")
    assert page.widths == [len(record) for record in records]
    blocks = [(start, [bytes(raw) for raw in taken]) for start, taken in page.blocks(200)]
    assert [record for _, taken in blocks for record in taken] == records
    assert [start for start, _ in blocks] == [0, 2, 3, 6, 7, 8]
    assert all(len(taken) == 1 or sum(map(len, taken)) <= 200 for _, taken in blocks)
    assert [*split(b"[]", records="", place="page 1").blocks(200)] == []
