"""A server of S3 in memory that applies the conditions of writes, and lists what it has."""

from typing import Any

from tests.unit.pipe.memory import NOW, Lenient, failure


class StrictS3(Lenient):
    """One bucket, by whatever name it is called. `If-Match` and `If-None-Match` are applied to every write."""

    def put_object(self, **arguments: Any) -> Any:
        self._check("PutObject", **arguments)
        return super().put_object(**arguments)

    def delete_object(self, **arguments: Any) -> Any:
        self._check("DeleteObject", **arguments)
        return super().delete_object(**arguments)

    def complete_multipart_upload(self, **arguments: Any) -> Any:
        self._check("CompleteMultipartUpload", **arguments)
        return super().complete_multipart_upload(**arguments)

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> Any:  # noqa: N803 - S3's names, here and below
        found = [(key, *self.objects[key]) for key in sorted(self.objects) if key.startswith(Prefix)]
        listed = [{"Key": key, "Size": len(body), "ETag": carried["ETag"]} for key, body, carried in found]
        return {"Contents": listed, "IsTruncated": False}

    def list_multipart_uploads(self, *, Prefix: str, **_: Any) -> Any:  # noqa: N803
        found = [(name, upload["key"]) for name, upload in self.uploads.items() if upload["key"].startswith(Prefix)]
        uploads = [{"Key": key, "UploadId": name, "Initiated": NOW} for name, key in found]
        return {"Uploads": uploads, "IsTruncated": False}

    def _check(self, operation: str, *, Key: str, IfMatch: str = "", IfNoneMatch: str = "", **_: Any) -> None:  # noqa: N803
        there = self.objects[Key][1]["ETag"] if Key in self.objects else None
        if (IfNoneMatch and there) or (IfMatch and IfMatch != there):
            raise failure("PreconditionFailed", 412, operation)
