"""A change never alters or loses a value in silence, and what it withholds is withheld. Judges: decimal, json."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.transform import Transform

ENCODER = msgspec.json.Encoder(decimal_format="number")
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.decimals("-1e30", "1e30")
texts = numbers.map(str) | st.text(max_size=6) | st.sampled_from(["1_000", "٣", "nan", "inf", "1e999", " 5 ", "3.0"])


def written(value: Any, kind: Any) -> str:
    """Return the field as it is in the line."""
    changed = Transform(cast={"a": kind}).apply({"a": value})
    assert changed is not None
    return ENCODER.encode(changed["a"]).decode()


@given(numbers | texts, st.sampled_from(["integer", "number"]))
def test_a_number_stays_the_same_number_or_is_refused(value: Any, kind: str) -> None:
    try:
        found = written(value, kind)
    except InvalidData:
        return
    parsed = json.loads(found, parse_float=Decimal)
    assert Decimal(parsed) == Decimal(repr(value) if isinstance(value, float) else value), (value, found)
    assert not isinstance(value, str) or value.isascii()
    assert not isinstance(value, str) or "_" not in value


@pytest.mark.parametrize("value", [3.7, Decimal("3.7"), "1_000", "٣", "3.0", [1], {}])
def test_what_is_no_integer_is_refused(value: Any) -> None:
    with pytest.raises(InvalidData, match="cannot be made integer"):
        written(value, "integer")


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999", "1_0"])
def test_what_json_has_no_number_for_is_refused_and_not_written_as_null(value: str) -> None:
    with pytest.raises(InvalidData, match="cannot be made number"):
        written(value, "number")


@pytest.mark.parametrize("value", [True, [1, "a"], {"a": None}, 10**30, 0.1])
def test_text_of_what_is_no_text_is_its_json(value: Any) -> None:
    assert json.loads(json.loads(written(value, "text"))) == value


@pytest.mark.parametrize(
    ("change", "record"),
    [
        (Transform(rename={"a": "b"}), {"a": 1, "b": 2}),
        (Transform(flatten="_"), {"a": {"b": 1}, "a_b": 2}),
    ],
)
def test_two_fields_of_one_name_are_refused(change: Transform, record: dict[str, Any]) -> None:
    with pytest.raises(InvalidData, match="transform makes two fields"):
        change.apply(record)


names = st.sampled_from(["a", "b", "a_b", "c"])
records = st.dictionaries(names, st.recursive(st.just("v"), lambda inner: st.dictionaries(names, inner), max_leaves=4))


@given(records, st.lists(names, unique=True, max_size=2), st.booleans())
def test_a_nested_object_that_is_dropped_or_redacted_leaves_nothing_in_clear(
    record: dict[str, Any], withheld: list[str], is_drop: bool
) -> None:
    gone = tuple(withheld)
    change = Transform(flatten="_", drop=gone) if is_drop else Transform(flatten="_", redact=gone)
    secret = json.loads(json.dumps(record), object_hook=lambda each: dict(each.items()))
    for name in withheld:
        if name in secret:
            secret[name] = json.loads(json.dumps(secret[name]).replace('"v"', '"SECRET"'))
    try:
        changed = change.apply(json.loads(json.dumps(secret)))
    except InvalidData:
        changed = {}
    kept = change.withhold(json.dumps(secret).encode())
    assert "SECRET" not in json.dumps(changed)
    assert b"SECRET" not in ENCODER.encode(kept)


@pytest.mark.parametrize("field", ["drop", "redact"])
def test_a_dotted_name_that_only_a_nested_object_has_is_refused(field: str) -> None:
    change = Transform(**{field: ("user.email",)})  # type: ignore[arg-type]  # either field takes names
    with pytest.raises(InvalidData, match=r"user\.email, which is in a nested object; drop or redact user"):
        change.apply({"user": {"email": "private"}})
    with pytest.raises(InvalidData, match=r"user\.email, which is in a nested object; drop or redact user"):
        change.withhold(b'{"user": {"email": "private"}}')
    assert change.apply({"user": {"id": 1}}) == {"user": {"id": 1}}
    assert "private" not in str(change.apply({"user.email": "private"}))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rename": {"a": "c", "b": "c"}}, "another new name for each field"),
        ({"rename": {"e": "email"}, "redact": ("email",)}, "names before rename: email"),
        ({"rename": {"e": "email"}, "select": ("email",)}, "names before rename: email"),
        ({"rename": {"e": "email"}, "cast": {"email": "text"}}, "names before rename: email"),
    ],
)
def test_a_change_that_would_do_nothing_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Transform(**fields)


def test_fields_may_change_their_names_with_each_other() -> None:
    assert Transform(rename={"a": "b", "b": "a"}, redact=("a",)).apply({"a": 1, "b": 2}) == {"b": "***", "a": 2}


def test_true_is_not_1() -> None:
    change = Transform(keep={"a": (1, False)})
    assert [change.apply({"a": value}) is not None for value in (1, 1.0, True, False, 0)] == [1, 1, 0, 1, 0]
