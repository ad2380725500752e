"""No spelling of a secret passes: each is made by the encoder that a third party would use."""

import base64
import html
import io
import json
import re
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade import masking
from brigade.errors import InvalidData
from brigade.ingest.declare.pagination import Pagination
from brigade.ingest.declare.request import Response
from brigade.ingest.read.decode import decode_page
from brigade.jsonl import Stamp
from brigade.masking import MASK, MaskedStream, holds_secret, mask, masked, register, register_fields
from tests.unit.ingest.api import source
from tests.unit.leaks import MARK, SECRET, leaks, spellings


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_values", set())


@pytest.mark.parametrize("how", spellings())
def test_every_spelling_is_masked_and_the_text_around_it_stays(how: str) -> None:
    text = f"refused: {spellings()[how]} (status 403)"
    assert leaks(text), "the judge finds it"
    register(SECRET)
    assert not leaks(mask(text))
    assert mask(text).startswith("refused: ")
    assert mask(text).endswith(" (status 403)")
    assert mask(mask(text)) == mask(text)


@given(
    value=st.text(min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8 and text.isprintable()),
    before=st.text(alphabet="abc :/?&=", max_size=5),
    after=st.text(alphabet="abc :/?&=", max_size=5),
)
def test_whatever_the_value_no_encoder_of_the_library_gets_it_past(value: str, before: str, after: str) -> None:
    masking._values.clear()
    register(value)
    value = value.strip()
    encoders = (
        str, quote, quote_plus, html.escape, json.dumps, lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps(json.dumps(text)), repr, lambda text: repr(text.encode()),
        lambda text: quote(text, safe=""), lambda text: quote(quote(text, safe=""), safe=""),
        lambda text: " ".join(text.split()), lambda text: "/".join(quote(text, safe="").split("/")),
    )  # fmt: skip
    for encode in encoders:
        spelled = encode(value).strip("\"'")
        assert spelled not in mask(f"{before}{encode(value)}{after}") or spelled in before + MASK + after


@given(value=st.text(min_size=12, max_size=40).filter(lambda text: text == text.strip()), user=st.text(max_size=5))
def test_a_password_in_basic_credentials_is_masked_whatever_the_user(value: str, user: str) -> None:
    masking._values.clear()
    register(value)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(f"{user}:{value}".encode()).decode()
        rest = re.sub(MASK, "", mask(f"Basic {text}!"))
        assert len(rest) <= len("Basic !") + len(f"{user}:".encode()) * 4 // 3 + 4


def test_a_value_of_three_characters_is_left_alone() -> None:
    register("dev")
    register("abcd")
    assert mask("the stage dev of abcd") == f"the stage dev of {MASK}"


def test_a_long_value_that_is_cut_is_masked_as_far_as_it_goes() -> None:
    token = base64.urlsafe_b64encode(bytes(range(250)) * 4).decode()
    register(token)
    assert mask(f"token {token} refused") == f"token {MASK} refused"
    assert mask(f"token {token[:200]}… refused") == f"token {MASK}… refused"


@pytest.mark.parametrize("before", range(60))
@pytest.mark.parametrize(
    ("template", "changes"),
    [
        (b"%s", {}),
        (b'{"%s":[]}', {}),
        (b'{"rows":["%s"]}', {}),
        (b"%s|b\n", {"format": "csv", "records": ""}),
        (b"%s,1\n", {"format": "csv", "records": ""}),
        (b"<%s>\n", {"format": "csv", "records": ""}),
    ],
)
def test_what_an_error_quotes_of_an_answer_is_masked_before_it_is_cut(
    before: int, template: bytes, changes: dict[str, Any]
) -> None:
    register("Zq7xW9vB2kPm4Tn8")
    declared = source(pagination=Pagination(), **changes)
    body = template % (b"x" * before + b"Zq7xW9vB2kPm4Tn8")
    with pytest.raises(InvalidData) as raised:
        [*Stamp("2026-11-22", "t").lines(decode_page(declared, Response(body, {}, ""), "page 1"))]
    assert "Zq" not in mask(str(raised.value))


def test_the_lines_of_a_key_are_masked_folded_or_not() -> None:
    key = f"-----BEGIN KEY-----\nabcdef\n{MARK}\n-----END KEY-----\n"
    register(key)
    for text in (key, " ".join(key.split()), json.dumps(key), key.replace("\n", "\r\n"), quote(key)):
        assert MARK not in mask(text)


def test_a_scheme_in_front_of_a_value_is_not_a_part_of_it() -> None:
    register(f"Bearer {MARK}")
    assert mask(f"Invalid token {MARK}") == f"Invalid token {MASK}"


def test_of_a_databases_secret_all_but_where_it_is_and_who_logs_in_is_masked() -> None:
    register_fields(
        {"engine": "postgres", "host": "db.internal", "port": 5432, "username": "reader"}
        | {"password": SECRET, "more": {"pin": "pin-1234"}}
    )
    assert mask("reader at db.internal (postgres)") == "reader at db.internal (postgres)"
    assert not leaks(mask(f"postgresql://reader:{quote(SECRET, safe='')}@db.internal/"))
    assert mask("pin-1234") == MASK


def test_a_document_is_masked_to_its_leaves_and_numbers_stay() -> None:
    register(SECRET)
    register("1234")
    document = {"a": [SECRET, 1234, None, True, (1.5, SECRET)], SECRET: ValueError(SECRET)}
    assert masked(document) == {"a": [MASK, 1234, None, True, [1.5, MASK]], MASK: MASK}


def test_only_what_cannot_be_chance_is_said_to_hold_a_secret() -> None:
    register("2026")
    register(SECRET)
    assert not holds_secret("/items?from=2026-11-22")
    assert holds_secret(f"/items?key={quote(SECRET)}")


def test_a_stream_masks_what_is_written_to_it_and_is_else_the_same() -> None:
    register(SECRET)
    inner = io.StringIO()
    stream = MaskedStream(inner)
    print("refused", SECRET, file=stream)
    stream.writelines(iter([SECRET, "\n"]))
    assert inner.getvalue() == f"refused {MASK}\n{MASK}\n"
    assert stream.isatty() is False


def test_no_text_takes_long_however_many_secrets_there_are() -> None:
    for number in range(5):
        register(f"{SECRET}{number}" * 3)
    mask("compile")
    for text in ("x" * 100_000, "\\" * 20_000, "%25" * 20_000, base64.b64encode(bytes(60_000)).decode()):
        began = time.process_time()
        mask(text)
        assert time.process_time() - began < 20
