"""What is kept of a job beside its report, since S3 forgets a job 90 days after its end: in the reports bucket."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from brigade.errors import InvalidData
from brigade.layout import ARCHIVE
from brigade.s3.client_type import S3Client
from brigade.s3.objects import get, put

Part = Literal["request", "description", "told"]


def keep(s3: S3Client, reports: str, job: str, part: Part, document: Mapping[str, Any]) -> None:
    """Keep the request of a job, its description at its end, or what was told of that; the same again replaces it."""
    body = msgspec.json.encode(document)
    put(s3, reports, _key(job, part), body, content_type="application/json")


def kept(s3: S3Client, reports: str, job: str, part: Part = "description") -> Mapping[str, Any] | None:
    """Give what was kept of a job, which S3 may have forgotten; None if there is none. InvalidData if it is no JSON."""
    found = get(s3, reports, _key(job, part))
    if found is None:
        return None
    try:
        document: Mapping[str, Any] = msgspec.json.decode(found.body)
    except msgspec.DecodeError as error:
        raise InvalidData(f"s3://{reports}/{_key(job, part)} is no {part} of a job: {error}") from None
    return document


def _key(job: str, part: Part) -> str:
    return f"{ARCHIVE}{job}/{part}.json"
