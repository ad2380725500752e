"""The rights of a service with the role that it assumes, as IAM evaluates them."""

from collections.abc import Mapping

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_region
from ministack.services import sts

from local import identity


def refusal(
    role_arn: str, service: str, action: str, resource: str, context: Mapping[str, str] | None = None
) -> str | None:
    """Return the message of AWS that denies `service` the `action` on `resource` with this role; None if allowed.

    It is denied if the role does not exist, if the role does not trust the service under `context` (condition keys such
    as `aws:SourceArn`), or if its policies do not allow the action.
    """
    account = role_arn.split(":")[4]
    try:
        keys = identity.assume_for_service(
            role_arn, service, "local", {"aws:SourceAccount": account, **(context or {})}, 900
        )
        key = keys["aws_access_key_id"]
        try:
            principal = evaluator.resolve_principal(key, account, evaluator.resolve_credential(key, account))
            region = get_region() if resource == "*" else resource.split(":")[3]
            caller = identity.Caller(principal.arn, account, region, principal)
            identity.require(caller, action, resource)
        finally:
            sts._sessions.pop(key, None)
    except identity.Refused as refused:
        return str(refused)
    return None
