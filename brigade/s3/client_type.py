"""The type of an S3 client: boto3's, or any object with the same calls, such as `brigade.s3.http.client.HttpClient`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
else:
    S3Client = Any

__all__ = ["S3Client"]
