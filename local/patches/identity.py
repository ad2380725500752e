"""IAM of ministack 1.5.33: the match of a pattern, and the resource of a call."""

import json
import re
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import athena

from local.replacing import replacing


def apply() -> None:
    """Apply the patches of this module."""
    match_every_character()
    know_the_workgroup_of_a_query()
    know_the_service_of_an_update()
    ask_of_a_batch_what_it_asks_of_one()


def match_every_character() -> None:
    r"""Symptom: a user who may write ``photographs/*`` is denied a key with a newline in it.

    Mends (1.5.33): ``*`` and ``?`` stand for any character, also ``\n``, as they do on AWS.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """

    @replacing(iam_evaluator, "_fnmatch_compile")
    def compiled(original: object, pattern: str, ignore_case: bool) -> re.Pattern[str]:
        parts = (".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
        return re.compile(rf"{''.join(parts)}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def know_the_workgroup_of_a_query() -> None:
    """Symptom: who may watch the queries of a workgroup is denied GetQueryExecution, GetQueryResults and Stop….

    Mends (1.5.33): a call that names a query by its id is about the query's workgroup, as AWS has it.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html
    """

    @replacing(iam_actions, "extract_resource_arn")
    def resource(original: Any, service: str, *request: Any, **named: Any) -> str:
        arn: str = original(service, *request, **named)
        if service != "athena" or arn != "*":
            return arn
        _, _, _, body, _, region, account = request
        query = athena._executions.get(json.loads(body or b"{}").get("QueryExecutionId", "")) or {}
        return f"arn:aws:athena:{region}:{account}:workgroup/{query['WorkGroup']}" if "WorkGroup" in query else arn


def know_the_service_of_an_update() -> None:
    """Symptom: who may ecs:UpdateService a service is denied it; who may do it to the cluster is let.

    Mends (1.5.33): the call is about the service that it names, as AWS has it.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
    """

    @replacing(iam_actions, "extract_resource_arn")
    def resource(original: Any, service: str, *request: Any, **named: Any) -> str:
        arn: str = original(service, *request, **named)
        if service != "ecs":
            return arn
        asked = json.loads(request[3] or b"{}")
        if not asked.get("cluster") or not asked.get("service"):
            return arn
        cluster, name = (str(asked[part]).rpartition("/")[2] for part in ("cluster", "service"))
        return f"arn:aws:ecs:{request[-2]}:{request[-1]}:service/{cluster}/{name}"


def ask_of_a_batch_what_it_asks_of_one() -> None:
    """Symptom: who may sqs:SendMessage is denied SendMessageBatch, for want of an action that AWS does not have.

    Mends (1.5.33): a batch of messages needs the right that one message needs.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """

    @replacing(iam_actions, "extract_iam_action")
    def action(original: Any, service: str, *request: Any, **named: Any) -> str | None:
        asked: str | None = original(service, *request, **named)
        return asked.removesuffix("Batch") if service == "sqs" and asked else asked
