"""Every field of every declaration is checked for its type and its range when the declaration is made.

Fields and ranges come from the annotations, so a new field or a new declaration is covered without a line here.
"""

import math
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
import typeguard
from hypothesis import given, settings
from hypothesis import strategies as st

import brigade.ingest.declare.json_schema  # noqa: F401 - its class is a declaration
from brigade.declarations import Declaration
from brigade.declarations.declaration import _valid, _Wrong
from brigade.errors import SettingsError
from brigade.ingest.declare.api_source import Rule
from brigade.ingest.declare.authentication import Bearer, HeaderKey, QueryKey, Secret
from brigade.ingest.declare.incremental import Newest, Since
from brigade.ingest.declare.pagination import Cursor, LinkHeader, NextFromAnswer, PageNumber, Pagination
from brigade.ingest.declare.table_source import TableSource
from brigade.ingest.declare.transform import Transform
from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring
from brigade.settings import Alarms, Database, ExistingBucket, Inventory, Retention, Settings, load
from tests.examples import examples
from tests.unit.ingest.api import source

SECRET = Secret("name")
FIRST = "2026-11-20T00:00:00Z"
OAUTH = {"token_url": "https://host/token", "client_id": SECRET, "client_secret": SECRET}
VALID: Mapping[str, Mapping[str, Any]] = {
    "Request": {"url": "/"},
    "Cursor": {"at": "next", "parameter": "c"},
    "NextUrl": {"at": "next"},
    "Secret": {"name": "n"},
    "HeaderKey": {"header": "X", "key": SECRET},
    "QueryKey": {"parameter": "k", "key": SECRET},
    "Basic": {"user": SECRET, "password": SECRET},
    "Bearer": {"token": SECRET},
    "ClientCredentials": OAUTH,
    "RefreshToken": {**OAUTH, "refresh_token": SECRET},
    "Contract": {"fields": {"a": "text"}},
    "JsonSchema": {"schema": True},
    "Rule": {"act": "fail", "statuses": (400,)},
    "Rate": {"requests": 1, "seconds": 1},
    "Since": {"parameter": "from", "until": "to", "first": FIRST},
    "Newest": {"parameter": "from", "field": "at"},
    "ApiSource": {"base_url": "https://host", "path": "/", "schedule": "rate(1 day)"},
    "TableSource": {"secret": "s", "table": "t", "schedule": "rate(1 day)"},
    "Operation": {"run": lambda *_: "", "summary": "s", "reads": ("*",)},
    "Recurring": {"operation": "o", "most_objects": 1, "most_dollars": 1.0},
}
ABSTRACT = {"BaseSource", "NextFromAnswer", "NextUrlFromAnswer"}


def kinds(above: type[Declaration] = Declaration) -> Iterator[type[Declaration]]:
    for kind in above.__subclasses__():
        if kind.__module__.startswith("brigade.") and not kind.__name__.startswith("_"):  # those that users write
            yield kind
            yield from kinds(kind)


DECLARATIONS = sorted({kind for kind in kinds() if kind.__name__ not in ABSTRACT}, key=lambda kind: kind.__name__)
FIELDS = [(kind, field) for kind in DECLARATIONS for field in msgspec.structs.fields(kind)]


def arms(kind: Any) -> Iterator[Any]:
    """The alternatives of an annotation, without their union."""
    if get_origin(kind) not in (Union, types.UnionType):
        yield kind
        return
    for arm in get_args(kind):
        yield from arms(arm)


def wrong_values(kind: Any) -> Iterator[Any]:
    """Values that an annotation does not allow: of other types, and just outside of the range."""
    yield from (object(), 3.5j, b"bytes", [object()])
    parts = [*arms(kind)]
    plain = [get_args(part)[0] if get_origin(part) is Annotated else part for part in parts]
    if bool not in plain:
        yield True
    if str not in plain and not any(get_origin(part) is Literal for part in plain):
        yield "text"
    if any(get_origin(part) in (tuple, Sequence) for part in plain):
        yield ["a", object()]
    if type(None) not in plain:
        yield None
    for part in parts:
        if get_origin(part) is Literal:
            yield "no such choice"
        for meta in get_args(part)[1:] if get_origin(part) is Annotated else ():
            yield from outside(meta)
        if float in plain:
            yield from (math.nan, math.inf, -math.inf)


