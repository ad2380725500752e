"""The database stack: no password in a template, nobody reaches it from outside, and each role may do what it must."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from brigade.database import authority
from brigade.errors import SettingsError
from brigade.settings import load
from tests.stacks.conftest import ROOT, Stage, Synthesized
from tests.stacks.database import synthesized
from tests.stacks.test_grants import LOG, TRACE, grants
from tests.stacks.test_rules import violations

from aws_cdk import Stack, assertions  # isort: skip - conftest names Node before CDK is imported
from aws_cdk import aws_ecs as ecs  # isort: skip - as above
from aws_cdk import aws_secretsmanager as secretsmanager  # isort: skip - as above
from stacks.parts.database_uri import container_fields  # isort: skip - as above

NOUN = "database"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesized(tmp_path_factory.mktemp("assembly"), target="aws")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesized(tmp_path_factory.mktemp("assembly"), target="aws", removal="retain", database={"rotate_days": 7})


def test_there_is_none_unless_the_settings_have_it(stage: Stage) -> None:
    assert not [path for path in stage("prod").folder.iterdir() if "database" in path.name]


def test_it_needs_a_region_on_aws() -> None:
    stages: dict[str, Any] = {"stages": {"dev": {"database": {}}}}
    assert load(stages, target="local").database is not None
    with pytest.raises(SettingsError, match="database needs region"):
        load(stages, target="aws")


def test_no_rule_is_broken_and_cloudformation_takes_it(made: Synthesized, kept: Synthesized) -> None:
    assert violations(made.app) == []
    assert violations(kept.app) == []
    paths = [str(one.folder / "brigade-dev-database.template.json") for one in (made, kept)]
    lint = [str(ROOT / ".venv/bin/cfn-lint"), "--ignore-checks", "W3005", "--", *paths]  # as in test_rules
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_exceptions_are_few_and_say_why(kept: Synthesized) -> None:
    taken = re.compile(r"^(annotation::)?AwsSolutions-(VPC7|ECS2|SMG4|L1|IAM5\[Resource::\*\])$", re.IGNORECASE)
    its_own = "CloudFormation-Validate::W3010"  # CDK's: it writes the zones' names
    found = [
        (rule, reason)
        for construct in kept.app.node.find_all()
        for entry in construct.node.metadata
        for rule, reason in (entry.data if "acknowledge" in entry.type.lower() else {}).items()
    ]
    assert found
    assert [rule for rule, _ in found if not taken.match(rule) and rule != its_own] == []
    assert all(len(reason.split()) > 5 for rule, reason in found if rule != its_own)


def _references(value: Any, path: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _references(inner, f"{path}/{key}")
        case list():
            for inner in value:
                yield from _references(inner, path)
        case str() if "{{resolve:" in value:
            yield path


def test_a_dynamic_reference_goes_into_a_secret_or_to_the_database_and_nowhere_else(
    made: Synthesized, stage: Stage
) -> None:
    found = {re.sub(r"/Fn::.*", "", path) for path in _references(made.template(NOUN)["Resources"])}
    assert {re.sub(r"^/([A-Za-z]+?)[0-9A-F]{8}/", r"\1/", path) for path in found} == {
        "PostgresInstance/Properties/MasterUserPassword",
        "Uri/Properties/SecretString",
    }
    for path in stage("prod").folder.glob("*.template.json"):
        assert "{{resolve:" not in path.read_text()


def test_the_database_is_encrypted_in_isolated_subnets_and_open_to_its_clients_only(
    made: Synthesized, kept: Synthesized
) -> None:
    for one, keep in ((made, False), (kept, True)):
        instance = one.one(NOUN, "AWS::RDS::DBInstance")
        assert instance["StorageEncrypted"] is True
        assert instance["PubliclyAccessible"] is False
        assert (instance["MultiAZ"], instance["DeletionProtection"]) == (keep, keep)
    subnets = made.one(NOUN, "AWS::RDS::DBSubnetGroup")["SubnetIds"]
    assert [subnet["Ref"][:20] for subnet in subnets] == ["NetworkVpcDataSubnet", "NetworkVpcDataSubnet"]
    routes = made.all(NOUN, "AWS::EC2::Route")
    assert not [name for name in routes if "DataSubnet" in name], "from there no way leads out"
    rule = made.one(NOUN, "AWS::EC2::SecurityGroupIngress")
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (5433, 5433, "tcp")
    assert "NetworkClients" in json.dumps(rule["SourceSecurityGroupId"])
    for group in made.all(NOUN, "AWS::EC2::SecurityGroup").values():
        assert all(each["CidrIp"] != "0.0.0.0/0" for each in group.get("SecurityGroupIngress", []))


def test_the_secret_is_attached_and_rotates(made: Synthesized, kept: Synthesized) -> None:
    assert made.one(NOUN, "AWS::SecretsManager::SecretTargetAttachment")["TargetType"] == "AWS::RDS::DBInstance"
    generated = made.one(NOUN, "AWS::SecretsManager::Secret", "PostgresSecret")["GenerateSecretString"]
    assert (generated["ExcludePunctuation"], generated["PasswordLength"]) == (True, 40)
    for one, days in ((made, 30), (kept, 7)):
        schedule = one.one(NOUN, "AWS::SecretsManager::RotationSchedule")
        assert schedule["RotationRules"]["ScheduleExpression"] == f"rate({days} days)"
        assert "PostgresSecretAttachment" in json.dumps(schedule["SecretId"])
    permission = made.one(NOUN, "AWS::Lambda::Permission")
    assert permission["Principal"] == "secretsmanager.amazonaws.com"
    assert "PostgresSecretAttachment" in json.dumps(permission["SourceArn"])
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_postgrest_gets_the_uri_as_a_secret_and_the_authorities_as_a_file(made: Synthesized) -> None:
    task = made.one(NOUN, "AWS::ECS::TaskDefinition")
    writer, postgrest = task["ContainerDefinitions"]
    assert [secret["Name"] for secret in postgrest["Secrets"]] == ["PGRST_DB_URI"]
    assert postgrest["Secrets"][0]["ValueFrom"]["Ref"].startswith("Uri")
    assert {each["Name"] for each in postgrest["Environment"]} == {
        "PGRST_DB_SCHEMAS",
        "PGRST_DB_ANON_ROLE",
        "PGRST_SERVER_PORT",
    }
    assert writer["Environment"] == [{"Name": "AUTHORITY", "Value": authority.find_bundle("us-east-1").read_text()}]
    assert postgrest["DependsOn"] == [{"Condition": "SUCCESS", "ContainerName": "authority"}]
    uri = json.dumps(made.one(NOUN, "AWS::SecretsManager::Secret", "Uri")["SecretString"])
    assert "?sslmode=verify-full&sslrootcert=/authority/rds.pem" in uri
    assert writer["Command"][-1].endswith("> /authority/rds.pem")
    service = made.one(NOUN, "AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert service["AssignPublicIp"] == "DISABLED"


def test_each_role_may_do_this_and_nothing_else(made: Synthesized) -> None:
    steps = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
    interfaces = (
        *("AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface"),
        *("DescribeNetworkInterfaces", "DescribeSubnets", "UnassignPrivateIpAddresses"),
    )
    assert grants(made, NOUN, "RotationRotateRole") == {
        *LOG,
        *(f"ec2:{action} on *" for action in interfaces),
        *(f"secretsmanager:{action} on PostgresSecretAttachment" for action in steps),
        "secretsmanager:PutSecretValue on Uri",
        "ecs:UpdateService on ecs service/brigade-dev/postgrest",
    }
    assert grants(made, NOUN, "PostgrestRole") == {*(LOG - TRACE), "secretsmanager:GetSecretValue on Uri"}
    reader = grants(made, NOUN, "Policy", "AWS::IAM::ManagedPolicy")
    assert reader == {"secretsmanager:GetSecretValue on PostgresSecretAttachment"}
    assert not made.all(NOUN, "AWS::IAM::Policy").keys() - {
        name for name in made.all(NOUN, "AWS::IAM::Policy") if name.startswith(("RotationRotateRole", "PostgrestRole"))
    }
    for name, role in made.all(NOUN, "AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role, name


def test_the_rotation_has_the_authorities_in_its_package(made: Synthesized) -> None:
    code = made.one(NOUN, "AWS::Lambda::Function")
    folder = made.folder / f"asset.{code['Code']['S3Key'].removesuffix('.zip')}"
    packed = folder / "brigade" / "database" / "authorities" / "us-east-1.pem"
    assert packed.read_bytes() == authority.find_bundle("us-east-1").read_bytes()
    assert code["VpcConfig"]["SubnetIds"]


def test_a_container_gets_each_field_by_name() -> None:
    stack = Stack()
    task = ecs.FargateTaskDefinition(stack, "Task")
    secret = secretsmanager.Secret(stack, "Secret")
    image = ecs.ContainerImage.from_registry("app")
    task.add_container("app", image=image, secrets=container_fields(secret, "DB_"))
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    (definition,) = (each for each in resources.values() if each["Type"] == "AWS::ECS::TaskDefinition")
    given = {each["Name"]: each["ValueFrom"] for each in definition["Properties"]["ContainerDefinitions"][0]["Secrets"]}
    assert sorted(given) == ["DB_DBNAME", "DB_ENGINE", "DB_HOST", "DB_PASSWORD", "DB_PORT", "DB_USERNAME"]
    assert given["DB_PASSWORD"]["Fn::Join"][1][-1] == ":password::"
    assert "{{resolve" not in json.dumps(resources)
