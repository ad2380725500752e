"""The database stack on the AWS of the tests: synthesized and deployed as it is, alone."""

import contextlib
import copy
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local.conftest import Emulator
from tests.stacks.database import synthesized

STACK = "brigade-dev-database"


@dataclass(frozen=True)
class Database:
    """The deployed stack, and its secrets as root sees them."""

    emulator: Emulator
    outputs: dict[str, str]
    template: dict[str, Any]

    def value(self, output: str, **version: str) -> str:
        """The value of the secret that an output names."""
        client = self.emulator.root("secretsmanager")
        return str(client.get_secret_value(SecretId=self.outputs[output], **version)["SecretString"])

    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value("DatabaseSecret"))
        return found

    def uri(self) -> str:
        return self.value("DatabaseUriSecret")

    def rotate(self) -> str:
        """Have Secrets Manager rotate, as a person would; gives the new version."""
        client = self.emulator.root("secretsmanager")
        return str(client.rotate_secret(SecretId=self.outputs["DatabaseSecret"])["VersionId"])

    def current(self) -> str:
        """The version that is AWSCURRENT."""
        secret = self.emulator.root("secretsmanager").describe_secret(SecretId=self.outputs["DatabaseSecret"])
        return next(str(version) for version, stages in secret["VersionIdsToStages"].items() if "AWSCURRENT" in stages)

    def settled(self) -> bool:
        """Return whether no rotation is in progress."""
        secret = self.emulator.root("secretsmanager").describe_secret(SecretId=self.outputs["DatabaseSecret"])
        return all("AWSCURRENT" in stages for stages in secret["VersionIdsToStages"].values() if "AWSPENDING" in stages)

    @contextmanager
    def without(self, action: str, resource: str) -> Iterator[None]:
        """Remove an action from the rotation function's role, on ``resource`` if given, while the block runs."""
        iam = self.emulator.root("iam")
        (role,) = [each["RoleName"] for each in iam.list_roles()["Roles"] if "RotationRotateRole" in each["RoleName"]]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        less = copy.deepcopy(document)
        (statement,) = [
            each for each in less["Statement"] if action in str(each["Action"]) and resource in str(each["Resource"])
        ]
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        statement["Action"] = [each for each in actions if each != action] or ["none:None"]
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    def failed_rotation(self) -> str:
        """Start a rotation that must fail, and return the lines that the local AWS logs about it."""
        log = self.emulator.home / "server.log"
        before = len(log.read_text())
        self.rotate()
        assert until(lambda: "is not rotated" in log.read_text()[before:])
        return log.read_text()[before:]

    def recovered(self) -> bool:
        """Return whether a second try finishes a failed rotation, or only its last step was missing."""
        if not self.settled():
            with contextlib.suppress(Exception):  # Secrets Manager says that it takes the other up, in an error
                self.rotate()
        return until(self.settled)

    def rotated(self) -> bool:
        """Return whether a rotation that starts now also finishes."""
        version = self.rotate()
        return until(lambda: self.current() == version, seconds=8)


def until(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait until something is so; False if it is not so in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def deploy(emulator: Emulator, folder: Path) -> Database:
    """Deploy the stack by CloudFormation, with the function's package where CDK's bootstrap would have put it."""
    made = synthesized(folder, target="local")
    template = made.template("database")
    # CDK's version check of a bootstrap that this test does without.
    template.pop("Rules", None)
    template.pop("Parameters", None)
    s3, cloudformation = emulator.root("s3"), emulator.root("cloudformation")
    s3.create_bucket(Bucket="database-assets")
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            digest = resource["Properties"]["Code"]["S3Key"].removesuffix(".zip")
            s3.put_object(Bucket="database-assets", Key=digest, Body=_zipped(folder / f"asset.{digest}"))
            resource["Properties"]["Code"] = {"S3Bucket": "database-assets", "S3Key": digest}
    s3.put_object(Bucket="database-assets", Key="template", Body=json.dumps(template))
    url = s3.generate_presigned_url("get_object", {"Bucket": "database-assets", "Key": "template"})
    cloudformation.create_stack(StackName=STACK, TemplateURL=url, Capabilities=["CAPABILITY_IAM"])

    def status() -> str:
        return str(cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])

    assert until(lambda: not status().endswith("IN_PROGRESS"), seconds=120)
    stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    assert stack["StackStatus"] == "CREATE_COMPLETE", failed
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return Database(emulator, outputs, template)


def _zipped(folder: Path) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return body.getvalue()
