"""IAM matches as on AWS."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Emulator


def test_a_pattern_stands_for_any_character_also_a_newline(emulator: Emulator) -> None:
    iam, bucket = emulator.root("iam"), "patterns-of-any-character"
    emulator.root("s3").create_bucket(Bucket=bucket)
    iam.create_user(UserName="writer")
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/in/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="writer", PolicyName="in", PolicyDocument=policy)
    made = iam.create_access_key(UserName="writer")["AccessKey"]
    writer = emulator.client("s3", access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"])
    for key in ("in/plain", "in/two\nlines", "in/ends\n", "in/\r\n\t\u2028"):
        writer.put_object(Bucket=bucket, Key=key, Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(Bucket=bucket, Key="out/two\nin/lines", Body=b"")
