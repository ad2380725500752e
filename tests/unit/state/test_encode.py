"""Every stored document is read back equal. Otherwise it is not stored, and the error names the place."""

import dataclasses
import datetime
import math
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData
from brigade.state.encode import encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**62, 2**65)
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=3)
    | st.decimals()
    | st.datetimes()
)
KEYS = st.text(max_size=3) | st.integers(0, 3) | st.none() | st.booleans() | st.sampled_from(["1", "True", "None"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


class Typed(msgspec.Struct):
    """Fields whose types say what they are read back as."""

    at: datetime.datetime | None = None
    many: tuple[float, ...] = ()
    by_number: dict[int, str] = {}
    some: set[str] = set()
    exact: Decimal = Decimal(0)
    body: bytes = b""
    whole: int = 0
    text: str = ""
    deep: "list[Typed]" = []


def same(left: Any, right: Any) -> bool:
    """Return whether two values are equal, of the same types: 1 is not 1.0, and True is not 1."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return [*left] == [*right] and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) and (not isinstance(left, float) or math.copysign(1, left) == math.copysign(1, right))


@given(VALUES)
def test_what_is_accepted_is_read_back_equal(value: Any) -> None:
    try:
        body = encode(value, "it")
    except InvalidData as error:
        assert re.match(r"it cannot be stored: \$", str(error))  # noqa: PT017 - either is right
        return
    assert same(msgspec.json.decode(body), value)


@given(
    st.builds(
        Typed,
        at=st.none() | st.datetimes(),
        many=st.lists(st.floats(), max_size=3).map(tuple),
        by_number=st.dictionaries(st.integers(), st.text(st.characters(), max_size=3), max_size=3),
        some=st.sets(st.text(max_size=2), max_size=3),
        exact=st.decimals(allow_nan=False),
        body=st.binary(max_size=9),
        whole=st.integers(),
        text=st.text(st.characters(), max_size=3),
    )
)
def test_what_a_declared_type_holds_is_read_back_equal(value: Typed) -> None:
    for document, kind in ((value, Typed), ([Typed(deep=[value])], list[Typed])):
        try:
            body = encode(document, "it")
        except InvalidData:
            numbers = (*value.many, *map(abs, (value.whole, *value.by_number)))
            surrogate = any("\ud800" <= each <= "\udfff" for each in value.text + "".join(value.by_number.values()))
            assert surrogate or any(not math.isfinite(each) or each >= 2**63 for each in numbers)
            continue
        assert msgspec.json.decode(body, type=kind) == document


@dataclasses.dataclass
class Best:
    """Example of a struct that a script stores."""

    score: float
    times: list[float]


DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"best": float("inf")}, "$.best is inf, which JSON has no number for"),
        ({"a": [1, {"b": float("nan")}]}, "$.a[1].b is nan"),
        (Best(1.0, [0.5, -math.inf]), "$.times[1] is -inf"),
        (Typed(many=(1.0, math.nan)), "$.many[1] is nan"),
        ([Typed(deep=[Typed(many=(math.inf,))])], "$[0].deep[0].many[0] is inf"),
        ({1: "a"}, "$ has the key 1, which is not text"),
        ({1: "a", "1": "b"}, "$ has two keys whose text is the same"),
        ({"a": (1, 2)}, "$.a is a tuple, which JSON has not"),
        ({"a": {1}}, "$.a is a set, which JSON has not"),
        (datetime.datetime(2026, 1, 1), "$ is a datetime"),
        ([b"x"], "$[0] is a bytes"),
        ([2**64], "$[0] is an integer of more than 64 bits"),
        (["\ud800"], "$[0] is text with a lone surrogate"),
        ({"\udfff": 1}, "$ (a key) is text with a lone surrogate"),
        (object(), "$ is a object"),
        (DEEP, "it is nested too deeply"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_its_path(value: Any, said: str) -> None:
    with pytest.raises(InvalidData, match=re.escape(f"s3://b/k cannot be stored: {said}")):
        encode(value, "s3://b/k")
