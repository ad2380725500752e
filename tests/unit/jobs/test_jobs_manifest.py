import csv
import fnmatch
import io
from urllib.parse import unquote_plus

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brigade.errors import BrigadeError, InvalidData, UsageError
from brigade.jobs.manifest import ObjectColumns, read_manifest, write_manifest
from brigade.jobs.row import ManifestRow, decode_key, encode_key
from brigade.jobs.selection import select_keys

CHARACTERS = st.characters(codec="utf-8")
KEYS = st.text(CHARACTERS, min_size=1, max_size=100)


def written(rows: list[ManifestRow], bucket: str = "lake") -> bytes:
    out = io.BytesIO()
    write_manifest(rows, bucket, out.write)
    return out.getvalue()


@given(KEYS)
@example("a+b c%20d=e,f\"g'h\ni\rj\tk/../l//🪣é")
@example("\x00\x7f\ufeff")
def test_any_key_comes_back_exactly(key: str) -> None:
    content = written([ManifestRow("lake", encode_key(key))])
    (row,) = csv.reader(io.StringIO(content.decode(), newline=""))
    assert unquote_plus(row[1], errors="strict") == key
    assert list(read_manifest([content], "m.csv")) == [ManifestRow("lake", encode_key(key))]


@given(st.lists(st.tuples(KEYS, st.sampled_from(["null", "3HL4kqtJlcpXroDTDmJ_rmSpXd3dIbrHY.-"])), min_size=1))
def test_columns_make_the_lines_that_rows_make(objects: list[tuple[str, str]]) -> None:
    names, ids = [key for key, _ in objects], [version for _, version in objects]
    buckets, keys, sizes = pa.array(["lake"] * len(names)), pa.array(names), pa.array(range(len(names)), pa.int64())
    for versions in (None, ids):
        rows = [
            ManifestRow("lake", encode_key(key), versions[n] if versions else None, n) for n, key in enumerate(names)
        ]
        columns = ObjectColumns(buckets, keys, None if versions is None else pa.array(versions), sizes)
        by_rows, by_columns = io.BytesIO(), io.BytesIO()
        assert write_manifest(rows, "lake", by_rows.write) == write_manifest([columns], "lake", by_columns.write)
        assert by_columns.getvalue() == by_rows.getvalue()


def test_a_key_that_is_too_long_when_encoded_is_refused_before_the_job() -> None:
    key = "é" * 171
    with pytest.raises(UsageError, match=r"'éé.*1026 characters when encoded; S3 accepts 1024"):
        write_manifest([ManifestRow("lake", encode_key(key))], "lake", len)
    columns = ObjectColumns(pa.array(["lake"] * 2), pa.array(["k" * 1024, key]), None, None)
    with pytest.raises(UsageError, match="1026 characters when encoded"):
        write_manifest([columns], "lake", len)


def test_columns_of_another_bucket_and_of_unknown_size() -> None:
    def columns(*buckets: str, sizes: list[int | None]) -> ObjectColumns:
        return ObjectColumns(pa.array(buckets), pa.array(["k"] * len(buckets)), None, pa.array(sizes, pa.int64()))

    with pytest.raises(UsageError, match="object 4 is in bucket 'other'"):
        write_manifest([columns("lake", "lake", sizes=[1, 2]), columns("lake", "other", sizes=[1, 2])], "lake", len)
    assert write_manifest([columns("lake", sizes=[None])], "lake", len).bytes is None


@given(KEYS)
def test_an_encoded_key_needs_no_quotes_and_has_its_slashes(key: str) -> None:
    text = encode_key(key)
    assert not set(text) & set(' ,"\n\r')
    assert text.isascii()
    assert text.count("/") == key.count("/")
    assert decode_key(text) == key


@given(st.lists(st.text(CHARACTERS, min_size=1).filter(lambda t: t == t.strip())))
def test_foreign_key_text_is_carried_byte_for_byte(texts: list[str]) -> None:
    """A retry writes what the report has, however it was encoded: %20, raw commas, quotes, newlines."""
    rows = [ManifestRow("lake", text) for text in texts]
    if not rows:
        return
    parsed = csv.reader(io.StringIO(written(rows).decode(), newline=""))
    assert [record[1] for record in parsed] == texts


def test_versions_are_for_all_rows_or_none_and_null_where_empty() -> None:
    assert written([ManifestRow("lake", "a", "v1"), ManifestRow("lake", "b", "null")]) == b"lake,a,v1\nlake,b,null\n"
    with pytest.raises(UsageError, match=r"object 2: .*every object or for none"):
        written([ManifestRow("lake", "a", "v1"), ManifestRow("lake", "b")])
    assert [row.version_id for row in read_manifest([b"lake,a,v1\nlake,b,\n"], "m")] == ["v1", "null"]


