"""Behaviour of Secrets Manager, RDS, ECS and networks that the local AWS has and ministack alone does not."""

import json
import socket
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.local.conftest import Emulator
from tests.local.database_stack import until

ROTATION = """
import boto3, os
def handler(event, context):
    client, secret, token = boto3.client("secretsmanager"), event["SecretId"], event["ClientRequestToken"]
    try:
        value = client.get_secret_value(SecretId=secret, VersionId=token)["SecretString"]
    except client.exceptions.ResourceNotFoundException:
        value = "steps:"
    value += " " + event["Step"]
    if event["Step"] == os.environ.get("FAILS_AT"):
        raise RuntimeError("told to")
    client.put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=value, VersionStages=["AWSPENDING"]
    )
    if event["Step"] == "finishSecret":
        stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(version for version, names in stages.items() if "AWSCURRENT" in names)
        client.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""


@pytest.fixture
def rotating(emulator: Emulator) -> dict[str, Any]:
    """Resources of a stack: a secret, and a function that writes down the steps it was called with."""
    name = f"rotating-{uuid4().hex[:8]}"
    trust = {"Service": "lambda.amazonaws.com"}
    statement = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": {"Ref": "Secret"}}
    return {
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": name, "SecretString": "first"}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Statement": [{"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"}]
                },
                "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement]}}],
            },
        },
        "Rotate": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": name,
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": ROTATION},
            },
        },
    }


def deploy(emulator: Emulator, resources: dict[str, Any]) -> str:
    name = f"patched-{uuid4().hex[:8]}"
    cloudformation = emulator.root("cloudformation")
    template = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    assert until(lambda: _status(cloudformation, name) == "CREATE_COMPLETE"), _status(cloudformation, name)
    return name


def _status(cloudformation: Any, name: str) -> str:
    return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def physical(emulator: Emulator, stack: str, logical: str) -> str:
    answer = emulator.root("cloudformation").describe_stack_resources(StackName=stack, LogicalResourceId=logical)
    return str(answer["StackResources"][0]["PhysicalResourceId"])


def current(emulator: Emulator, secret: str) -> str:
    return str(emulator.root("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])


STEPS = "steps: createSecret setSecret testSecret finishSecret"


def test_ref_of_a_secret_is_its_arn_and_a_schedule_has_the_function_rotate_it(
    emulator: Emulator, rotating: dict[str, Any]
) -> None:
    schedule = {
        "SecretId": {"Ref": "Secret"},
        "RotationLambdaARN": {"Fn::GetAtt": ["Rotate", "Arn"]},
        "RotationRules": {"AutomaticallyAfterDays": 9},
    }
    resource = {"Type": "AWS::SecretsManager::RotationSchedule", "DependsOn": "Role", "Properties": schedule}
    stack = deploy(emulator, {**rotating, "Schedule": resource})
    secret = physical(emulator, stack, "Secret")
    assert secret.startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:rotating-")
    assert until(lambda: current(emulator, secret) == STEPS), "which its role, by Ref, may do"
    described = emulator.root("secretsmanager").describe_secret(SecretId=secret)
    assert described["RotationEnabled"]
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 9}
    emulator.root("cloudformation").delete_stack(StackName=stack)
    client = emulator.root("secretsmanager")
    assert until(lambda: secret not in {each["ARN"] for each in client.list_secrets(MaxResults=100)["SecretList"]})


def test_a_rotation_that_fails_stays_pending_and_is_taken_up_again(
    emulator: Emulator, rotating: dict[str, Any]
) -> None:
    client, functions = emulator.root("secretsmanager"), emulator.root("lambda")
    stack = deploy(emulator, rotating)
    secret, function = physical(emulator, stack, "Secret"), physical(emulator, stack, "Rotate")
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": {"FAILS_AT": "setSecret"}})
    arn = functions.get_function_configuration(FunctionName=function)["FunctionArn"]
    version = client.rotate_secret(SecretId=secret, RotationLambdaARN=arn)["VersionId"]

    def pending() -> str:
        try:
            return str(client.get_secret_value(SecretId=secret, VersionId=version)["SecretString"])
        except client.exceptions.ResourceNotFoundException:
            return "nothing yet"

    assert until(lambda: pending() == "steps: createSecret")
    assert current(emulator, secret) == "first"
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": {}})

    def taken_up() -> bool:
        with pytest.raises(client.exceptions.InvalidRequestException, match="previous rotation isn't complete"):
            client.rotate_secret(SecretId=secret)
        return until(lambda: current(emulator, secret) != "first", seconds=5)

    assert until(taken_up)
    assert current(emulator, secret).endswith("createSecret setSecret testSecret finishSecret")
    assert client.get_secret_value(SecretId=secret)["VersionId"] == version


def test_a_rotation_without_a_function_is_refused(emulator: Emulator) -> None:
    client = emulator.root("secretsmanager")
    name = f"still/{uuid4()}"
    client.create_secret(Name=name, SecretString="x")
    with pytest.raises(client.exceptions.InvalidRequestException, match="No Lambda rotation function"):
        client.rotate_secret(SecretId=name)


def test_an_instance_of_rds_is_a_real_postgresql_that_ends_with_it(emulator: Emulator) -> None:
    properties = {
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": "20",
        "DBName": "orders",
        "MasterUsername": "app",
        "MasterUserPassword": "p@ss:word/é",
    }
    stack = deploy(emulator, {"Instance": {"Type": "AWS::RDS::DBInstance", "Properties": properties}})
    name = physical(emulator, stack, "Instance")
    endpoint = emulator.root("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["Endpoint"]
    where = {"host": endpoint["Address"], "port": endpoint["Port"]}
    with psycopg.connect(**where, user="app", password="p@ss:word/é", dbname="orders") as connection:
        assert connection.execute("show server_version_num").fetchone() > ("180000",)  # type: ignore[operator]  # a row
    emulator.root("cloudformation").delete_stack(StackName=stack)

    def refused() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((endpoint["Address"], endpoint["Port"])) != 0

    assert until(refused)


def test_a_network_with_a_gateway_and_a_rule_deploys(emulator: Emulator) -> None:
    resources = {
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        "Gateway": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {"SubnetId": "subnet-1", "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]}},
        },
        "Rule": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8"},
        },
    }
    stack = deploy(emulator, resources)
    assert physical(emulator, stack, "Gateway").startswith("nat-")
    assert physical(emulator, stack, "Address").startswith("eipalloc-")


def test_an_update_of_a_service_is_about_the_service(emulator: Emulator) -> None:
    ecs, iam = emulator.root("ecs"), emulator.root("iam")
    name = f"u{uuid4().hex[:8]}"
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(family=name, containerDefinitions=[{"name": "c", "image": "i", "memory": 64}])
    for service in ("mine", "theirs"):
        ecs.create_service(cluster=name, serviceName=service, taskDefinition=name, desiredCount=0)
    resource = f"arn:aws:ecs:us-east-1:000000000000:service/{name}/mine"
    statement = {"Effect": "Allow", "Action": "ecs:UpdateService", "Resource": resource}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Statement": [statement]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client = emulator.client("ecs", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    client.update_service(cluster=name, service="mine", forceNewDeployment=True)
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.update_service(cluster=name, service="theirs", forceNewDeployment=True)
