"""A lake in memory: the three calls that operations make, and faults that a real S3 does not show on demand."""

import hashlib
import io
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.fake_client import FakeClient


def refusal(code: str, status: int, operation: str = "GetObject", message: str = "no") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )


class Lake(FakeClient):
    def __init__(self, **objects: bytes) -> None:
        self.objects: dict[str, bytes] = dict(objects)
        self.types: dict[str, str] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.fails: list[Exception] = []

    def _found(self, call: str, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((call, request))
        if self.fails:
            raise self.fails.pop(0)
        if request["Key"] not in self.objects:
            raise refusal("NoSuchKey", 404, call, "The specified key does not exist.")
        content = self.objects[request["Key"]]
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        if request.get("IfMatch", etag).strip('"') != etag.strip('"'):
            raise refusal("PreconditionFailed", 412, call)
        return {
            "ETag": etag,
            "ContentLength": len(content),
            "ContentType": "x/y",
            "Metadata": self.metadata.get(request["Key"], {}),
            "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
        }

    def head_object(self, **request: Any) -> Any:
        return self._found("HeadObject", request)

    def get_object(self, **request: Any) -> Any:
        return self._found("GetObject", request) | {"Body": io.BytesIO(self.objects[request["Key"]])}

    def put_object(self, **request: Any) -> Any:
        self.asked.append(("PutObject", request))
        self.objects[request["Key"]] = bytes(request["Body"])
        self.types[request["Key"]] = request["ContentType"]
        self.metadata[request["Key"]] = request.get("Metadata", {})
        return {"ETag": '"e"'}
