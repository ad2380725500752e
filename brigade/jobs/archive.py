"""Documents about a job in the reports bucket, beside its report: S3 forgets a job 90 days after its end."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from brigade.errors import InvalidData
from brigade.layout import ARCHIVE
from brigade.s3.client_type import S3Client
from brigade.s3.objects import get, put

Part = Literal["request", "description", "told"]


def archive_document(s3: S3Client, reports: str, job: str, part: Part, document: Mapping[str, Any]) -> None:
    """Store one document of a job: its request, its last description, or its notification. Idempotent."""
    body = msgspec.json.encode(document)
    put(s3, reports, _key(job, part), body, content_type="application/json")


def read_archived(s3: S3Client, reports: str, job: str, part: Part = "description") -> Mapping[str, Any] | None:
    """Return a stored document of a job, also after S3 has forgotten the job; None if there is none.

    Raises:
        InvalidData: The document is not valid JSON.
    """
    found = get(s3, reports, _key(job, part))
    if found is None:
        return None
    try:
        document: Mapping[str, Any] = msgspec.json.decode(found.body)
    except msgspec.DecodeError as error:
        raise InvalidData(f"s3://{reports}/{_key(job, part)} is not a valid {part} of a job: {error}") from None
    return document


def _key(job: str, part: Part) -> str:
    return f"{ARCHIVE}{job}/{part}.json"