def outside(meta: msgspec.Meta) -> Iterator[Any]:
    yield from [meta.ge - 1] if meta.ge is not None else []
    yield from [meta.gt, meta.gt - 1] if meta.gt is not None else []
    yield from [meta.le + 1] if meta.le is not None else []
    yield from [""] if meta.min_length else []


@pytest.mark.parametrize(
    ("kind", "field"), FIELDS, ids=lambda each: getattr(each, "__name__", getattr(each, "name", ""))
)
def test_a_wrong_value_is_refused_with_a_line_that_names_the_field(kind: type[Declaration], field: Any) -> None:
    valid = VALID.get(kind.__name__, {})
    kind(**valid)
    for value in wrong_values(field.type):
        with pytest.raises(SettingsError) as caught:
            kind(**{**valid, field.name: value})
        said = str(caught.value)
        assert f"{kind.__name__}.{field.name}" in said, (value, said)
        assert "; it takes " in said
        assert "\n" not in said


@pytest.mark.parametrize("kind", DECLARATIONS, ids=lambda kind: kind.__name__)
def test_an_unknown_or_missing_field_is_refused_with_one_line(kind: type[Declaration]) -> None:
    valid = VALID.get(kind.__name__, {})
    with pytest.raises(SettingsError, match=rf"^{kind.__name__} has no field 'no_such'; it takes "):
        kind(**valid, no_such=1)
    for field in msgspec.structs.fields(kind):
        if field.required:
            with pytest.raises(SettingsError, match=rf"^{kind.__name__}: Missing required argument '{field.name}'"):
                kind(**{name: value for name, value in valid.items() if name != field.name})


texts = st.sampled_from(["", "a", "gzip", "text", "GET"])
scalars = st.none() | st.booleans() | st.integers(-3, 20_000) | st.floats() | texts
values = st.recursive(
    scalars | st.sampled_from([SECRET, Cursor(at="a", parameter="b")]),
    lambda inner: st.lists(inner, max_size=2).map(tuple) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=examples(200))
@given(st.sampled_from(FIELDS), values)
def test_what_typeguard_refuses_is_refused(field: tuple[Any, Any], value: Any) -> None:
    kind = field[1].type
    try:
        typeguard.check_type("value", value, kind)
    except TypeError:
        with pytest.raises(_Wrong):
            _valid(value, kind)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: source(shedule="rate(1 day)"), "ApiSource has no field 'shedule'; did you mean 'schedule'"),
        (lambda: source(headers={"X-Key": 5}), "ApiSource.headers[…] is of type int; it takes a mapping of"),
        (lambda: source(headers={"X-Key": "a\r\nb"}), "ApiSource.headers[…] is not allowed; it takes a mapping of"),
        (lambda: Operation(run="f", summary="", reads=("*",)), "Operation.run is a str; it takes a function"),  # type: ignore[arg-type] # that is what is wrong
        (lambda: Operation(run=len, summary="", reads="*"), 'as in ("name",): the comma makes the sequence'),  # type: ignore[arg-type] # that is what is wrong
        (
            lambda: Recurring(operation="o", most_objects=1, most_dollars=1, schedule="rate(1 days)"),
            "Recurring.schedule",
        ),
        (lambda: Bearer(token="abcdefgh"), "Bearer.token is a str; it takes a Secret"),  # type: ignore[arg-type] # as below
        (lambda: NextFromAnswer(absent="stop"), "NextFromAnswer.absent is 'stop'; it takes 'fail' or 'end'"),  # type: ignore[arg-type] # that is what is wrong
    ],
)
def test_the_line_says_what_to_do(made: Any, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        made()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers"),
        ({"headers": {"host": "other"}}, "headers"),
        ({"headers": {"Content-Length": "5"}}, "headers"),
        ({"headers": {"authorization": "x"}, "authentication": Bearer(token=SECRET)}, "headers"),
        ({"headers": {"x-key": "x"}, "authentication": HeaderKey(header="X-Key", key=SECRET)}, "headers"),
        ({"parameters": {"page": "0"}, "pagination": PageNumber()}, "parameters"),
        ({"parameters": {"key": "0"}, "authentication": QueryKey(parameter="key", key=SECRET)}, "parameters"),
        ({"authentication": HeaderKey(header="Host", key=SECRET)}, "authentication"),
        ({"pagination": Cursor(at="n", to_header="Host")}, "pagination"),
        (
            {"pagination": Cursor(at="n", to_header="authorization"), "authentication": Bearer(token=SECRET)},
            "pagination",
        ),
        ({"pagination": Cursor(at="n", to_header="after"), "headers": {"After": "1"}}, "pagination"),
        (
            {"pagination": Cursor(at="n", parameter="k"), "authentication": QueryKey(parameter="k", key=SECRET)},
            "pagination",
        ),
        ({"pagination": PageNumber(), "since": Newest(parameter="page", field="at")}, "pagination"),
        (
            {"pagination": Cursor(at="n", parameter="to"), "since": Since(parameter="from", until="to", first=FIRST)},
            "pagination",
        ),
        ({"format": "csv"}, "records"),
        ({"format": "jsonl", "pagination": Pagination()}, "records"),
        ({"single": True, "pagination": PageNumber()}, "pagination"),
        ({"single": True, "pagination": LinkHeader()}, "pagination"),
        (
            {
                "format": "csv",
                "records": "",
                "pagination": Pagination(),
                "transform": Transform(keep={"year": (2026,)}),
            },
            "transform",
        ),
        ({"base_url": "https://host:port"}, "base_url"),
        ({"base_url": "https://host:99999"}, "base_url"),
        ({"base_url": "https://host\0"}, "base_url"),
        ({"prefix": "a/../b"}, "prefix"),
        ({"prefix": "."}, "prefix"),
        ({"prefix": "a\n"}, "prefix"),
    ],
)
def test_what_would_be_passed_over_in_silence_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError, match=rf"^ApiSource\.{field} is .*; it takes "):
        source(**fields)


