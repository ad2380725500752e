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
