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


def test_a_query_belongs_to_its_workgroup(emulator: Emulator) -> None:
    s3, athena, iam = (emulator.root(service) for service in ("s3", "athena", "iam"))
    s3.create_bucket(Bucket="results-of-queries")
    for group in ("mine", "theirs"):
        location = {"ResultConfiguration": {"OutputLocation": "s3://results-of-queries/"}}
        athena.create_work_group(Name=group, Configuration=location)
    queries = {
        group: athena.start_query_execution(QueryString="SELECT 1", WorkGroup=group)["QueryExecutionId"]
        for group in ("mine", "theirs")
    }
    iam.create_user(UserName="asker")
    allowed = {
        "Effect": "Allow",
        "Action": "athena:GetQueryExecution",
        "Resource": "arn:aws:athena:us-east-1:000000000000:workgroup/mine",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="asker", PolicyName="mine", PolicyDocument=policy)
    made = iam.create_access_key(UserName="asker")["AccessKey"]
    asker = emulator.client("athena", access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"])
    assert asker.get_query_execution(QueryExecutionId=queries["mine"])["QueryExecution"]["WorkGroup"] == "mine"
    with pytest.raises(ClientError, match="AccessDenied"):
        asker.get_query_execution(QueryExecutionId=queries["theirs"])
