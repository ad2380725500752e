"""Resources that a template creates on the local AWS, and that ministack alone drops or does not know."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import WaiterError

from tests.local.conftest import Emulator

Deploy = Callable[[dict[str, Any]], dict[str, str]]
SOON = {"Delay": 0, "MaxAttempts": 200}


class Stack:
    """A stack of this test: ``deploy`` makes or changes it and gives its resources' names."""

    def __init__(self, emulator: Emulator) -> None:
        self.name = f"patches-{uuid4().hex[:8]}"
        self.client = emulator.root("cloudformation")
        self.made = False

    def deploy(self, resources: dict[str, Any]) -> dict[str, str]:
        act, done = (
            (self.client.update_stack, "stack_update_complete")
            if self.made
            else (self.client.create_stack, "stack_create_complete")
        )
        act(
            StackName=self.name,
            TemplateBody=json.dumps({"Resources": resources}),
            Capabilities=["CAPABILITY_IAM"],
        )
        self.made = True
        self.client.get_waiter(done).wait(StackName=self.name, WaiterConfig=SOON)
        found = self.client.describe_stack_resources(StackName=self.name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def delete(self) -> None:
        self.client.delete_stack(StackName=self.name)
        self.client.get_waiter("stack_delete_complete").wait(StackName=self.name, WaiterConfig=SOON)


@pytest.fixture
def stack(emulator: Emulator) -> Iterator[Stack]:
    stack = Stack(emulator)
    yield stack
    if stack.made:
        stack.delete()


BUCKET = {
    "Tags": [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}],
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"},
                "BucketKeyEnabled": True,
            }
        ]
    },
    "LifecycleConfiguration": {
        "Rules": [
            {
                "Id": "unfinished",
                "Status": "Enabled",
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            },
            {
                "Id": "old",
                "Status": "Enabled",
                "Prefix": "reports/",
                "ExpirationInDays": 30,
                "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
            },
            {"Id": "markers", "Status": "Enabled", "ExpiredObjectDeleteMarker": "true"},
        ]
    },
    "InventoryConfigurations": [
        {
            "Id": "lake",
            "Enabled": True,
            "IncludedObjectVersions": "All",
            "ScheduleFrequency": "Weekly",
            "OptionalFields": ["Size", "StorageClass"],
            "Destination": {"BucketArn": "arn:aws:s3:::to", "Format": "ORC", "Prefix": "inventory"},
        }
    ],
}


def test_the_properties_of_a_bucket_arrive_and_go(emulator: Emulator, stack: Stack) -> None:
    s3 = emulator.root("s3")
    bucket = stack.deploy({"B": {"Type": "AWS::S3::Bucket", "Properties": BUCKET}})["B"]

    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == BUCKET["Tags"]
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"}
    assert rule["BucketKeyEnabled"] is True
    lifecycle = {each["ID"]: each for each in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert lifecycle["unfinished"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert lifecycle["old"]["Filter"] == {"Prefix": "reports/"}
    assert lifecycle["old"]["Expiration"] == {"Days": 30}
    assert lifecycle["old"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 5}
    assert lifecycle["markers"]["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    inventory = s3.get_bucket_inventory_configuration(Bucket=bucket, Id="lake")["InventoryConfiguration"]
    assert inventory == {
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::to", "Format": "ORC", "Prefix": "inventory"}},
        "IsEnabled": True,
        "Id": "lake",
        "IncludedObjectVersions": "All",
        "OptionalFields": ["Size", "StorageClass"],
        "Schedule": {"Frequency": "Weekly"},
    }

    assert stack.deploy({"B": {"Type": "AWS::S3::Bucket", "Properties": {}}})["B"] == bucket
    assert "InventoryConfigurationList" not in s3.list_bucket_inventory_configurations(Bucket=bucket)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)


def test_a_bucket_that_holds_objects_stays_when_its_stack_is_deleted(emulator: Emulator, stack: Stack) -> None:
    s3 = emulator.root("s3")
    bucket = stack.deploy({"B": {"Type": "AWS::S3::Bucket"}})["B"]
    s3.put_object(Bucket=bucket, Key="precious", Body=b"whole")
    with pytest.raises(WaiterError, match="DELETE_FAILED"):
        stack.delete()
    assert s3.get_object(Bucket=bucket, Key="precious")["Body"].read() == b"whole"
    s3.delete_object(Bucket=bucket, Key="precious")


def test_a_named_query_is_made_replaced_and_deleted(emulator: Emulator, stack: Stack) -> None:
    athena = emulator.root("athena")

    def template(sql: str) -> dict[str, Any]:
        query = {
            "Name": "count",
            "Database": "d",
            "QueryString": sql,
            "WorkGroup": "primary",
            "Description": "how many",
        }
        return {"Q": {"Type": "AWS::Athena::NamedQuery", "Properties": query}}

    first = stack.deploy(template("SELECT 1"))["Q"]
    made = athena.get_named_query(NamedQueryId=first)["NamedQuery"]
    assert (made["Name"], made["QueryString"], made["Description"]) == ("count", "SELECT 1", "how many")
    second = stack.deploy(template("SELECT 2"))["Q"]
    assert athena.get_named_query(NamedQueryId=second)["NamedQuery"]["QueryString"] == "SELECT 2"
    stack.delete()
    stack.made = False
    with pytest.raises(athena.exceptions.ClientError):
        athena.get_named_query(NamedQueryId=second)


def test_a_function_has_its_reserved_concurrency_and_dead_letter_queue(emulator: Emulator, stack: Stack) -> None:
    client = emulator.root("lambda")
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ]
            }
        },
    }

    def template(**more: Any) -> dict[str, Any]:
        function = {
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["R", "Arn"]},
            "Code": {"ZipFile": "def handler(event, context): raise ValueError(event)"},
            **more,
        }
        return {
            "R": role,
            "Q": {"Type": "AWS::SQS::Queue"},
            "F": {"Type": "AWS::Lambda::Function", "Properties": function},
        }

    dead = {"TargetArn": {"Fn::GetAtt": ["Q", "Arn"]}}
    made = stack.deploy(template(ReservedConcurrentExecutions=0, DeadLetterConfig=dead))
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke(FunctionName=made["F"])
    stack.deploy(template(ReservedConcurrentExecutions=2, DeadLetterConfig=dead))
    assert client.get_function_concurrency(FunctionName=made["F"])["ReservedConcurrentExecutions"] == 2
    queue = client.get_function_configuration(FunctionName=made["F"])["DeadLetterConfig"]["TargetArn"]
    assert queue.endswith(made["Q"].rsplit("/", 1)[-1])
    stack.deploy(template())
    assert "DeadLetterConfig" not in client.get_function_configuration(FunctionName=made["F"])
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=made["F"])
