"""Addresses of objects."""

import pytest

from brigade.errors import UsageError
from brigade.s3 import Location


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://lake/a/b.gz", "lake", "a/b.gz"),
        ("s3://lake", "lake", ""),
        ("s3://lake/", "lake", ""),
        ("s3://lake//a//", "lake", "/a//"),
        ("s3://my.lake-1/a%20b+c?d#e\nключ", "my.lake-1", "a%20b+c?d#e\nключ"),
    ],
)
def test_the_key_is_all_behind_the_first_slash_as_it_is(uri: str, bucket: str, key: str) -> None:
    assert Location.parse(uri) == (bucket, key)
    assert Location.parse(str(Location(bucket, key))) == (bucket, key)


@pytest.mark.parametrize("uri", ["lake/a", "s3:/lake/a", "s3://", "s3:///a", "s3://L/a", "https://lake/a", "s3://no/a"])
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="it takes s3://bucket/key"):
        Location.parse(uri)
