"""A part of an upload, copied from another object by S3 itself."""

from typing import Any

from brigade.s3.head import Found
from brigade.s3.list import Listed
from brigade.s3.location import Location
from brigade.s3.refusal import complete, field, refused
from brigade.s3.upload import Part, Upload


def copy_part(
    upload: Upload, number: int, source: Location, found: Found | Listed, span: tuple[int, int] | None = None
) -> Part:
    """Make part ``number`` of all bytes of ``source``, 5 GiB at most, if it is still what was ``found``.

    With ``span``, of those from the first place to before the second, where the source has more than 5 MiB.

    No byte comes here. Fails with BrigadeError when the source has changed
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html).
    """
    act, whole = "copy into the upload of", (upload.bucket, upload.key)
    with refused(act, *whole), complete(act, *whole):
        client: Any = upload.client  # most who upload do not copy: the call is not in the protocol
        answer = client.upload_part_copy(
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload.id,
            PartNumber=number,
            CopySource={"Bucket": source.bucket, "Key": source.key},
            CopySourceIfMatch=found.etag,
            **({"CopySourceRange": f"bytes={span[0]}-{span[1] - 1}"} if span else {}),
        )["CopyPartResult"]
        size = span[1] - span[0] if span else found.size
        return Part(number, field(answer, "ETag"), size, answer.get(upload.checksum.field, ""))
