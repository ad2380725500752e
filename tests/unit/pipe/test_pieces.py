"""The pieces of a pipe with bytes alone."""

import hashlib
import random
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import InvalidData, UsageError
from brigade.pipe.attributes import check_attributes, content_headers, parse_pairs, parse_tags, read_customer_key
from brigade.pipe.expectation import Expectation
from brigade.pipe.read import ByteRange
from brigade.pipe.throttle import format_size as shown
from brigade.pipe.units import parse_age, parse_size
from brigade.pipe.writer import MEMORY, plan_parts
from brigade.streams import fetch_in_order

MIB = 2**20


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 5))
def test_ranges_come_in_order_and_never_more_than_a_window(end: int, block: int, threads: int) -> None:
    held, most, lock = 0, 0, threading.Lock()

    def fetch(position: int, buffer: memoryview) -> None:
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        buffer[:] = bytes((position + offset) % 251 for offset in range(len(buffer)))

    got = bytearray()
    for part in fetch_in_order(fetch, 0, end, block=block, threads=threads):
        got += part
        with lock:
            held -= 1
    assert bytes(got) == bytes(number % 251 for number in range(end))
    assert most <= threads + 1


def test_an_error_in_a_range_comes_in_its_place() -> None:
    def fetch(position: int, buffer: memoryview) -> None:
        time.sleep(random.Random(position).random() / 100)
        if position == 30:
            raise InvalidData("here")

    given_: list[int] = []
    with pytest.raises(InvalidData, match="here"):
        given_.extend(len(block) for block in fetch_in_order(fetch, 0, 100, block=10, threads=4))
    assert given_ == [10, 10, 10]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("5", 5),
        ("64MiB", 64 * MIB),
        ("100MB", 10**8),
        ("1.5k", 1500),
        ("2gi", 2**31),
        ("10MB/s", 10**7),
        (str(2**53 + 1), 2**53 + 1),
    ],
)
def test_sizes(text: str, meant: int) -> None:
    assert parse_size(text) == meant


@pytest.mark.parametrize("text", ["", "x", "1x", "-1", "MiB", "1.5"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)
    with pytest.raises(UsageError):
        parse_age(text)


def test_ages_and_what_is_shown() -> None:
    assert [parse_age(text) for text in ("90s", "30m", "12h", "1d", "2w")] == [90, 1800, 43200, 86400, 1209600]
    assert [shown(count) for count in (5, 2048, 1.5 * 2**30, 2**41)] == ["5 B", "2.0 KiB", "1.5 GiB", "2.00 TiB"]


@given(st.binary(max_size=9000), st.integers(1, 500))
def test_an_expectation_holds_however_the_stream_is_cut(data: bytes, step: int) -> None:
    trailer = data[-5:-1]
    watch = Expectation(size=len(data), trailer=trailer or None, digest=True)
    for start in range(0, len(data), step):
        watch.update(memoryview(data)[start : start + step])
    watch.check()
    late = Expectation(trailer=b"\0no such bytes\0")
    late.update(memoryview(data))
    with pytest.raises(InvalidData, match="cut short"):
        late.check()


@pytest.mark.parametrize("size", [4, 6])
def test_an_input_of_another_size_or_digest_is_refused(size: int) -> None:
    with pytest.raises(InvalidData, match=f"the {size} (bytes )?expected; nothing was published"):
        _feed(Expectation(size=size))
    _feed(Expectation(size=5, sha256=hashlib.sha256(b"input").hexdigest().upper()))
    with pytest.raises(InvalidData, match=r"SHA-256 is .* expected; nothing was published"):
        _feed(Expectation(sha256=hashlib.sha256(b"another").hexdigest()))


def _feed(watch: Expectation) -> None:
    watch.update(memoryview(b"input"))
    watch.check()


def test_spans() -> None:
    assert ByteRange(offset=5, length=3).of(10) == (5, 8)
    assert ByteRange(offset=50).of(10) == (10, 10)
    assert ByteRange(tail=3).of(10) == (7, 10)
    assert ByteRange(tail=30).of(10) == (0, 10)


def test_what_fits_the_memory() -> None:
    buffers, first = plan_parts(MEMORY)
    assert 7 * first <= buffers < MEMORY
    with pytest.raises(UsageError, match="67 MiB"):
        plan_parts(60 * MIB)


def test_content_of_keys() -> None:
    assert content_headers("a/b.json", None, None) == {"ContentType": "application/json"}
    assert content_headers("b", None, None) == {"ContentType": "binary/octet-stream"}
    assert content_headers("b.sql.gz", None, "gzip") == {"ContentType": "application/gzip"}
    assert content_headers("b.gz", None, "zstd") == {"ContentType": "application/gzip", "ContentEncoding": "zstd"}
    assert content_headers("b.txt", "x/y", "zstd") == {"ContentType": "x/y", "ContentEncoding": "zstd"}


def test_tags_metadata_and_keys() -> None:
    assert parse_tags(["a b=c&d"]) == "a%20b=c%26d"
    assert parse_pairs(["a=b=c"], "--metadata") == {"a": "b=c"}
    assert read_customer_key("A" * 32)["SSECustomerKey"] == b"A" * 32
    with pytest.raises(UsageError):
        parse_tags([f"{number}=x" for number in range(11)])


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"Metadata": {"a b": "c"}}, "metadata name 'a b'"),
        ({"Metadata": {"a:b": "c"}}, "metadata name 'a:b'"),
        ({"Metadata": {"": "c"}}, "metadata name ''"),
        ({"Metadata": {"A": "1", "a": "2"}}, "differ only by case"),
        ({"Metadata": {"brigade-write": "1"}}, "is reserved"),
        ({"Metadata": {"Brigade-Write": "1"}}, "is reserved"),
        ({"Metadata": {"a": "\u00e4"}}, "not printable ASCII"),
        ({"Metadata": {"a": "b\r\nx-amz-acl: public-read"}}, "not printable ASCII"),
        ({"Metadata": {"a": " b"}}, "starts or ends with a blank"),
        ({"ContentType": "text/plain\r\nx-amz-acl: public-read"}, r"ContentType has the control character U\+000D"),
        ({"SSEKMSKeyId": "key\n"}, r"SSEKMSKeyId has the control character U\+000A"),
        ({"StorageClass": "STANDARD\t"}, r"StorageClass has the control character U\+0009"),
    ],
)
def test_what_a_header_cannot_carry_is_refused(attributes: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_attributes(attributes)


@pytest.mark.parametrize("value", ["a=1 a=2", "a b", "=x"])
def test_pairs_that_are_none_or_twice_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="--metadata"):
        parse_pairs(value.split(" "), "--metadata")


@pytest.mark.parametrize("tag", ["a\n=b", "a=b\r", "a" * 129 + "=b", "a=" + "b" * 257])
def test_tags_that_s3_does_not_take_are_refused(tag: str) -> None:
    with pytest.raises(UsageError, match="tag"):
        parse_tags([tag])
