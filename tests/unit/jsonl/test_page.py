"""Finding the records and the next token in an answer."""

import pytest

from brigade.errors import InvalidData
from brigade.jsonl import split


@pytest.mark.parametrize(
    ("data", "records", "token", "count", "found"),
    [
        (b'{"rows":[{},{}],"next":"t"}', "rows", "next", 2, "t"),
        (b'{"data":{"items":[{}]},"meta":{"page":{"next":17}}}', "data.items", "meta.page.next", 1, "17"),
        (b"[{},{},{}]", "", None, 3, None),
        (b'{"rows":[],"next":null}', "rows", "next", 0, None),
        (b'{"rows":[],"next":""}', "rows", "next", 0, None),
        (b'{"rows":[]}', "rows", "next", 0, None),
        (b'{"rows":[],"next":0}', "rows", "next", 0, "0"),
    ],
)
def test_paths_lead_to_records_and_token(
    data: bytes, records: str, token: str | None, count: int, found: str | None
) -> None:
    page = split(data, records=records, token=token, place="page 1")
    assert (len(page.records), page.token) == (count, found)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html>", "page 3: JSON is malformed: invalid character (byte 0); it starts with '<!DOCTYPE"),
        (b"", "page 3"),
        (b'{"rows":[{}]', "page 3"),
        (b'{"items":[]}', "page 3: it has no records at 'rows'"),
        (b'{"rows":{}}', "page 3, rows: Expected `array`, got `object`"),
        (b"[]", "page 3: Expected `object`, got `array`"),
        (b'{"rows":[],"next":["x"]}', "page 3, next: "),
        (b'{"rows":[],"next":true}', "page 3, next: "),
    ],
)
def test_what_is_no_page_is_named(data: bytes, said: str) -> None:
    with pytest.raises(InvalidData) as raised:
        split(data, records="rows", token="next", place="page 3")
    assert str(raised.value).startswith(said)
