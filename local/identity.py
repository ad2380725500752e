"""Authentication and authorization for routes that ministack does not serve, with its own checks.

Root (the keys of the account) may do everything, as on AWS for a single account.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.core.router import extract_access_key_id, extract_region
from ministack.core.sigv4 import decode_header_value
from ministack.services import iam, sts


class Refused(Exception):
    """The caller's signature is wrong, or it lacks the right; ``code`` and ``status`` are AWS's for the answer."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Caller:
    """An authenticated caller: its ARN, its account, and what ministack knows of its policies."""

    arn: str
    account: str
    region: str
    principal: Any  # ministack's PrincipalInfo; its policies are None for root


def identify(scope: Mapping[str, Any], body: bytes) -> Caller:
    """Return the caller of an ASGI request, after checking its signature over headers and body.

    Sets the request's account and region for ministack's stores, so call it in the task that serves the request.

    Raises:
        Refused: Unsigned request, unknown key, expired session, wrong signature, or a clock too far off.
    """
    query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    headers = {name.decode("latin-1").lower(): decode_header_value(value) for name, value in scope["headers"]}
    key = extract_access_key_id(headers, query)
    if not key:
        raise Refused("MissingAuthenticationToken", "Missing Authentication Token")
    set_request_region(extract_region(headers, query))
    set_request_account_id(evaluator.find_iam_access_key_account(key) or key)
    raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    evaluator.pin_signed_request(scope["method"], raw_path, query, scope["headers"])
    evaluator.pin_signed_body(body)
    credential = evaluator.authenticate(key, get_account_id())
    if isinstance(credential, evaluator.AuthError):
        raise Refused(credential.code, credential.message)
    principal = evaluator.resolve_principal(key, get_account_id(), credential)
    if isinstance(principal, evaluator.AuthError):
        raise Refused(principal.code, principal.message)
    return Caller(principal.arn, principal.account, get_region(), principal)


def current() -> Caller:
    """Return the sender of the request that this task serves. ministack stores it for every task of the request.

    Raises:
        Refused: The key or the session of the caller is not valid any more.
    """
    # The key whose signature was found right; root's, which is not checked, leaves it empty.
    principal = evaluator.resolve_principal(evaluator._verified_key.get(), get_account_id())
    if isinstance(principal, evaluator.AuthError):
        raise Refused(principal.code, principal.message)
    return Caller(principal.arn, principal.account, get_region(), principal)


def allowed(caller: Caller, action: str, resource: str, context: Mapping[str, Any] | None = None) -> bool:
    """Return whether the policies, boundary and session policies of the caller allow an action on a resource.

    The policy of the resource itself (a bucket, a function, a queue) counts too.

    Args:
        caller: from :func:`identify`.
        action: as in a policy, ``s3:CreateJob``.
        resource: its ARN, or ``*`` for an action that has none.
        context: condition keys and values, ``{"s3:RequestJobPriority": "10"}``.
    """
    if caller.principal.policies is None:
        return True
    keys = {"aws:tagkeys": None, **{name.lower(): value for name, value in (context or {}).items()}}
    question = evaluator.EvalContext(
        principal_arn=caller.arn,
        principal_type=caller.principal.type,
        principal_account=caller.account,
        action=action,
        resource_arn=resource,
        region=caller.region,
        service_context=keys,
        principal_keys=caller.principal.keys,
        secure_transport=True,  # on loopback there is no line to listen on
    )
    answer = evaluator.evaluate(question, caller.principal.policies, *caller.principal.limits)
    service = action.partition(":")[0]
    own = evaluator._resource_policy(service, resource)
    if own is not None:
        required = service in evaluator._POLICY_REQUIRED  # a key's policy must allow even its own account
        answer = evaluator.combine_resource_policy(answer, question, *own, required, caller.principal.limits)
    return bool(answer.decision == "Allow")


def require(caller: Caller, action: str, resource: str, context: Mapping[str, Any] | None = None) -> None:
    """Return when :func:`allowed`; else raise :class:`Refused` in AWS's words, naming who, what and which resource."""
    if not allowed(caller, action, resource, context):
        raise Refused(
            "AccessDenied",
            f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action",
        )


def assume_for_service(
    role_arn: str, service: str, session: str, context: Mapping[str, str], seconds: int = 3600
) -> dict[str, str]:
    """Return session credentials of a role for an AWS service that the trust policy of the role names.

    STS of ministack lets root assume every role that trusts any service, and sends no `aws:SourceAccount`. So it would
    accept a role that trusts another service, and refuse a role that needs the account. The trust policy is evaluated
    here instead.

    Args:
        role_arn: the role, of any account on this machine.
        service: ``batchoperations.s3.amazonaws.com``.
        session: name of the session, 64 characters at most.
        context: condition keys that the service sends, ``{"aws:SourceAccount": …, "aws:SourceArn": …}``.
        seconds: how long the credentials live.

    Returns:
        ``aws_access_key_id``, ``aws_secret_access_key`` and ``aws_session_token``, as boto3 takes them.

    Raises:
        Refused: The role does not exist, or does not trust the service under these conditions.
    """
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name)
    if role is None or role.get("Arn", role_arn) != role_arn:
        raise Refused("AccessDenied", f"There is no role {role_arn}")
    if not _trusts(role.get("AssumeRolePolicyDocument", "{}"), role_arn, account, service, context):
        raise Refused("AccessDenied", f"Role {role_arn} does not trust {service} to assume it here")
    arn, invalid = sts._assumed_role_arn(role_arn, session)
    if invalid:
        raise Refused("ValidationError", f"{role_arn} is not the ARN of a role", 400)
    key, secret, token = sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
    sts.register_session(
        key,
        {
            "Arn": arn,
            "UserId": f"{sts._role_id(role_arn)}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": time.time() + seconds,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    return {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}


def _trusts(policy: str | dict[str, Any], role_arn: str, account: str, service: str, keys: Mapping[str, str]) -> bool:
    document = json.loads(policy) if isinstance(policy, str) else policy
    statements = document.get("Statement", [])
    # A trust policy's statements have no Resource: the role itself is meant.
    named = [
        {**statement, "Resource": "*"}
        for statement in (statements if isinstance(statements, list) else [statements])
        if evaluator._service_principal_matches(statement.get("Principal"), service)
    ]
    question = evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=get_region(),
        service_context={name.lower(): value for name, value in keys.items()},
    )
    answer = evaluator.evaluate(question, [evaluator.parse_policy_document({"Statement": named})])
    return bool(answer.decision == "Allow")
