"""The same bytes from a server, read by botocore and by us."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.judges.wires import Given, Judge

SPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
LEGAL = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.text(" +%&=~*/'\"<>\x00\r\n", min_size=1)
PLAIN = st.text(LEGAL, min_size=1, max_size=20)
ETAGS = st.sampled_from(['"0123456789abcdef"', '"e-3"', "no-quotes", '"&<>"'])
SIZES = st.integers(0, 2**50)
TIMES = st.datetimes().map(
    lambda when: f"{when:%Y-%m-%dT%H:%M:%S}.000Z" if when.year > 1900 else "2026-01-31T00:00:00Z"
)
ENCODERS = [lambda text: quote_plus(text, safe="/"), lambda text: quote(text, safe=""), quote]
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(MANY, max_examples=25)


@pytest.fixture(scope="module")
def judge(_one_try: None) -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()


def element(name: str, *inner: str) -> str:
    return f"<{name}>{''.join(inner)}</{name}>"


def texts(**values: Any) -> str:
    return "".join(element(name, escape(str(value))) for name, value in values.items())


def document(root: str, inner: str, *, namespace: bool = True, declared: bool = True) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n' if declared else ""
    return f"{head}<{root}{SPACE if namespace else ''}>{inner}</{root}>".encode()


@st.composite
def lists(draw: Any, root: str, item: str, fields: dict[str, Any]) -> tuple[bytes, list[str]]:
    """A page of a list as S3 and its like write it, and the keys that it holds."""
    encoder = draw(st.none() | st.sampled_from(ENCODERS))
    keys = draw(st.lists(KEYS if encoder else PLAIN, max_size=4))
    write = encoder or (lambda text: text)
    items = [
        element(
            item,
            texts(Key=write(key), **{name: draw(kind) for name, kind in fields.items()}),
            "<Owner><ID>o</ID></Owner>",
        )
        for key in keys
    ]
    more = draw(st.booleans())
    prefix = draw(KEYS if encoder else PLAIN)
    marker = draw(KEYS if encoder else PLAIN)
    top = texts(Name="bucket", Prefix=write(prefix), MaxKeys=1000, IsTruncated=str(more).lower(), Unknown="x")
    if encoder:
        top += texts(EncodingType="url")
    if root == "ListBucketResult":
        top += texts(KeyCount=len(keys), StartAfter=write(marker))
        top += texts(NextContinuationToken=draw(PLAIN)) if more else ""
    else:
        top += texts(KeyMarker=write(marker), NextKeyMarker=write(marker), NextUploadIdMarker=draw(PLAIN))
    # S3 writes the counts first and the items last, others the other way round.
    inner = "".join([top, *items] if draw(st.booleans()) else [*items, top])
    return document(root, inner, namespace=draw(st.booleans()), declared=draw(st.booleans())), keys


def same(ours: Any, theirs: Any, used: tuple[str, ...]) -> None:
    """Compare all that we return that is plain, and all that our callers read."""
    for name in {*used, *(name for name, value in ours.items() if isinstance(value, str | int))}:
        if name in theirs or name in used:
            assert ours.get(name) == theirs.get(name), name


@MANY
@given(page=lists("ListBucketResult", "Contents", {"Size": SIZES, "ETag": ETAGS, "LastModified": TIMES}))
def test_a_list_of_objects(judge: Judge, page: tuple[bytes, list[str]]) -> None:
    body, keys = page
    theirs, ours = judge("list_objects_v2", Given(200, {}, body))
    assert ours.document is not None
    assert theirs.document is not None
    same(ours.document, theirs.document, ("IsTruncated", "NextContinuationToken"))
    assert [each["Key"] for each in ours.document["Contents"]] == keys
    for mine, other in zip(ours.document["Contents"], theirs.document.get("Contents", []), strict=True):
        same(mine, other, ("Key", "Size", "ETag", "LastModified"))


@MANY
@given(page=lists("ListMultipartUploadsResult", "Upload", {"UploadId": PLAIN, "Initiated": TIMES}))
def test_a_list_of_uploads(judge: Judge, page: tuple[bytes, list[str]]) -> None:
    """Neither client asks for keys in percent form here, nor decodes them if a server says that they are."""
    theirs, ours = judge("list_multipart_uploads", Given(200, {}, page[0]))
    assert ours.document is not None
    assert theirs.document is not None
    same(ours.document, theirs.document, ("IsTruncated", "NextKeyMarker", "NextUploadIdMarker"))
    for mine, other in zip(ours.document["Uploads"], theirs.document.get("Uploads", []), strict=True):
        same(mine, other, ("Key", "UploadId", "Initiated"))


@FEW
@given(numbers=st.lists(st.integers(1, 10_000), max_size=4), more=st.booleans(), etag=ETAGS, size=SIZES)
def test_a_list_of_parts(judge: Judge, numbers: list[int], more: bool, etag: str, size: int) -> None:
    items = [element("Part", texts(PartNumber=number, ETag=etag, Size=size)) for number in numbers]
    top = texts(IsTruncated=str(more).lower(), NextPartNumberMarker=numbers[-1] if numbers else 0, Key="a+b%20")
    body = document("ListPartsResult", "".join([top, *items]))
    theirs, ours = judge("list_parts", Given(200, {}, body), Key="k", UploadId="u")
    assert ours.document is not None
    assert theirs.document is not None
    same(ours.document, theirs.document, ("IsTruncated", "NextPartNumberMarker"))
    for mine, other in zip(ours.document["Parts"], theirs.document.get("Parts", []), strict=True):
        same(mine, other, ("PartNumber", "ETag", "Size"))


WRITES: list[tuple[str, str, tuple[str, ...], dict[str, Any]]] = [
    ("create_multipart_upload", "InitiateMultipartUploadResult", ("UploadId",), {}),
    (
        "complete_multipart_upload",
        "CompleteMultipartUploadResult",
        ("ETag", "ChecksumCRC64NVME", "VersionId"),
        {"UploadId": "u", "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"e"'}]}},
    ),
    (
        "upload_part_copy",
        "CopyPartResult",
        ("ETag", "ChecksumCRC64NVME"),
        {"UploadId": "u", "PartNumber": 1, "CopySource": {"Bucket": "b", "Key": "k"}},
    ),
]
LISTS: list[tuple[str, str, tuple[str, ...], dict[str, Any]]] = [
    ("list_objects_v2", "ListBucketResult", (), {}),
    ("list_multipart_uploads", "ListMultipartUploadsResult", (), {}),
    ("list_parts", "ListPartsResult", (), {"UploadId": "u"}),
]


def written(judge: Judge, call: str, answer: Given, arguments: dict[str, Any]) -> tuple[Any, Any]:
    key = {} if call.startswith("list_obj") or call.endswith("uploads") else {"Key": "k"}
    return judge(call, answer, **key, **arguments)


@pytest.mark.parametrize(("call", "root", "used", "arguments"), WRITES)
@FEW
@given(etag=ETAGS, id_=PLAIN, blanks=st.integers(0, 2000), namespace=st.booleans(), version=st.none() | PLAIN)
def test_an_answer_to_a_write(
    judge: Judge,
    call: str,
    root: str,
    used: tuple[str, ...],
    arguments: dict[str, Any],
    etag: str,
    id_: str,
    blanks: int,
    namespace: bool,
    version: str | None,
) -> None:
    """S3's blanks that keep the connection open come behind the declaration."""
    inner = texts(
        ETag=etag, UploadId=id_, ChecksumCRC64NVME="AAAAAAAAAAA=", Location="http://x/", Bucket="b", Key="a+b"
    )
    head = b'<?xml version="1.0" encoding="UTF-8"?>' + b" " * blanks
    headers = {"x-amz-version-id": version} if version else {}
    answer = Given(200, headers, head + document(root, inner, namespace=namespace, declared=False))
    theirs, ours = written(judge, call, answer, arguments)
    assert ours.document is not None
    assert theirs.document is not None
    mine, other = (
        (ours.document["CopyPartResult"], theirs.document["CopyPartResult"])
        if root == "CopyPartResult"
        else (ours.document, theirs.document)
    )
    same(mine, other, used)


