"""Answers of S3 as text, and the calls that have them."""

from typing import Any
from xml.sax.saxutils import escape

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.judges.wires import Given, Judge

SPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
LEGAL = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
PLAIN = st.text(LEGAL, min_size=1, max_size=20)
ETAGS = st.sampled_from(['"0123456789abcdef"', '"e-3"', "no-quotes", '"&<>"'])
MANY = settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(MANY, max_examples=examples(25))

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
ALL = [
    *(each[::3] for each in [*WRITES, *LISTS]),
    ("head_object", {}),
    ("get_object", {}),
    ("put_object", {"Body": b"x"}),
    ("upload_part", {"Body": b"x", "UploadId": "u", "PartNumber": 1}),
    ("abort_multipart_upload", {"UploadId": "u"}),
    ("delete_object", {}),
]


def element(name: str, *inner: str) -> str:
    return f"<{name}>{''.join(inner)}</{name}>"


def texts(**values: Any) -> str:
    return "".join(element(name, escape(str(value))) for name, value in values.items())


def document(root: str, inner: str, *, namespace: bool = True, declared: bool = True) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n' if declared else ""
    return f"{head}<{root}{SPACE if namespace else ''}>{inner}</{root}>".encode()


def written(judge: Judge, call: str, answer: Given, arguments: dict[str, Any]) -> tuple[Any, Any]:
    key = {} if call.startswith("list_obj") or call.endswith("uploads") else {"Key": "k"}
    return judge(call, answer, **key, **arguments)
