"""The security rules of cdk-nag, which run in each synth, and functions that accept a finding with a reason."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct


def check(app: App) -> None:
    """Make the synth fail for each finding of the AWS Solutions rules that is not accepted."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def accept(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept a finding at `construct` and its children.

    Args:
        construct: The construct.
        finding: Name of the rule without `AwsSolutions-`, such as `S1` or `IAM5[Resource::*]`.
        reason: Why the finding is acceptable.
    """
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions-{finding}", reason=reason))


def accept_wildcards(construct: IConstruct, resources: Sequence[str], reason: str) -> None:
    """Accept that a policy at `construct` names these patterns of resources and no others.

    Args:
        construct: The role or managed policy.
        resources: ARNs. Those without a `*` need no acceptance.
        reason: Why the patterns are acceptable.
    """
    for resource in resources:
        text = _format_value(Stack.of(construct).resolve(resource))
        if "*" in text:
            accept(construct, f"IAM5[Resource::{text}]", reason)


def _format_value(value: Any) -> str:
    """Format a resolved value as cdk-nag 3 does in the names of its findings, which must match exactly."""
    match value:
        case {"Fn::Join": [delimiter, items]}:
            return str(delimiter).join(map(_format_value, items))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return _format_value(name)
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return str(value)
