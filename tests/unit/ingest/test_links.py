"""The Link header: written by the grammar of RFC 8288 at random, and read as another library reads it."""

import string
from typing import TypeAlias

import httplink
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from brigade.errors import InvalidData
from brigade.ingest.declare.links import next_target, parse_links

Made: TypeAlias = tuple[str, list[tuple[str, list[str], dict[str, str | None]]]]
TOKEN = "".join(sorted({*string.ascii_letters, *string.digits, *"!#$%&*+-.^_`|~"}))
spaces = st.sampled_from(["", " ", "\t", "  "])
tokens = st.text(TOKEN, min_size=1, max_size=8)
targets = st.text(string.ascii_letters + string.digits + "/?&=%;,.:", min_size=1, max_size=20)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
relations = st.lists(st.sampled_from(["next", "prev", "NEXT", "first", "nextish", "https://rel/next"]), max_size=3)


@st.composite
def parameters(draw: st.DrawFn) -> tuple[str, str | None, str]:
    """A name, its value, and how it is written."""
    name = draw(tokens.filter(lambda text: text.lower() not in ("rel", "anchor") and not text.endswith("*")))
    gap, form = draw(spaces), draw(st.sampled_from(["none", "token", "quoted"]))
    if form == "none":
        return name, None, f"{draw(spaces)};{gap}{name}"
    value = draw(tokens) if form == "token" else draw(texts)
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    written = value if form == "token" else f'"{quoted}"'
    return name, value, f"{draw(spaces)};{gap}{name}{draw(spaces)}={draw(spaces)}{written}"


@st.composite
def headers(draw: st.DrawFn) -> Made:
    """A header, and the target, the relations and the other parameters of each link in it."""
    written, links = [], []
    for _ in range(draw(st.integers(1, 4))):
        target, rels, others = draw(targets), draw(relations), draw(st.lists(parameters(), max_size=3))
        rel = f'; rel="{" ".join(rels)}"' if len(rels) != 1 or draw(st.booleans()) else f";rel={rels[0]}"
        before = draw(st.integers(0, len(others)))
        texts_of = [text for _, _, text in others]
        written.append(f"<{target}>{''.join([*texts_of[:before], rel, *texts_of[before:]])}")
        known: dict[str, str | None] = {}
        for name, value, _ in others:
            known.setdefault(name.lower(), value)
        links.append((target, [each.lower() for each in rels], known))
    separator = draw(st.sampled_from([",", ", ", " ,\t", ",,", ", ,"]))
    return separator.join(written), links


@given(headers())
def test_a_header_of_the_grammar_is_read_as_it_was_written(made: Made) -> None:
    header, links = made
    found = parse_links(header, "page 1")
    assert [link.target for link in found] == [target for target, _, _ in links]
    assert [[*link.relations] for link in found] == [rels for _, rels, _ in links]
    for link, (_, _, known) in zip(found, links, strict=True):
        assert {name: value for name, value in link.parameters.items() if name != "rel"} == known


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(headers())
def test_another_library_finds_the_same_next_page(made: Made) -> None:
    header, _ = made
    try:
        links = httplink.parse_link_header(header).links
    except ValueError:  # it wants a value of each parameter, and a relation of each link
        assume(False)
    theirs = [link.target for link in links if "next" in {rel.lower() for rel in link.rel}]
    assert [link.target for link in parse_links(header, "p") if "next" in link.relations] == theirs


URL = "https://api.example/v1/records?page=1"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<u>; crossorigin; rel="next"', "u"),
        ('<u>; title="see; rel=prev"; rel="next"', "u"),
        ("<u>; rel='next'", "u"),
        ("<u>; rel='prev next'", "u"),
        ("<a,b;c>; rel=next", "a,b;c"),
        ('<u>; rel="prev NEXT"', "u"),
        ('<a>; rel="prev", <b>; REL=next', "b"),
        ("<a>; rel=prev; rel=next", None),
        ('<a>; rel="prev"', None),
        ("", None),
        ('<u>; rel=next; anchor=""', "u"),
        (f'<u>; rel=next; anchor="{URL}"', "u"),
        ('<a>; rel=next; anchor="/other", <u>; rel=next', "u"),
        ("<u>; rel=next, <u>; rel=next", "u"),
        ('<broken; rel="prev"', None),
        ("<>; rel=next", ""),
        ("<u>; rel=https://rel.example/next", None),
    ],
)
def test_the_next_page(header: str, target: str | None) -> None:
    assert next_target(header, URL, "page 1") == target


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ('u; rel="next"', "page 1: the header Link cannot be read from character 1 of 13 on"),
        ('<u; rel="next"', "page 1: the header Link cannot be read"),
        ('<u>; rel="next', "page 1: the header Link cannot be read"),
        ('<u> rel="next"', "page 1: the header Link cannot be read from character 5"),
        ("<a>; rel=next, <b>; rel=next", "page 1: the header Link names 2 different next pages"),
        ('<a>; rel=next; anchor="/other"', "names the next page of another resource only"),
    ],
)
def test_what_names_a_next_page_and_cannot_be_read_fails(header: str, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        next_target(header, URL, "page 1")
