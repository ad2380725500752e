"""Decoding, transforming, checking and counting of records between the response and the lines."""

import gzip
import itertools
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.ingest.declare.api_source import ApiSource
from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.pagination import Pagination
from brigade.ingest.declare.request import Response
from brigade.ingest.declare.transform import Transform
from brigade.ingest.read.decode import decode_page, decode_stream
from brigade.ingest.state.profile import Profile, find_drift, find_shrinkage
from brigade.ingest.write.lines import LineWriter
from brigade.jsonl import Stamp
from tests.unit.ingest.api import source


def reply(body: bytes) -> Response:
    return Response(body, {}, "http://api/")


STAMP = Stamp("2026-11-22", "2026-11-22T05:30:00.000Z")


def poured(rows: list[Any], **changes: Any) -> tuple[list[dict[str, Any]], LineWriter]:
    declared: ApiSource = source(pagination=Pagination(), **changes)
    pour = LineWriter(declared, STAMP, profile=Profile())
    page = decode_page(declared, reply(json.dumps({"rows": rows}).encode()), "page 1")
    lines = b"".join(pour.write_page(page)).splitlines()
    found = [json.loads(line) for line in lines]
    for row in found:
        assert (row.pop("ingest_date"), row.pop("ingest_ts")) == (STAMP.date, STAMP.ts)
    return found, pour


@pytest.mark.parametrize(
    ("change", "row", "expected"),
    [
        (Transform(select=("a", "x")), {"a": 1, "b": 2}, {"a": 1}),
        (Transform(drop=("a", "x")), {"a": 1, "b": 2}, {"b": 2}),
        (Transform(rename={"a": "z"}), {"a": 1, "b": 2}, {"z": 1, "b": 2}),
        (Transform(cast={"a": "integer", "b": "text", "c": "number", "d": "boolean"}),
         {"a": "7", "b": 7, "c": "1.5", "d": "no"}, {"a": 7, "b": "7", "c": 1.5, "d": False}),
        (Transform(cast={"a": "integer"}), {"a": None}, {"a": None}),
        (Transform(flatten="_"), {"a": {"b": {"c": 1}, "d": [{}]}, "e": 2}, {"a_b_c": 1, "a_d": [{}], "e": 2}),
        (Transform(redact=("a",)), {"a": "secret", "b": 1}, {"a": "***", "b": 1}),
        (Transform(flatten=".", select=("a.b",), rename={"a.b": "b"}), {"a": {"b": 1, "c": 2}}, {"b": 1}),
        (Transform(keep={"kind": ("x", None)}), {"kind": "y"}, None),
        (Transform(keep={"kind": ("x", None)}), {}, {}),
    ],
)  # fmt: skip
def test_a_change(change: Transform, row: dict[str, Any], expected: dict[str, Any] | None) -> None:
    rows, pour = poured([row], transform=change)
    assert rows == ([] if expected is None else [expected])
    assert (pour.records, pour.profile.records) == (len(rows), 1)


def test_a_value_that_cannot_be_cast_names_page_and_record_but_not_the_value() -> None:
    with pytest.raises(InvalidData, match="page 1, record 2: a is str, which cannot be made integer") as raised:
        poured([{"a": 1}, {"a": "private"}], transform=Transform(cast={"a": "integer"}))
    assert "private" not in str(raised.value)


def test_numbers_survive_a_change() -> None:
    rows, _ = poured([{"a": 2**63, "b": 0.1, "c": 10**30, "d": 1e300}], transform=Transform(drop=("x",)))
    assert rows == [{"a": 2**63, "b": 0.1, "c": 10**30, "d": 1e300}]


FROZEN = Contract(fields={"n": "integer", "t": "text"}, required=("n",), tolerated=0.5)


def test_what_breaks_the_contract_is_set_aside_with_reason_and_page() -> None:
    rows, pour = poured(
        [{"n": 1}, {"n": True}, {"t": "x"}, {"n": 2, "new": 1}, {"n": 3, "t": None}, {"n": 4, "t": "y"}],
        contract=FROZEN,
    )
    assert [row["n"] for row in rows] == [1, 3, 4]
    aside = [json.loads(line) for line in gzip.decompress(pour.quarantine).splitlines()]
    assert [(each["reason"], each["page"], each["number"]) for each in aside] == [
        ("n is bool, not integer", "page 1", 2),
        ("n is missing", "page 1", 3),
        ("new is not in the contract", "page 1", 4),
    ]
    assert aside[2]["record"] == {"n": 2, "new": 1}
    pour.check_tolerated("the end")


def test_more_than_is_tolerated_fails() -> None:
    _, pour = poured([{"n": 1}, {}, {}], contract=FROZEN)
    with pytest.raises(InvalidData, match=r"page 9: 2 of 3 records break the contract, more than the tolerated 50"):
        pour.check_tolerated("page 9")
    with pytest.raises(InvalidData, match="120 of 120 records break"):
        poured([{}] * 120, contract=FROZEN)


def profile(rows: list[dict[str, Any]]) -> Profile:
    return poured(rows)[1].profile


def test_drift_tells_what_came_went_changed_and_grew() -> None:
    before = profile([{"a": 1, "b": "x", "c": None}] * 20)
    now = profile([{"a": "1", "c": 5, "d": "y" * 100}] * 20)
    assert find_drift(before, before) == []
    assert find_drift(before, now) == [
        "field a is text, it was number",
        "field b went",
        "field d came",
        f"records grew from {before.mean:.0f} to {now.mean:.0f} bytes on average",
        f"the widest record grew from {before.widest} to {now.widest} bytes",
    ]
    assert find_drift(Profile(), now) == []
    assert before.fields == {"a": {"number": 10}, "b": {"text": 10}, "c": {"null": 10}}