def test_the_summary_counts_and_samples() -> None:
    rows = [ManifestRow("lake", encode_key(f"k {n}"), size=n) for n in range(100)]
    summary = write_manifest(rows, "lake", len)
    assert (summary.objects, summary.bytes, summary.versions) == (100, 4950, False)
    assert summary.samples == [f"k {n}" for n in range(10)]
    assert write_manifest([*rows, ManifestRow("lake", "unknown")], "lake", len).bytes is None


def test_nothing_selected_and_another_bucket_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing is selected"):
        written([])
    with pytest.raises(UsageError, match="object 2 is in bucket 'other', but the job is for 'lake': set --bucket"):
        written([ManifestRow("lake", "a"), ManifestRow("other", "b")])


def test_blocks_are_bounded() -> None:
    sizes: list[int] = []
    write_manifest(
        (ManifestRow("lake", "k" * 1000) for _ in range(3000)), "lake", lambda block: sizes.append(len(block))
    )
    assert sum(sizes) == 3000 * 1006
    assert max(sizes) < 1024 * 1024 + 1006


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbflake,a\n", "line 1: the file starts with a byte order mark"),
        (b"Bucket,Key\nlake,a\n", "line 1: a header"),
        (b'"bucket","key"\nlake,a\n', "line 1: a header"),
        (b"lake,a\n\nlake,b\n", "line 2: the line is blank"),
        (b"lake,a\n \n", "line 2: the line is blank"),
        (b"lake,a\nlake,b,v\n", "line 2: 3 columns"),
        (b"lake\n", "line 1: 1 columns"),
        (b"lake,a,v,true\n", "line 1: 4 columns"),
        (b"lake,\n", "line 1: a key of 0 characters"),
        (b"lake," + b"k" * 1025 + b"\n", "line 1: a key of 1025 characters"),
        (b"lake,a \n", "line 1: a space before or after the key"),
        (b"lake,a%FF\n", "line 1: the key .* is not UTF-8"),
        (b"lake,a\nlake,\xff\n", "line 2: not UTF-8"),
        (b'lake,"a\n', "not CSV"),
        (b'lake,"a"b\n', "line 1: not CSV"),
        (b"\x1f\x8b\x08\x00", "not UTF-8"),
        (b"x" * 3_000_000, "longer than"),
    ],
)
def test_a_given_manifest_that_s3_would_refuse_is_refused_by_line(content: bytes, said: str) -> None:
    pieces = [content[at : at + 1000] for at in range(0, len(content), 1000)]
    with pytest.raises(BrigadeError, match=said) as caught:
        list(read_manifest(pieces, "s3://b/m.csv"))
    assert "\n" not in str(caught.value)


def test_a_given_manifest_may_be_quoted_end_anyhow_and_come_in_any_pieces() -> None:
    content = '"lake","a,b"\r\n"lake","c""d"\r\nlake,é'.encode()
    for size in (1, 3, 1000):
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        assert [row.key_text for row in read_manifest(pieces, "m")] == ["a,b", 'c"d', "é"]


def test_lists_of_keys_are_taken_as_they_are() -> None:
    lines = [b"plain\n", b" a+b%20 \r\n", b"other\tkey\twith tab\n", "🪣".encode()]
    rows = list(select_keys(lines, "lake", "stdin"))
    assert [(row.bucket, decode_key(row.key_text)) for row in rows] == [
        ("lake", "plain"),
        ("lake", " a+b%20 \r"),
        ("other", "key\twith tab"),
        ("lake", "🪣"),
    ]


@pytest.mark.parametrize(("line", "error"), [(b"\n", UsageError), (b"b\t\n", UsageError), (b"\xff\n", InvalidData)])
def test_a_line_without_a_key_is_named(line: bytes, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"keys\.txt, line 2"):
        list(select_keys([b"k\n", line], "lake", "keys.txt"))


READS = st.lists(st.text("ab/.é*?-_ ", min_size=1, max_size=6), min_size=1, max_size=3)


@given(READS, st.lists(st.text("ab/.é-_ \n", min_size=1, max_size=8), min_size=1, max_size=5))
def test_rows_and_columns_refuse_the_same_keys(reads: list[str], keys: list[str]) -> None:
    """Judged by the standard library's wildcards."""
    outside = [key for key in keys if not any(fnmatch.fnmatchcase(key, one) for one in reads)]
    parts = ObjectColumns(pa.array(["lake"] * len(keys)), pa.array(keys), None, None)
    for selected in ([ManifestRow("lake", encode_key(key)) for key in keys], [parts]):
        if not outside:
            assert write_manifest(selected, "lake", len, tuple(reads)).objects == len(keys)
            continue
        with pytest.raises(UsageError) as raised:
            write_manifest(selected, "lake", len, tuple(reads))
        assert f"may not read {outside[0]!r}" in str(raised.value)