@pytest.mark.parametrize("name", ["*", "prod/*", "a?", "a b", "a\n", "${aws:username}", ""])
def test_a_secret_by_which_a_function_could_read_others_is_refused(name: str) -> None:
    for made in (Secret, lambda secret: TableSource(secret=secret, table="t", schedule="rate(1 day)")):
        with pytest.raises(SettingsError, match=r"it takes the name or ARN of a secret"):
            made(name)
    Secret("arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-AbCdEf")


def test_a_rule_that_leaves_out_every_page_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^Rule\.statuses is .*other statuses than 200"):
        Rule(act="ignore", statuses=(200, 404))


def patterns(kind: Any) -> Iterator[str]:
    """The patterns in an annotation."""
    for part in get_args(kind):
        if isinstance(part, msgspec.Meta):
            yield from [part.pattern] if part.pattern else []
        else:
            yield from patterns(part)


STRUCTS: list[type[msgspec.Struct]] = [*DECLARATIONS, Settings, Inventory, ExistingBucket, Alarms, Database, Retention]
PATTERNS = sorted({each for kind in STRUCTS for field in msgspec.structs.fields(kind) for each in patterns(field.type)})


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_takes_a_line_end_at_the_end(pattern: str) -> None:
    """`$` of Python matches before a line end at the end; `\\Z` does not."""
    assert not re.search(r"(?<!\\)\$\Z", pattern), pattern


@pytest.mark.parametrize("place", ["base_url", "headers", "parameters", "authentication", "body"])
def test_no_value_that_may_be_a_secret_is_shown(place: str) -> None:
    wrong: dict[str, Any] = {
        "base_url": "https://user:hunter2@host",
        "headers": {"Authorization": ["hunter2"]},
        "parameters": {"key": {"hunter2": 1}},
        "authentication": "hunter2",
        "body": {"key": {"hunter2"}},
    }
    with pytest.raises(SettingsError) as caught:
        source(**{place: wrong[place]})
    assert "hunter2" not in str(caught.value)


def structs(kind: type[msgspec.Struct], path: str = "") -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(kind):
        if field.name in ("stage", "target") and not path:
            continue
        yield f"{path}{field.name}", field.type
        for part in arms(field.type):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield from structs(part, f"{path}{field.name}.")


@pytest.mark.parametrize(("path", "kind"), [*structs(Settings)], ids=lambda each: each if isinstance(each, str) else "")
def test_a_wrong_setting_is_refused_with_a_line_that_names_the_key(path: str, kind: Any) -> None:
    for value in wrong_values(kind):
        if value is None and type(None) in [*arms(kind)]:
            continue
        given: Any = value
        for name in reversed(path.split(".")):
            given = {name: given}
        with pytest.raises(SettingsError) as caught:
            load({"stages": {"dev": given}})
        assert path.rpartition(".")[2] in str(caught.value)
