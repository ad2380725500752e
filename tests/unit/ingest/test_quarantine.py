"""A record that breaks the contract is set aside without what its source keeps out of the lake, and replayed whole."""

import gzip
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.ingest.declare.contract import Contract
from brigade.ingest.declare.json_schema import JsonSchema
from brigade.ingest.declare.request import Response
from brigade.ingest.declare.transform import Transform
from brigade.ingest.read.decode import decode_page
from brigade.ingest.state.profile import Profile
from brigade.ingest.write.lines import LineWriter
from brigade.jsonl import Page, Stamp
from tests.unit.ingest.api import source

STAMP = Stamp("2026-11-22", "2026-11-22T05:30:00.000Z")


def page_of(rows: list[Any]) -> Page:
    return decode_page(source(), Response(json.dumps({"rows": rows, "next": None}).encode(), {}, ""), "page 1")


SECRETIVE = [
    (Transform(redact=("name",)), {"name": "***", "deep": {"name": "Ada", "age": 1}, "n": "x"}),
    (Transform(drop=("name", "deep")), {"n": "x"}),
    (Transform(select=("n",)), {"n": "x"}),
    (
        Transform(flatten="_", redact=("deep_name",), drop=("deep_age",)),
        {"name": "Ada", "deep": {"name": "***"}, "n": "x"},
    ),
    (Transform(keep={"name": ("Ada",)}, drop=("name",)), {"name": "Ada", "deep": {"name": "Ada", "age": 1}, "n": "x"}),
    (Transform(keep={"name": ("Bob",)}, drop=("name",)), {"name": "***", "deep": {"name": "Ada", "age": 1}, "n": "x"}),
]


@pytest.mark.parametrize(("change", "kept"), SECRETIVE)
def test_what_a_source_keeps_out_of_the_lake_is_not_in_its_quarantine(change: Transform, kept: dict[str, Any]) -> None:
    contract = Contract(fields={"n": "integer"}, extra="evolve", tolerated=1.0)
    pour = LineWriter(source(transform=change, contract=contract), STAMP, profile=Profile())
    record = {"name": "Ada", "deep": {"name": "Ada", "age": 1}, "n": "x"}
    assert [*pour.write_page(page_of([record]))] == []
    (aside,) = [json.loads(line) for line in gzip.decompress(pour.quarantine).splitlines()]
    assert aside["record"] == kept


@pytest.mark.parametrize("change", [None, Transform(drop=("x",))])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_record_of_an_indented_answer_is_one_line(change: Transform | None, end: str) -> None:
    contract = Contract(fields={"n": "integer"}, extra="evolve", tolerated=1.0)
    pour = LineWriter(source(transform=change, contract=contract), STAMP, profile=Profile())
    record = {"n": "a\nb", "deep": {"list": [1, {"c": "\r\n"}]}}
    text = json.dumps({"rows": [record, record], "next": None}, indent=2).replace("\n", end)
    assert [*pour.write_page(decode_page(source(), Response(text.encode(), {}, ""), "page 1"))] == []
    found = [json.loads(line)["record"] for line in gzip.decompress(pour.quarantine).splitlines()]
    assert found == [record, record]


@pytest.mark.parametrize(("change", "kept"), SECRETIVE)
def test_a_replayed_record_becomes_what_it_had_become_at_first(change: Transform, kept: dict[str, Any]) -> None:
    record = {"name": "Ada", "deep": {"name": "Ada", "age": 1}, "n": "x"}
    mended = Contract(fields={"n": "text", "name": "text", "deep": "object"}, required=("name", "deep"), extra="freeze")
    schema = JsonSchema(
        schema={"required": ["name"], "properties": {"name": {"const": "Ada"}, "n": {"type": "string"}}}
    )
    for contract in (mended, schema):
        first = LineWriter(source(transform=change, contract=contract), STAMP, profile=Profile())
        again = LineWriter(source(transform=change, contract=contract), STAMP, profile=Profile(), replayed=True)
        assert [*again.write_page(page_of([kept]))] == [*first.write_page(page_of([record]))]
        assert again.broken == 0


@given(number=st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_the_numbers_of_a_record_in_quarantine_are_its_own(number: str) -> None:
    raw = f'{{"name":"Ada","n":{number},"deep":{{"n":{number}}}}}'.encode()
    kept = Transform(redact=("name",), flatten="_").withhold(raw)
    assert msgspec.json.encode(kept) == f'{{"name":"***","n":{number},"deep":{{"n":{number}}}}}'.encode()
