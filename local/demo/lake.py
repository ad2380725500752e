"""The lake for a user who may add photographs and nothing else."""

import json
from pathlib import Path

import boto3

from local.demo.photographs import PREFIX

_USER = "photographer"


class Lake:
    """The deployed lake, for an IAM user who may only write below `photographs/`.

    Making one makes the user, with the account's root keys from the credentials file of the local AWS; every object is
    then put by the user, under enforced IAM, as it would be by a team of one's own.
    """

    def __init__(self, credentials: Path, stage: str) -> None:
        known = json.loads(credentials.read_text())
        self._endpoint: str = known["endpoint"]
        root = (known["root"]["access_key"], known["root"]["secret_key"])
        outputs = self._client("cloudformation", root).describe_stacks(StackName=f"brigade-{stage}-storage")
        self.bucket: str = next(
            output["OutputValue"] for output in outputs["Stacks"][0]["Outputs"] if output["OutputKey"] == "LakeBucket"
        )
        self._s3 = self._client("s3", self._photographer(self._client("iam", root)))

    def put(self, key: str, body: bytes) -> None:
        """Write one photograph."""
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="image/jpeg")

    def _photographer(self, iam) -> tuple[str, str]:  # type: ignore[no-untyped-def]  # boto3 makes its clients at run time
        if any(user["UserName"] == _USER for user in iam.list_users()["Users"]):
            for key in iam.list_access_keys(UserName=_USER)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=_USER, AccessKeyId=key["AccessKeyId"])
        else:
            iam.create_user(UserName=_USER)
        allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{self.bucket}/{PREFIX}*"}
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        iam.put_user_policy(UserName=_USER, PolicyName="photographs", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=_USER)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def _client(self, service: str, keys: tuple[str, str]):  # type: ignore[no-untyped-def]  # as above
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name="us-east-1",
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
        )
