"""CSV answers: what Python's csv module writes is read back, and what is not the declared table is refused."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData, SettingsError
from brigade.ingest.declare.csv_format import Csv
from brigade.ingest.declare.pagination import LinkHeader, PageNumber, Pagination
from brigade.ingest.declare.request import Response
from brigade.ingest.declare.transform import Transform
from brigade.ingest.read.csv_rows import read_csv
from brigade.ingest.read.decode import decode_page
from brigade.ingest.read.pages import read_pages
from brigade.ingest.state.checkpoint import Checkpoint
from tests.unit.ingest.api import Answer, api, serving, source

fields = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
names = st.lists(st.text("abcü é", min_size=1, max_size=5), min_size=2, max_size=4, unique=True)


PLAIN = Csv()


def rows(body: bytes, declared: Csv = PLAIN, headers: dict[str, str] | None = None, size: int = 1 << 20) -> list[Any]:
    blocks: Iterator[bytes] = (body[at : at + size] for at in range(0, len(body), size))
    pages = read_csv(declared, blocks, headers or {}, "page 1")
    return [json.loads(bytes(raw)) for page in pages for raw in page.records]


@given(
    names,
    st.data(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(0, 2),
    st.booleans(),
)
def test_what_python_writes_is_read_back(
    columns: list[str],
    data: st.DataObject,
    delimiter: str,
    quote: str,
    encoding: str,
    end: str,
    quoting: int,
    skip: int,
    header: bool,
) -> None:
    row = st.fixed_dictionaries(dict.fromkeys(columns, fields))
    wanted = data.draw(st.lists(row, max_size=4))
    if any({*"\r\n"} & {*field} for each in wanted for field in each.values()):
        quoting = csv.QUOTE_ALL  # the module quotes a line end only if it is the writer's own
    text = io.StringIO()
    text.write(f"a comment{end}" * skip)
    writer = csv.DictWriter(
        text,
        columns,
        delimiter=delimiter,
        quotechar=quote,
        lineterminator=end,
        quoting=quoting,  # type: ignore[arg-type] # one of the module's constants
    )
    if header:
        writer.writeheader()
    writer.writerows(wanted)
    try:
        body = text.getvalue().encode(encoding)
    except UnicodeEncodeError:
        return
    declared = Csv(delimiter=delimiter, quote=quote, encoding=encoding, skip=skip, header=header, columns=columns)  # type: ignore[arg-type] # a list is taken too
    assert rows(body, declared, size=data.draw(st.integers(1, 9))) == wanted


def test_a_source_of_several_csv_pages_is_whole() -> None:
    def answer(number: int, query: dict[str, str]) -> Answer:
        page = int(query.get("page", "1"))
        lines = [f"{n},x{n}" for n in ((1, 2), (3, 4), ())[page - 1]]
        return Answer("\n".join(["id,name", *lines, ""]).encode(), headers={"Content-Type": "text/csv"})

    declared = source(format="csv", records="", pagination=PageNumber())
    with serving(answer) as server:
        steps = [*read_pages(declared, api(server, declared), Checkpoint(write="w", ts="t"))]
    assert [json.loads(bytes(raw))["id"] for step in steps for raw in step.page.records] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("resumed", [False, True])
def test_a_later_page_without_the_header_of_the_first_loses_no_row(resumed: bool) -> None:
    def answer(_: int, query: dict[str, str]) -> Answer:
        link = {"Link": '</records?page=2>; rel="next"'} if "page" not in query else {"Link": "</>; rel=first"}
        return Answer(b"name\nann\n" if "page" not in query else b"bob\ncem\n", headers=link)

    declared = source(format="csv", records="", pagination=LinkHeader())
    with serving(answer) as server:
        steps = read_pages(declared, api(server, declared), Checkpoint(write="w", ts="t"))
        first = next(steps)
        if resumed:
            kept = Checkpoint(write="w", ts="t", next=first.next, pages=1, met=first.met, columns=first.columns)
            steps = read_pages(declared, api(server, declared), kept)
        with pytest.raises(InvalidData, match=r"page 2 .*its columns are not those of the first page: 'bob'"):
            list(steps)


def test_a_field_of_more_than_131072_characters_is_read() -> None:
    assert rows(b"a,b\n1," + b"x" * 1_000_000 + b"\n") == [{"a": "1", "b": "x" * 1_000_000}]


@pytest.mark.parametrize(
    ("body", "declared", "headers", "said"),
    [
        (
            b"<html>\n",
            Csv(),
            {"Content-Type": "text/html; charset=utf-8"},
            "the answer is text/html by its Content-Type",
        ),
        (b'{"error":1}\n', Csv(), {"Content-Type": "application/json"}, "the answer is application/json by its"),
        (b'{"error":1}\n', Csv(), {"Content-Type": "application/problem+json"}, "is application/problem+json by"),
        (b"<html>\n", Csv(), {"Content-Type": "text/csv"}, "the response is not CSV: it starts with '<html>'"),
        (b"  <html>\n", Csv(), {}, "the response is not CSV"),
        (b'{"error":1}\n', Csv(), {}, "the response is not CSV"),
        (b"<html>\n", Csv(columns=("id",)), {}, "the header line has no 'id'; it has '<html>'"),
        (b"id,name,id\n1,2,3\n", Csv(), {}, "the header line has 'id' more than once"),
        (b"id,,x\n1,2,3\n", Csv(), {}, "column 2 has no name in the header line"),
        (b"id,name\n1,2\n1\n", Csv(), {}, "line 3 has 1 fields; there are 2 columns"),
        (b'id,name\n"1\n2",2\n1,2,3\n', Csv(), {}, "line 4 has 3 fields; there are 2 columns"),
        (b"c\nid,name\n1\n", Csv(skip=1), {}, "line 3 has 1 fields"),
        (b"id\n1\n\n3\n", Csv(), {}, "line 3 has 0 fields; there are 1 columns"),
        (b"id;name\n1;2\n", Csv(), {}, "the header line is one column, 'id;name'; declare the delimiter ';'"),
        (b"1,ann\n2,bob\n", Csv(), {}, "the header line has '1', as a record has"),
        (b"", Csv(), {}, "it is empty, without even a header line"),
        (b"id,name\n1,\xff\n", Csv(), {}, "is no CSV as it is declared: 'utf-8' codec can't decode"),
        ("id,name\n".encode("utf-16-le"), Csv(), {}, "it has a NUL character"),
        (b"id\n1\n", Csv(), {"Content-Type": "text/csv; charset=klingon"}, "names no known charset"),
        (b"1,2,3\n", Csv(header=False, columns=("a", "b")), {}, "line 1 has 3 fields; there are 2 columns"),
    ],
)
def test_what_is_not_the_declared_table_is_refused(
    body: bytes, declared: Csv, headers: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidData) as caught:
        rows(body, declared, headers)
    assert str(caught.value).startswith("page 1: ")
    assert said in str(caught.value)


def test_the_charset_of_the_content_type_counts_unless_an_encoding_is_declared() -> None:
    said = {"Content-Type": "text/csv; charset=ISO-8859-1"}
    assert rows("n\né\n".encode("latin-1"), headers=said) == [{"n": "é"}]
    assert rows("n\né\n".encode(), Csv(encoding="utf-8"), headers=said) == [{"n": "é"}]


@pytest.mark.parametrize(
    "change", [Transform(select=("idd",)), Transform(redact=("nam",)), Transform(rename={"x": "y"})]
)
def test_a_change_of_a_column_that_is_absent_is_refused(change: Transform) -> None:
    declared = source(format="csv", records="", pagination=Pagination(), transform=change)
    with pytest.raises(InvalidData, match="there is no column"):
        decode_page(declared, Response(b"id,name\n1,ann\n", {}, ""), "page 1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"header": False},
        {"columns": ("a", "a")},
        {"delimiter": ";;"},
        {"quote": ","},
        {"encoding": "base64"},
        {"skip": -1},
    ],
)
def test_an_impossible_table_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"^Csv\..* is .*; it takes "):
        Csv(**wrong)
