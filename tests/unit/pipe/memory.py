"""A server of S3 in memory that passes over the conditions of writes, and the part number of HEAD, as some do."""

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def failure(code: str, status: int, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


class Lenient:
    """The calls that pipes make, on objects that are their bytes and metadata by key."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.before: dict[str, Callable[[], None]] = {}
        self.asked: list[str] = []
        self.copied: dict[str, str] = {}

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if "_" in name.strip("_") and callable(found):
            self.asked.append(name)
            self.before.pop(name, lambda: None)()
        return found

    def put(self, key: str, body: bytes, **carried: Any) -> str:
        etag: str = carried.pop("etag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        self.objects[key] = (body, {"ETag": etag, **carried})
        return etag

    def head_object(self, *, Key: str, **_: Any) -> Any:  # noqa: N803 - S3's names, here and below
        if Key not in self.objects:
            raise failure("404", 404, "HeadObject")
        body, carried = self.objects[Key]
        return {"ContentLength": len(body), "LastModified": NOW, **carried}

    def get_object(self, *, Key: str, Range: str = "", **_: Any) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise failure("NoSuchKey", 404, "GetObject")
        body, carried = self.objects[Key]
        total = len(body)
        told: dict[str, Any] = {}
        if Range:
            first, last = (int(number) for number in Range.removeprefix("bytes=").split("-"))
            body = body[first : last + 1]
            told = {"ContentRange": f"bytes {first}-{first + len(body) - 1}/{total}"}
        meta = {"HTTPHeaders": {"date": "Sat, 31 Jan 2026 00:00:00 GMT"}, "HTTPStatusCode": 206 if Range else 200}
        return {
            "Body": io.BytesIO(body),
            "ContentLength": len(body),
            "LastModified": NOW,
            "ResponseMetadata": meta,
            **carried,
            **told,
        }

    def put_object(self, *, Key: str, Body: Any, Metadata: Any = None, **_: Any) -> Any:  # noqa: N803
        return {"ETag": self.put(Key, bytes(Body), Metadata=Metadata or {})}

    def delete_object(self, *, Key: str, IfMatch: str = "", **_: Any) -> Any:  # noqa: N803
        if IfMatch and Key in self.objects and self.objects[Key][1]["ETag"] != IfMatch:
            raise failure("PreconditionFailed", 412, "DeleteObject")
        self.objects.pop(Key, None)

    def create_multipart_upload(self, *, Key: str, Metadata: Any = None, **carried: Any) -> Any:  # noqa: N803
        name = f"u{len(self.uploads)}"
        self.uploads[name] = {"key": Key, "metadata": Metadata or {}, "carried": carried, "parts": {}}
        return {"UploadId": name}

    def upload_part(self, *, UploadId: str, PartNumber: int, Body: Any, **_: Any) -> Any:  # noqa: N803
        self.uploads[UploadId]["parts"][PartNumber] = bytes(Body)
        return {"ETag": f'"{PartNumber}"'}

    def upload_part_copy(self, *, UploadId: str, PartNumber: int, CopySource: Any, **_: Any) -> Any:  # noqa: N803
        self.uploads[UploadId]["parts"][PartNumber] = self.objects[CopySource["Key"]][0]
        return {"CopyPartResult": {"ETag": f'"{PartNumber}"', **self.copied}}

    def list_parts(self, *, UploadId: str, **_: Any) -> Any:  # noqa: N803
        if UploadId not in self.uploads:
            raise failure("NoSuchUpload", 404, "ListParts")
        return {"Parts": [], "IsTruncated": False}

    def complete_multipart_upload(self, *, UploadId: str, **_: Any) -> Any:  # noqa: N803
        upload = self.uploads.pop(UploadId)
        body = b"".join(part for _, part in sorted(upload["parts"].items()))
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}-{len(upload["parts"])}"'
        return {"ETag": self.put(upload["key"], body, etag=etag, Metadata=upload["metadata"])}

    def abort_multipart_upload(self, *, UploadId: str, **_: Any) -> Any:  # noqa: N803
        self.uploads.pop(UploadId, None)
