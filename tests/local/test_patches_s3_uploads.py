"""Tags and an ACL that are given with a multipart upload on the local AWS."""

from uuid import uuid4

import pytest

from tests.local.conftest import Emulator


@pytest.mark.parametrize("versioned", [True, False])
def test_what_is_uploaded_in_parts_has_its_tags_and_acl(emulator: Emulator, versioned: bool) -> None:
    s3, bucket = emulator.root("s3"), f"tags-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=bucket)
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    named = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(**named, Tagging="team=a%26b&empty=", ACL="public-read")["UploadId"]
    part = s3.upload_part(**named, UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(**named, UploadId=upload, MultipartUpload=parts)
    tags = s3.get_object_tagging(**named)["TagSet"]
    assert tags == [{"Key": "team", "Value": "a&b"}, {"Key": "empty", "Value": ""}]
    grants = s3.get_object_acl(**named)["Grants"]
    assert [each["Permission"] for each in grants if "AllUsers" in each["Grantee"].get("URI", "")] == ["READ"]


def test_a_part_that_is_copied_has_the_checksum_of_its_upload(emulator: Emulator) -> None:
    s3, bucket = emulator.root("s3"), f"copied-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="source", Body=b"123456789")
    named = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(**named, ChecksumAlgorithm="CRC64NVME")["UploadId"]
    source = {"Bucket": bucket, "Key": "source"}
    part = s3.upload_part_copy(**named, UploadId=upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    assert part["ChecksumCRC64NVME"] == "rosUhgp5mIg="
    listed = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC64NVME": part["ChecksumCRC64NVME"]}
    s3.complete_multipart_upload(**named, UploadId=upload, MultipartUpload={"Parts": [listed]})
    s3.close()