CODES = st.sampled_from(["SlowDown", "InternalError", "NoSuchUpload", "InvalidPart", "PreconditionFailed", "Other"])


@pytest.mark.parametrize(("call", "root", "used", "arguments"), [*WRITES, *LISTS])
@FEW
@given(code=CODES, message=PLAIN, blanks=st.integers(0, 2000), namespace=st.booleans(), late=st.booleans())
def test_an_error_in_an_answer_of_status_200(
    judge: Judge,
    call: str,
    root: str,
    used: tuple[str, ...],
    arguments: dict[str, Any],
    code: str,
    message: str,
    blanks: int,
    namespace: bool,
    late: bool,
) -> None:
    """botocore takes an error in a namespace for a result that lacks all; it is an error here too."""
    head, space = b'<?xml version="1.0" encoding="UTF-8"?>', b" " * blanks
    error = document("Error", texts(Code=code, Message=message), namespace=namespace, declared=False)
    theirs, ours = written(judge, call, Given(200, {}, head + space + error if late else space + error), arguments)
    assert (ours.document, ours.code, ours.status) == (None, code, 500)
    if not namespace:
        assert (theirs.document, theirs.code, theirs.status) == (None, code, 500)
        assert ours.message == theirs.message


@pytest.mark.parametrize(("call", "root", "used", "arguments"), [*WRITES, *LISTS])
def test_an_answer_that_is_cut_anywhere_is_an_error(
    judge: Judge, call: str, root: str, used: tuple[str, ...], arguments: dict[str, Any]
) -> None:
    inner = texts(IsTruncated="false", ETag='"e"', UploadId="u") + element("Contents", texts(Key="k", Size=1, ETag="e"))
    body = document(root, inner)
    for end in range(len(body)):
        _, ours = written(judge, call, Given(200, {}, body[:end]), arguments)
        assert (ours.document, ours.status) == (None, 500), body[:end]


NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n<hr></body>\r\n</html>\r\n"
)
PAGES = [
    b"",
    b"no XML",
    b"<",
    NGINX.format("413 Request Entity Too Large").encode(),
    b"<html><body><b>Http/1.1 Service Unavailable</b></body></html>",
    b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><Code>x</Code></html>',
    b"\xff\xfe\x00<\x00",
    b'<?xml version="1.0" encoding="no-such"?><html><Code>C</Code></html>',
]
ALL = [
    *(each[::3] for each in [*WRITES, *LISTS]),
    ("head_object", {}),
    ("get_object", {}),
    ("put_object", {"Body": b"x"}),
    ("upload_part", {"Body": b"x", "UploadId": "u", "PartNumber": 1}),
    ("abort_multipart_upload", {"UploadId": "u"}),
    ("delete_object", {}),
]


@pytest.mark.parametrize(("call", "arguments"), ALL)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 413, 416, 429, 500, 501, 502, 503, 504])
def test_a_page_of_something_between_is_read_by_its_status(
    judge: Judge, call: str, arguments: dict[str, Any], status: int
) -> None:
    for body in PAGES:
        if call == "head_object" and body:
            continue
        theirs, ours = written(judge, call, Given(status, {}, body), arguments)
        assert (ours.document, ours.code, ours.status) == (None, str(status), status), body
        if not theirs.code or b"<Code>" in body:  # botocore reads a page of well-formed XML as an error without a code
            continue
        assert (theirs.code, theirs.status, theirs.message) == (ours.code, ours.status, ours.message), body


@pytest.mark.parametrize(("call", "arguments"), ALL)
@FEW
@given(code=CODES, message=PLAIN, status=st.sampled_from([400, 403, 404, 409, 412, 500, 503]), more=PLAIN)
def test_an_error(
    judge: Judge, call: str, arguments: dict[str, Any], code: str, message: str, status: int, more: str
) -> None:
    body = (
        b""
        if call == "head_object"
        else document("Error", texts(Code=code, Message=message, Key=more), namespace=False)
    )
    theirs, ours = written(judge, call, Given(status, {"x-amz-request-id": "r"}, body), arguments)
    assert ours == theirs


LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=10).map(
    str.strip
)
HEADERS = {
    "ETag": ETAGS,
    "Content-Length": SIZES.map(str),
    "Content-Type": LATIN,
    "Content-Encoding": LATIN,
    "Cache-Control": LATIN,
    "Content-Range": st.just("bytes 0-1/2"),
    "Last-Modified": st.datetimes(min_value=datetime(1970, 1, 1)).map(
        lambda when: when.strftime("%a, %d %b %Y %H:%M:%S GMT")
    ),
    "x-amz-version-id": LATIN,
    "x-amz-checksum-crc64nvme": st.just("AAAAAAAAAAA="),
    "x-amz-checksum-type": st.sampled_from(["FULL_OBJECT", "COMPOSITE"]),
    "x-amz-server-side-encryption": st.sampled_from(["AES256", "aws:kms"]),
    "x-amz-storage-class": st.just("GLACIER"),
    "x-amz-mp-parts-count": st.integers(1, 10_000).map(str),
    "x-amz-meta-Some": LATIN,
    "x-amz-meta-other": LATIN,
    "x-amz-unknown": LATIN,
}


@pytest.mark.parametrize(("call", "arguments"), [each for each in ALL if not each[0].startswith("list")][3:])
@MANY
@given(given_=st.fixed_dictionaries({}, optional=HEADERS))
def test_what_headers_say(judge: Judge, call: str, arguments: dict[str, Any], given_: dict[str, str]) -> None:
    """Names of metadata come in lower case, as S3 sends them."""
    theirs, ours = written(judge, call, Given(200, given_), arguments)
    assert ours.document is not None
    assert theirs.document is not None
    used = {name for name in theirs.document if name not in {"Body", "ResponseMetadata", "Metadata"}}
    for name in used & set(ours.document):
        assert ours.document[name] == theirs.document[name], name
    if call in {"head_object", "get_object"}:
        assert used <= {*ours.document, "StorageClass"}
        lowered = {name.lower(): value for name, value in theirs.document["Metadata"].items()}
        assert ours.document["Metadata"] == lowered


@pytest.mark.parametrize(
    "text", ["Sun, 22 Nov 2026 14:00:00 +0200", "Sunday, 22-Nov-26 14:00:00 GMT", "Sun Nov 22 14:00:00 2026"]
)
def test_times_in_other_clothes(judge: Judge, text: str) -> None:
    theirs, ours = judge("head_object", Given(200, {"Last-Modified": text}), Key="k")
    assert ours.document is not None
    assert theirs.document is not None
    found = ours.document.get("LastModified")
    assert found is None or found == theirs.document["LastModified"]


@pytest.mark.parametrize("key", ["%FF", "a%C3"])
def test_a_key_that_is_no_utf_8_is_no_other_key(judge: Judge, key: str) -> None:
    """botocore makes U+FFFD of it: the name of another object."""
    inner = texts(IsTruncated="false", EncodingType="url") + element("Contents", texts(Key=key, Size=1, ETag="e"))
    _, ours = judge("list_objects_v2", Given(200, {}, document("ListBucketResult", inner)))
    assert ours.document is None


def test_every_byte_of_a_key(judge: Judge) -> None:
    for code in [*range(0x101), 0x2028, 0xFFFD, 0xFFFE, 0x1F4A7]:
        key = f"a{chr(code)}+%b c"
        inner = texts(IsTruncated="false", EncodingType="url") + element("Contents", texts(Key=quote_plus(key)))
        theirs, ours = judge("list_objects_v2", Given(200, {}, document("ListBucketResult", inner)))
        assert ours.document is not None
        assert theirs.document is not None
        assert ours.document["Contents"][0]["Key"] == theirs.document["Contents"][0]["Key"] == key


@pytest.mark.parametrize(
    ("pattern", "text"), [(rb"<IsTruncated>false", b"<IsTruncated>maybe"), (rb"<Size>1", b"<Size>x")]
)
def test_a_value_of_another_type_is_an_error(judge: Judge, pattern: bytes, text: bytes) -> None:
    inner = texts(IsTruncated="false") + element("Contents", texts(Key="k", Size=1, ETag="e"))
    body = re.sub(pattern, text, document("ListBucketResult", inner))
    _, ours = judge("list_objects_v2", Given(200, {}, body))
    assert ours.document is None
