"""On the local AWS, as on S3, only callers that may use a KMS key read and write the objects it encrypts."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Emulator

MIB = 2**20


class Keyed(NamedTuple):
    """A bucket that encrypts with a key, root's client, that of a user who may do all on S3, and what gives it more."""

    bucket: str
    root: Any
    user: Any
    let: Callable[..., None]


@pytest.fixture
def keyed(emulator: Emulator) -> Iterator[Keyed]:
    root, iam, name = emulator.root("s3"), emulator.root("iam"), f"keyed-{uuid4().hex[:8]}"
    key = emulator.root("kms").create_key()["KeyMetadata"]["Arn"]
    root.create_bucket(Bucket=name)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
    root.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    iam.create_user(UserName=name)
    access = iam.create_access_key(UserName=name)["AccessKey"]

    def let(*actions: str) -> None:
        statements = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]
        statements += [{"Effect": "Allow", "Action": action, "Resource": key} for action in actions]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy)

    let()
    user = emulator.client("s3", access_key=access["AccessKeyId"], secret_key=access["SecretAccessKey"])
    yield Keyed(name, root, user, let)
    for item in root.list_objects_v2(Bucket=name).get("Contents", []):
        root.delete_object(Bucket=name, Key=item["Key"])
    root.delete_bucket(Bucket=name)


def refused(call: Callable[..., Any], **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDenied", "403"}
    return False


def test_a_write_needs_a_data_key(keyed: Keyed) -> None:
    put = {"Bucket": keyed.bucket, "Key": "a b", "Body": b"1"}
    assert refused(keyed.user.put_object, **put)
    keyed.let("kms:GenerateDataKey")
    assert not refused(keyed.user.put_object, **put)


def test_a_read_needs_to_decrypt_and_a_head_only_for_a_checksum(keyed: Keyed) -> None:
    where = {"Bucket": keyed.bucket, "Key": "a"}
    keyed.root.put_object(**where, Body=b"1")
    assert refused(keyed.user.get_object, **where)
    assert refused(keyed.user.head_object, **where, ChecksumMode="ENABLED")
    assert not refused(keyed.user.head_object, **where)
    keyed.let("kms:Decrypt")
    assert not refused(keyed.user.get_object, **where)


def test_parts_need_both(keyed: Keyed) -> None:
    where = {"Bucket": keyed.bucket, "Key": "parts"}
    assert refused(keyed.user.create_multipart_upload, **where)
    keyed.let("kms:GenerateDataKey")
    upload = {**where, "UploadId": keyed.user.create_multipart_upload(**where)["UploadId"]}
    assert refused(keyed.user.upload_part, **upload, PartNumber=1, Body=b"1")
    keyed.let("kms:GenerateDataKey", "kms:Decrypt")
    part = keyed.user.upload_part(**upload, PartNumber=1, Body=b"1")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    keyed.let("kms:GenerateDataKey")
    assert refused(keyed.user.complete_multipart_upload, **upload, MultipartUpload=parts)
    keyed.root.abort_multipart_upload(**upload)


def test_a_copy_needs_both(keyed: Keyed) -> None:
    keyed.root.put_object(Bucket=keyed.bucket, Key="a+b", Body=b"1")
    copy = {"Bucket": keyed.bucket, "Key": "c", "CopySource": {"Bucket": keyed.bucket, "Key": "a+b"}}
    for one in ("kms:Decrypt", "kms:GenerateDataKey"):
        keyed.let(one)
        assert refused(keyed.user.copy_object, **copy)
    keyed.let("kms:Decrypt", "kms:GenerateDataKey")
    assert not refused(keyed.user.copy_object, **copy)


def test_the_keys_policy_must_let_the_account_decide(keyed: Keyed, emulator: Emulator) -> None:
    keyed.let("kms:GenerateDataKey")
    encryption = keyed.root.get_bucket_encryption(Bucket=keyed.bucket)["ServerSideEncryptionConfiguration"]
    key = encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    nobody = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "kms:Cancel*"}]}
    emulator.root("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(nobody))
    assert refused(keyed.user.put_object, Bucket=keyed.bucket, Key="a", Body=b"1")
