"""Secrets Manager of ministack 1.5.33: rotation, and the schedule that starts it."""

import contextvars
import json
import logging
import threading
import time
from typing import Any

from ministack.core.responses import error_response_json, json_response, new_uuid
from ministack.services import lambda_svc, secretsmanager
from ministack.services.cloudformation import provisioners

from local.replacing import replacing

_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_log = logging.getLogger("local")
_under_way: set[str] = set()


def apply() -> None:
    """Apply the patches of this module."""
    rotate_by_the_function()
    give_no_value_of_an_empty_version()
    know_rotation_schedules()
    refer_by_arn()


def rotate_by_the_function() -> None:
    """Symptom: RotateSecret calls no function: the old value becomes AWSCURRENT under a new version.

    Mends (1.5.33): the function is called in the background with each of the four steps, and what it does is what
    happens; at a failure the version stays AWSPENDING, and the next call takes that rotation up again. The schedule is
    kept and not followed: a rotation here is asked for.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    """

    @replacing(secretsmanager, "_rotate_secret")
    def rotate(original: Any, data: dict[str, Any]) -> Any:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        if not secret or secret.get("DeletedDate") or secretsmanager._is_replica(secret):
            return original(data)
        function = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
        if not function:
            return error_response_json("InvalidRequestException", "No Lambda rotation function ARN is associated.", 400)
        secret["RotationLambdaARN"], secret["RotationEnabled"] = function, True
        secret["RotationRules"] = data.get("RotationRules") or secret.get("RotationRules")
        token, begun = data.get("ClientRequestToken", new_uuid()), _begun(secret)
        if not begun and not data.get("RotateImmediately", True):
            return json_response({"ARN": secret["ARN"], "Name": secret["Name"]})
        if not begun:
            secretsmanager._remove_stage_everywhere(secret, "AWSPENDING")  # a label is on one version
            version = {"SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time())}
            secret["Versions"][token] = version | {"Stages": ["AWSPENDING"]}
        if begun not in _under_way:
            _under_way.add(begun or token)
            run = contextvars.copy_context().run
            threading.Thread(target=run, args=(_perform, secret, function, begun or token), daemon=True).start()
        if begun:
            text = "A previous rotation isn't complete. That rotation will be reattempted."
            return error_response_json("InvalidRequestException", text, 400)
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})


def _begun(secret: dict[str, Any]) -> str | None:
    """The version that an unfinished rotation left."""
    version, found = secretsmanager._find_stage_version(secret, "AWSPENDING")
    return str(version) if found and "AWSCURRENT" not in found["Stages"] else None


def _perform(secret: dict[str, Any], function: str, token: str) -> None:
    try:
        _take_steps(secret, function, token)
    finally:
        _under_way.discard(token)


def _take_steps(secret: dict[str, Any], function: str, token: str) -> None:
    record, config, _ = lambda_svc._get_func_record_for_ref(function)
    if not record or not config:
        _log.error("the secret %s is not rotated: there is no function %s", secret["Name"], function)
        return
    called = lambda_svc._execution_record_for_config(record, config)
    for step in _STEPS:
        event = {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": token}
        result = lambda_svc._execute_function_with_config_scope(called, event)
        if result.get("error"):
            _log.error("the secret %s is not rotated: %s failed: %s", secret["Name"], step, result.get("body"))
            return
    secret["LastRotatedDate"] = int(time.time())


def give_no_value_of_an_empty_version() -> None:
    """Symptom: GetSecretValue of the version that a rotation is about to fill answers 200 without a value.

    Mends (1.5.33): it is not found, as on AWS until the function puts a value into it.
    """

    @replacing(secretsmanager, "_get_secret_value")
    def get(original: Any, data: dict[str, Any]) -> Any:
        status, headers, body = original(data)
        if status == 200 and not {"SecretString", "SecretBinary"} & json.loads(body).keys():
            text = "Secrets Manager can't find the specified secret value for this version."
            return error_response_json("ResourceNotFoundException", text, 400)
        return status, headers, body


def know_rotation_schedules() -> None:
    """Symptom: a template with AWS::SecretsManager::RotationSchedule is refused, "Unrecognized resource types".

    Mends (1.5.33): the secret gets function and rules from RotateSecret, which starts a rotation by default.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-rotationschedule.html
    """
    provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::RotationSchedule"] = {
        "create": _schedule,
        "update": _reschedule,
        "delete": _unschedule,
    }


def _schedule(logical_id: str, properties: Any, stack: str) -> tuple[str, dict[str, str]]:
    status, _, body = secretsmanager._rotate_secret(
        {
            "SecretId": properties["SecretId"],
            "RotationLambdaARN": properties.get("RotationLambdaARN"),
            "RotationRules": properties.get("RotationRules"),
            "RotateImmediately": str(properties.get("RotateImmediatelyOnUpdate", True)).lower() != "false",
        }
    )
    answer = json.loads(body)
    if status >= 300:
        raise ValueError(f"AWS::SecretsManager::RotationSchedule failed: {answer}")
    return answer["ARN"], {"Id": answer["ARN"]}


def _reschedule(physical_id: str, old: Any, new: Any, stack: str, *rest: Any, **named: Any) -> Any:
    return _schedule("", new, stack)


def _unschedule(physical_id: str, properties: Any) -> None:
    _, secret = secretsmanager._resolve(physical_id)
    if secret:
        secret["RotationEnabled"] = False


def refer_by_arn() -> None:
    """Symptom: Ref of an AWS::SecretsManager::Secret is its name, so that a policy made with it allows nothing.

    Mends (1.5.33): it is the ARN, as on AWS.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]

    @replacing(handlers, "create")
    def create(original: Any, *arguments: Any, **named: Any) -> Any:
        _, attributes = original(*arguments, **named)
        return attributes["Arn"], attributes

    @replacing(handlers, "update")
    def update(original: Any, physical_id: str, *arguments: Any, **named: Any) -> Any:
        _, attributes = original(_name(physical_id), *arguments, **named)
        return attributes.get("Arn", physical_id), attributes

    @replacing(handlers, "delete")
    def delete(original: Any, physical_id: str, *arguments: Any, **named: Any) -> Any:
        return original(_name(physical_id), *arguments, **named)


def _name(physical_id: str) -> str:
    _, secret = secretsmanager._resolve(physical_id)
    return str(secret["Name"]) if secret else physical_id
