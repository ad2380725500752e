"""Every grant of the deployed stacks, one by one: who may do what on which resource, taken away and given back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.local.deployment import Deployment


class Grant(NamedTuple):
    """One action on one resource, held by one role, policy or service; names made by the deploy are left out."""

    holder: str
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.holder} {self.action} {self.resource}"


class _Place(NamedTuple):
    """Functions that read and replace one policy document."""

    kind: str
    owner: str
    name: str


class Policies:
    """The policies of a deployment, read and changed as root."""

    def __init__(self, deployed: Deployment) -> None:
        self._iam, self._s3 = deployed.emulator.root("iam"), deployed.emulator.root("s3")
        self._outputs, self._stage = deployed.outputs, f"brigade-{deployed.stage}"
        self._kms = deployed.emulator.root("kms")
        self._keys = {key["KeyArn"]: "key" for key in self._kms.list_keys()["Keys"]}
        self._places = dict(self._found())

    def grants(self) -> set[Grant]:
        """Return every grant of every role, user and resource policy."""
        return {
            Grant(holder, action, self._plain(resource))
            for holder, places in self._places.items()
            for place in places
            for statement in _allowing(self._read(place))
            for action in _list(statement["Action"])
            for resource in _list(statement["Resource"])
        }

    @contextmanager
    def without(self, grant: Grant) -> Iterator[None]:
        """Remove ``grant``, and nothing else, while the block runs. Fail if nobody holds it."""
        changed = {}
        for place in self._places[grant.holder]:
            document = self._read(place)
            less = self._less(document, grant)
            if less != document:
                changed[place] = document
                self._write(place, less)
        assert changed, f"nobody holds {grant}"
        try:
            yield
        finally:
            for place, document in changed.items():
                self._write(place, document)

    def _less(self, document: dict[str, Any], grant: Grant) -> dict[str, Any]:
        statements: list[dict[str, Any]] = []
        for statement in document["Statement"]:
            actions, resources = _list(statement.get("Action", [])), _list(statement.get("Resource", []))
            hit = [resource for resource in resources if self._plain(resource) == grant.resource]
            if statement["Effect"] != "Allow" or grant.action not in actions or not hit:
                statements.append(statement)
                continue
            others = [action for action in actions if action != grant.action]
            left = [resource for resource in resources if resource not in hit]
            statements += [{**statement, "Action": others}] if others else []
            statements += [{**statement, "Action": [grant.action], "Resource": left}] if left else []
        return {**document, "Statement": statements or [_NOTHING]}

    def _found(self) -> Iterator[tuple[str, list[_Place]]]:
        for role in self._iam.list_roles()["Roles"]:
            name = role["RoleName"]
            if name.startswith(self._stage) and "AutoDelete" not in name:  # CDK's own, which empties buckets in dev
                inline = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
                yield _holder(name), [_Place("role", name, policy) for policy in inline]
        yield "operator", [_Place("managed", self._outputs["OperatorPolicyArn"], "")]
        bucket = _Place("bucket", self._outputs["ReportsBucket"], "InventoryPolicy")
        yield "S3 Inventory", [bucket, *(_Place("key", key, "") for key in self._keys)]

    def _read(self, place: _Place) -> dict[str, Any]:
        if place.kind == "role":
            answer = self._iam.get_role_policy(RoleName=place.owner, PolicyName=place.name)["PolicyDocument"]
        elif place.kind == "managed":
            version = self._iam.get_policy(PolicyArn=place.owner)["Policy"]["DefaultVersionId"]
            answer = self._iam.get_policy_version(PolicyArn=place.owner, VersionId=version)["PolicyVersion"]["Document"]
        elif place.kind == "key":
            answer = json.loads(self._kms.get_key_policy(KeyId=place.owner)["Policy"])
        else:
            answer = json.loads(self._s3.get_bucket_policy(Bucket=place.owner)["Policy"])
        document: dict[str, Any] = answer
        return document

    def _write(self, place: _Place, document: dict[str, Any]) -> None:
        text = json.dumps(document)
        if place.kind == "role":
            self._iam.put_role_policy(RoleName=place.owner, PolicyName=place.name, PolicyDocument=text)
        elif place.kind == "managed":
            self._iam.create_policy_version(PolicyArn=place.owner, PolicyDocument=text, SetAsDefault=True)
            for version in self._iam.list_policy_versions(PolicyArn=place.owner)["Versions"]:
                if not version["IsDefaultVersion"]:
                    self._iam.delete_policy_version(PolicyArn=place.owner, VersionId=version["VersionId"])
        elif place.kind == "key":
            self._kms.put_key_policy(KeyId=place.owner, PolicyName="default", Policy=text)
        else:
            self._s3.put_bucket_policy(Bucket=place.owner, Policy=text)

    def _plain(self, resource: str) -> str:
        """A resource without what the deploy made up: ``lake/photographs/*``, ``function:verify``."""
        for output in ("LakeBucket", "ReportsBucket", "StateBucket"):
            resource = resource.replace(f"arn:aws:s3:::{self._outputs[output]}", output.removesuffix("Bucket").lower())
        resource = self._keys.get(resource, resource).replace(self._outputs["JobRoleArn"], "job role")
        resource = resource.replace(self._outputs["AlarmTopicArn"], "alarm topic")
        if ":log-group:" in resource:
            return "its log group"
        return resource.removeprefix("arn:aws:").replace(":us-east-1:000000000000", "")


_NOTHING = {"Effect": "Deny", "Action": "none:None", "Resource": "*"}  # a policy must have a statement


def _allowing(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements that grant something to whom the policy is about; a bucket's other statements are not grants."""
    return [
        statement
        for statement in document["Statement"]
        if statement["Effect"] == "Allow" and "AWS" not in (statement.get("Principal") or {})
    ]


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _holder(role: str) -> str:
    """A role by what it is for: the names that CloudFormation makes end in a hash."""
    for part, holder in (
        ("ArrivalArrived", "delivery arrived"),
        ("JobRole", "job role"),
        ("OperationForget", "operation forget"),
        ("OperationRecompress", "operation recompress"),
        ("OperationRekey", "operation rekey"),
        ("OperationThumbnail", "operation thumbnail"),
        ("OperationToParquet", "operation to_parquet"),
        ("OperationVerify", "operation verify"),
        ("RecurringRecur", "jobs recur"),
        ("EndedRole", "jobs ended"),
        ("SchedulerRole", "schedule of demo"),
        ("demoFunction", "ingest demo"),
        ("demoLoop", "loop of demo"),
    ):
        if part in role:
            return holder
    return role