def test_a_date_with_far_fewer_records_or_bytes_than_those_before_is_told() -> None:
    before = [Profile(records=count, plain_bytes=count * 100) for count in (1000, 0, 1200, 900)]
    assert find_shrinkage(before, Profile(records=480, plain_bytes=48_000)) == []
    (line,) = find_shrinkage(before, Profile(records=470, plain_bytes=47_000))
    assert line == "records fell to 470; the 4 dates before had 950 (median)"
    assert find_shrinkage(before, Profile()) == ["records fell to 0; the 4 dates before had 950 (median)"]
    (line,) = find_shrinkage(before, Profile(records=1000, plain_bytes=40_000))
    assert line == "bytes fell to 40000; the 4 dates before had 95000 (median)"
    assert find_shrinkage([], Profile()) == []


def test_fewer_records_than_the_source_has_at_least_fail() -> None:
    _, pour = poured([{"a": 1}, {"a": 2}], at_least=2, transform=Transform(keep={"a": (1,)}))
    with pytest.raises(InvalidData, match=r"page 1: it is the last, and 1 records came; the source has at least 2"):
        pour.check_end("page 1")
    _, pour = poured([{"a": 1}, {"a": 2}], at_least=2)
    pour.check_end("page 1")


def test_counts_of_fields_are_exact_where_all_records_were_looked_at() -> None:
    found = profile([{"a": 1}] * 15 + [{"a": None, "b": 2}])
    assert (found.sampled, found.records) == (16, 16)
    assert found.fields == {"a": {"number": 15, "null": 1}, "b": {"number": 1}}
    assert (profile([{"a": 1}] * 170).sampled, profile([{"a": 1}] * 17).sampled) == (16, 9)


@pytest.mark.parametrize(
    ("seen", "of", "looked", "records", "said"),
    [
        (1, 100, 100, 5000, False),
        (5, 100, 100, 5000, True),
        (100, 100, 1, 5000, True),
        (1, 100, 400, 5000, False),
        (2, 100, 400, 5000, True),
        (1, 100, 100, 100, True),
    ],
)
def test_a_rare_field_that_a_sample_may_miss_neither_comes_nor_goes(
    seen: int, of: int, looked: int, records: int, said: bool
) -> None:
    has = Profile(records=5000, sampled=of, fields={"a": {"number": of}, "rare": {"text": seen}})
    lacks = Profile(records=records, sampled=looked, fields={"a": {"number": looked}})
    assert find_drift(lacks, has) == (["field rare came"] if said else [])
    assert find_drift(has, lacks) == (["field rare went"] if said else [])
    typed = Profile(records=5000, sampled=of, fields={"a": {"number": of, "text": seen}})
    assert find_drift(lacks, typed) == (["field a is text, it was number"] if said else [])


ROWS = [{"n": 1, "t": "a,b"}, {"n": 2, "t": 'é"\n'}, {"n": 3, "t": ""}]
LINES = b"\n".join(json.dumps(row).encode() for row in ROWS) + b"\n"
CSV = 'n,t\n1,"a,b"\n2,"é""\n"\n3,\n'.encode("utf-8-sig")


def declared(kind: str, single: bool = False) -> ApiSource:
    return source(format=kind, single=single, pagination=Pagination(), records="rows" if kind == "json" else "")


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_an_answer_of_any_size_takes_the_memory_of_two_blocks(kind: str) -> None:
    mib, count = 1024 * 1024, 2000
    text = "x" * 33_000
    row = f"{text}\r\n" if kind == "csv" else f'{{"t":"{text}"}}' + ("\n" if kind == "jsonl" else ",")
    block = (row * (mib // len(row) + 1)).encode()
    ends = {"json": (b'{"rows":[', b'{"t":""}]}'), "jsonl": (b"", b""), "csv": (b"t\r\n", b"")}[kind]
    blocks = itertools.chain([ends[0]], itertools.repeat(block, count * len(row) // len(block)), [ends[1]])
    tracemalloc.start()
    try:
        records = sum(
            len(page.records) for page in decode_stream(declared(kind, single=True), blocks, reply(b""), "it")
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert records > 1900
    assert peak < 8 * mib, "of 63 MiB"


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("kind", "body"), [("json", json.dumps({"rows": ROWS, "x": 1}).encode()), ("jsonl", LINES), ("csv", CSV)]
)
def test_an_answer_is_the_same_whole_and_in_pieces(kind: str, body: bytes, size: int) -> None:
    expected = ROWS if kind != "csv" else [{"n": str(row["n"]), "t": row["t"]} for row in ROWS]
    whole = decode_page(declared(kind), reply(body), "page 1").records
    assert [json.loads(bytes(raw)) for raw in whole] == expected
    blocks: Iterator[bytes] = (body[at : at + size] for at in range(0, len(body), size))
    found = [
        raw for page in decode_stream(declared(kind, single=True), blocks, reply(b""), "it") for raw in page.records
    ]
    assert [json.loads(bytes(raw)) for raw in found] == expected


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("jsonl", b'{"a":1}\n{"a":\n', "page 1: a line is no JSON"),
        ("jsonl", b'{"a":"\xff"}\n', "page 1: byte 6 is not UTF-8"),
        ("csv", b"a,b\n1\n", "page 1: line 2 has 1 fields; there are 2 columns"),
        ("csv", b"a,b\n1,2,3\n", "page 1: line 2 has 3 fields; there are 2 columns"),
        ("csv", b'a,b\n1,"x\n', "page 1: line 2 is no CSV as it is declared: unexpected end"),
    ],
)
def test_what_is_not_of_the_format_is_named(kind: str, body: bytes, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        decode_page(declared(kind), reply(body), "page 1")
