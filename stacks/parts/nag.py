"""The security rules that run in synth, and the ways to take exception to one."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct


def check(app: App) -> None:
    """Have synth fail on a violation of AWS's Solutions rules that nobody has accepted with a reason."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def accept(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept a finding (``S1``, ``IAM5[Resource::*]``) at ``construct`` and below it, and say why."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions-{finding}", reason=reason))


def accept_wildcards(construct: IConstruct, resources: Sequence[str], reason: str) -> None:
    """Accept that a policy at ``construct`` names these patterns of resources, and no other, and say why."""
    for resource in resources:
        written = _flat(Stack.of(construct).resolve(resource))
        if "*" in written:
            accept(construct, f"IAM5[Resource::{written}]", reason)


def _flat(value: Any) -> str:
    """Write a resolved value as cdk-nag 3 does in the names of its findings, which it compares letter by letter."""
    match value:
        case {"Fn::Join": [delimiter, items]}:
            return str(delimiter).join(map(_flat, items))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return _flat(name)
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return str(value)
