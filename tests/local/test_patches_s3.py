"""Behaviour of S3 that the local AWS has and ministack alone does not."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Emulator


@pytest.fixture
def s3(emulator: Emulator) -> Any:
    return emulator.root("s3")


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    name = f"patches-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    yield name
    for item in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=item["Key"])
    s3.delete_bucket(Bucket=name)


def configuration(name: str) -> dict[str, Any]:
    return {
        "Id": name,
        "IsEnabled": True,
        "IncludedObjectVersions": "Current",
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": ["Size", "ETag"],
        "Filter": {"Prefix": "a&b/"},
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::elsewhere", "Format": "CSV", "Prefix": "in"}},
    }


def code(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return str(raised.value.response["Error"]["Code"])


def test_inventory_configurations_are_kept_and_deleted_without_the_bucket(s3: Any, bucket: str) -> None:
    for name in ("weekly", "daily"):
        s3.put_bucket_inventory_configuration(Bucket=bucket, Id=name, InventoryConfiguration=configuration(name))
    got = s3.get_bucket_inventory_configuration(Bucket=bucket, Id="daily")["InventoryConfiguration"]
    assert got == configuration("daily")
    listed = s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert [each["Id"] for each in listed["InventoryConfigurationList"]] == ["daily", "weekly"]
    assert listed["IsTruncated"] is False

    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="daily")
    s3.head_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as missing:
        s3.get_bucket_inventory_configuration(Bucket=bucket, Id="daily")
    assert code(missing) == "NoSuchConfiguration"
    with pytest.raises(ClientError) as missing:
        s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="daily")
    assert code(missing) == "NoSuchConfiguration"


def test_an_inventory_configuration_makes_no_bucket_and_goes_with_its_own(s3: Any) -> None:
    with pytest.raises(ClientError) as missing:
        s3.put_bucket_inventory_configuration(Bucket="not-there", Id="i", InventoryConfiguration=configuration("i"))
    assert code(missing) == "NoSuchBucket"
    s3.create_bucket(Bucket="here-for-a-moment")
    s3.put_bucket_inventory_configuration(Bucket="here-for-a-moment", Id="i", InventoryConfiguration=configuration("i"))
    s3.delete_bucket(Bucket="here-for-a-moment")
    s3.create_bucket(Bucket="here-for-a-moment")
    assert "InventoryConfigurationList" not in s3.list_bucket_inventory_configurations(Bucket="here-for-a-moment")
    s3.delete_bucket(Bucket="here-for-a-moment")


def test_a_configuration_whose_id_is_another_is_malformed(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_inventory_configuration(Bucket=bucket, Id="one", InventoryConfiguration=configuration("other"))
    assert code(refused) == "MalformedXML"


def test_what_is_not_served_neither_makes_nor_deletes_a_bucket(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.delete_bucket_metrics_configuration(Bucket=bucket, Id="m")
    assert code(refused) == "NotImplemented"
    s3.head_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_metrics_configuration(Bucket="not-there", Id="m", MetricsConfiguration={"Id": "m"})
    assert code(refused) == "NotImplemented"
    assert "not-there" not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def upload(s3: Any, bucket: str, sizes: list[int]) -> dict[str, Any]:
    started = s3.create_multipart_upload(Bucket=bucket, Key="k")
    named = {"Bucket": bucket, "Key": "k", "UploadId": started["UploadId"]}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**named, PartNumber=number, Body=bytes(size))["ETag"]}
        for number, size in enumerate(sizes, start=1)
    ]
    return {**named, "MultipartUpload": {"Parts": parts}}


def test_a_part_below_5_mib_that_is_not_the_last_is_too_small(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(**upload(s3, bucket, [(5 << 20) - 1, 10]))
    assert code(refused) == "EntityTooSmall"
    s3.complete_multipart_upload(**upload(s3, bucket, [5 << 20, 10]))
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == (5 << 20) + 10


def test_parts_out_of_order_are_refused(s3: Any, bucket: str) -> None:
    complete = upload(s3, bucket, [5 << 20, 5 << 20, 1])
    complete["MultipartUpload"]["Parts"][:2] = reversed(complete["MultipartUpload"]["Parts"][:2])
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(**complete)
    assert code(refused) == "InvalidPartOrder"


def test_a_copy_under_a_condition_does_not_overwrite(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"new")
    s3.put_object(Bucket=bucket, Key="to", Body=b"old")
    source = {"Bucket": bucket, "Key": "from"}
    with pytest.raises(ClientError) as lost:
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, IfNoneMatch="*")
    assert code(lost) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"old"
    s3.copy_object(Bucket=bucket, Key="fresh", CopySource=source, IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="fresh")["Body"].read() == b"new"


def test_kms_without_a_key_is_the_account_key(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", ServerSideEncryption="aws:kms")
    assert put["ServerSideEncryption"] == "aws:kms"
    assert put["SSEKMSKeyId"].endswith("alias/aws/s3")


def test_tags_need_the_right_to_tags(emulator: Emulator) -> None:
    root, iam, bucket = emulator.root("s3"), emulator.root("iam"), "copies-of-tags"
    root.create_bucket(Bucket=bucket)
    root.put_object(Bucket=bucket, Key="tagged", Body=b"x", Tagging="team=a")
    root.put_object(Bucket=bucket, Key="plain", Body=b"x")
    iam.create_user(UserName="copier")
    made = iam.create_access_key(UserName="copier")["AccessKey"]
    s3 = emulator.client("s3", access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"])
    actions = ["s3:GetObject", "s3:PutObject"]
    for more, copied in (([], False), (["s3:GetObjectTagging"], False), (["s3:PutObjectTagging"], True)):
        actions += more
        statement = {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="copier", PolicyName="copies", PolicyDocument=policy)
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "plain"})
        tagged = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "tagged"}}
        if copied:
            s3.copy_object(**tagged)
            s3.put_object(Bucket=bucket, Key="new", Body=b"", Tagging="team=a")
            continue
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.copy_object(**tagged)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=bucket, Key="new", Body=b"", Tagging="team=a")


def test_an_absent_key_is_hidden_from_who_may_not_list(emulator: Emulator) -> None:
    iam, bucket = emulator.root("iam"), "absent-and-hidden"
    emulator.root("s3").create_bucket(Bucket=bucket)
    emulator.root("s3").put_object(Bucket=bucket, Key="there", Body=b"x")
    for name, action in (("reader", []), ("lister", ["s3:ListBucket"])):
        iam.create_user(UserName=name)
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        statement = {"Effect": "Allow", "Action": ["s3:GetObject", *action], "Resource": resources}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="reads", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        s3 = emulator.client("s3", access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"])
        assert s3.get_object(Bucket=bucket, Key="there")["Body"].read() == b"x"
        for call in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as caught:
                call(Bucket=bucket, Key="absent")
            status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status == (404 if action else 403)


def test_a_range_of_a_version_is_given(emulator: Emulator) -> None:
    s3, name = emulator.root("s3"), f"ranges-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=name, Key="k", Body=b"0123456789")["VersionId"]
    s3.put_object(Bucket=name, Key="k", Body=b"new")
    answer = s3.get_object(Bucket=name, Key="k", VersionId=old, Range="bytes=2-4")
    assert (answer["Body"].read(), answer["ContentRange"], answer["ContentLength"]) == (b"234", "bytes 2-4/10", 3)


def test_a_copy_is_in_standard_unless_the_request_names_a_class(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"x", StorageClass="STANDARD_IA")
    source = {"Bucket": bucket, "Key": "source"}
    s3.copy_object(Bucket=bucket, Key="plain", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="named", CopySource=source, StorageClass="GLACIER_IR")
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="plain")
    assert s3.head_object(Bucket=bucket, Key="named")["StorageClass"] == "GLACIER_IR"


@pytest.mark.parametrize("kind", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_not_copied_before_it_is_restored(s3: Any, bucket: str, kind: str) -> None:
    s3.put_object(Bucket=bucket, Key="archived", Body=b"x", StorageClass=kind)
    source = {"Bucket": bucket, "Key": "archived"}
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert code(refused) == "InvalidObjectState"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="copy")["UploadId"]
    with pytest.raises(ClientError) as refused:
        s3.upload_part_copy(Bucket=bucket, Key="copy", UploadId=upload, PartNumber=1, CopySource=source)
    assert code(refused) == "InvalidObjectState"
    s3.abort_multipart_upload(Bucket=bucket, Key="copy", UploadId=upload)
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["archived"]
