"""Contracts that are a JSON Schema, every word of it."""

import gzip
import json
import subprocess
import sys
from typing import Any

import pytest

from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.json_schema import JsonSchema
from tests.unit.ingest.test_lines import poured

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "prefixItems": [{"$ref": "#/$defs/word"}]},
        "kind": {"enum": ["a", "b"]},
    },
    "required": ["n"],
    "unevaluatedProperties": False,
    "$defs": {"word": {"type": "string", "pattern": "^[a-z]+$"}},
}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"n": 1, "day": "2026-11-22", "tags": ["x"], "kind": "a"}, None),
        ({"n": 0}, "n breaks properties/n/minimum of the schema"),
        ({"n": True}, "n breaks properties/n/type of the schema"),
        ({"n": 1, "day": "2026-02-30"}, "day breaks properties/day/format of the schema"),
        ({"n": 1, "tags": ["X"]}, "tags[0] breaks $defs/word/pattern of the schema"),
        ({"n": 1, "kind": "c"}, "kind breaks properties/kind/enum of the schema"),
        ({}, "the record breaks required of the schema"),
        ({"n": 1, "secret": "x"}, "the record breaks unevaluatedProperties of the schema"),
    ],
)
def test_each_word_is_checked_and_no_value_is_told(record: dict[str, Any], said: str | None) -> None:
    assert JsonSchema(schema=SCHEMA).find_violation(record) == said


def test_an_older_draft_is_read_as_that_draft() -> None:
    """``items`` with a list is a tuple up to 2019-09; ``minimum`` with ``exclusiveMinimum: true`` is of draft 4."""
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
    contract = JsonSchema(schema={"$schema": old["$schema"], "properties": {"n": old}})
    assert contract.find_violation({"n": 2}) is None
    assert contract.find_violation({"n": 1}) == "n breaks properties/n/exclusiveMinimum of the schema"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "thing"}, "thing"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "Retrieval is disabled"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"format": "int32"}, "Unknown format"),
    ],
)
def test_a_schema_that_cannot_be_checked_whole_is_refused_where_it_is_declared(schema: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        JsonSchema(schema=schema)


def test_a_source_sets_aside_what_breaks_it_and_tolerates_a_share() -> None:
    rows, pour = poured([{"n": 1}, {"n": "secret"}], contract=JsonSchema(schema=SCHEMA, tolerated=0.5))
    assert [row["n"] for row in rows] == [1]
    (aside,) = [json.loads(line) for line in gzip.decompress(pour.quarantine).splitlines()]
    assert (aside["reason"], aside["page"], aside["number"]) == (
        "n breaks properties/n/type of the schema",
        "page 1",
        2,
    )
    with pytest.raises(InvalidData, match="120 of 120 records break") as raised:
        poured([{"n": "secret"}] * 120, contract=JsonSchema(schema=SCHEMA))
    assert "secret" not in str(raised.value)


def test_a_source_without_one_does_not_load_the_validator() -> None:
    code = "import sys, lambdas.ingest.handler, lambdas.ingest.sources.demo; print('jsonschema_rs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
