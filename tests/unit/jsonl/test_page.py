"""Finding the records and the next token in an answer."""

import json
import re

import pytest

from brigade.errors import InvalidData
from brigade.jsonl import split_page


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
        (b'{"rows":[],"meta":null}', "rows", "meta.next", 0, None),
        (b'{"rows":[],"next":0}', "rows", "next", 0, 0),
    ],
)
def test_paths_lead_to_records_and_token(
    data: bytes, records: str, token: str | None, count: int, found: object
) -> None:
    page = split_page(data, records=records, values=(token,) if token else (), place="page 1")
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
        split_page(data, records="rows", values=("next",), place="page 3")
    assert str(raised.value).startswith(said)


def test_a_block_has_at_most_its_size_or_one_record_however_uneven_they_are() -> None:
    records = [b'{"a":"%b"}' % (b"x" * width) for width in (1, 2, 5000, 3, 4, 90, 7000, 8000, 0, 80)]
    page = split_page(b"[" + b",".join(records) + b"]", records="", place="page 1")
    assert page.widths == [len(record) for record in records]
    blocks = [(start, [bytes(raw) for raw in taken]) for start, taken in page.blocks(200)]
    assert [record for _, taken in blocks for record in taken] == records
    assert [start for start, _ in blocks] == [0, 2, 3, 6, 7, 8]
    assert all(len(taken) == 1 or sum(map(len, taken)) <= 200 for _, taken in blocks)
    assert [*split_page(b"[]", records="", place="page 1").blocks(200)] == []


RECORD = b'{"id":"%d","rows":{"rows":1},"next":"x","data":{"data":1}}'


@pytest.mark.parametrize("separator", [b",", b", ", b"\n ,\t"])
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize(
    ("page", "named"),
    [
        (b'{"rows":[%s],"rows":[]}', "rows"),
        (b'{"rows":[],"next":"a","rows":[%s]}', "rows"),
        (b'{"rows":[%s],"rows":[%s]}', "rows"),
        (b'{"rows":[%s],"\\u0072ows":[%s]}', "rows"),
        (b'{"next":"a","rows":[%s],"next":null}', "next"),
        (b'{"rows":[%s],"next":"a","ne\\u0078t":"a"}', "next"),
        (b'{"meta":{"after":"a","after":"b"},"rows":[%s]}', "meta.after"),
        (b'{"meta":{"after":"a"},"rows":[%s],"meta":{}}', "meta"),
        (b'{"a/b":1,"rows":[%s],"a\\/b":2}', "a/b"),
        (b'{"list":[{"n":1},{"n":2,"n":3}],"rows":[%s]}', "list[-1].n"),
    ],
)
def test_a_member_on_the_way_that_occurs_twice_is_refused(
    page: bytes, named: str, count: int, separator: bytes
) -> None:
    rows = separator.join(RECORD % number for number in range(count))
    data = page.replace(b"%s", rows)
    with pytest.raises(InvalidData, match=re.escape(f"page 3: the member {named} occurs 2 times")):
        split_page(data, records="rows", values=("next", "meta.after", "a/b", "list[-1].n"), place="page 3")
    values = ("d.next", "d.meta.after", "d.a/b", "d.list[-1].n")
    with pytest.raises(InvalidData, match=re.escape(f"page 3: the member d.{named} occurs 2 times")):
        split_page(b'{"d": ' + data + b"}", records="d.rows", values=values, place="page 3")


def test_a_member_of_a_record_that_says_the_next_page_and_occurs_twice_is_refused() -> None:
    data = b'{"rows":[{"id":1,"id":1},{"id":2,"x":{"id":3}}]}'
    assert split_page(data, records="rows", values=("rows[-1].id",), place="page 3").values == {"rows[-1].id": 2}
    with pytest.raises(InvalidData, match=re.escape("page 3: the member rows[0].id occurs 2 times")):
        split_page(data, records="rows", values=("rows[0].id",), place="page 3")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_names_that_are_not_on_the_way_may_occur_again(count: int, indent: int | None) -> None:
    record = {"rows": [{"rows": 1}], "next": "\\u0072", "meta": {"after": 1}}
    document = {"x": {"rows": [record], "next": 1, "after": 2}, "meta": {"after": "m", "next": {"rows": 1}}}
    data = json.dumps(document | {"rows": [record] * count, "next": "n"}, indent=indent).encode()
    page = split_page(data, records="rows", values=("next", "meta.after"), place="page 3")
    assert (len(page.records), page.values) == (count, {"next": "n", "meta.after": "m"})
