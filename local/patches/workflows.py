"""Step Functions and EventBridge Scheduler of ministack 1.5.33: their roles, and the input of a schedule.

Not mended: the time zone of a schedule, which ministack reads as UTC.
"""

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from ministack.services import eventbridge, scheduler, stepfunctions

from local.replacing import replacing
from local.roles import refusal

_role: ContextVar[tuple[str, str] | None] = ContextVar("role of the execution", default=None)
_log = logging.getLogger("local")


def apply() -> None:
    """Apply the patches of this module."""
    act_with_the_role_of_the_state_machine()
    act_with_the_role_of_the_schedule()
    look_at_schedules_each_second()
    run_maps_as_wide_as_the_input_says()


def act_with_the_role_of_the_state_machine() -> None:
    """Symptom: a state machine invokes functions and sends messages that its role does not allow.

    Mends (1.5.33), for ``lambda:invoke`` and ``sqs:sendMessage``: the role must trust ``states.amazonaws.com`` and
    allow ``lambda:InvokeFunction`` or ``sqs:SendMessage``; else the task fails as on AWS.
    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    """

    @replacing(stepfunctions, "_execute_task")
    def execute(original: Any, state: Any, given: Any, execution: Any, context: Any) -> Any:
        machine = context["StateMachine"]["Id"]
        record = stepfunctions._state_machines.get(machine)
        token = _role.set((record["roleArn"], machine) if record else None)
        try:
            return original(state, given, execution, context)
        finally:
            _role.reset(token)

    @replacing(stepfunctions, "_call_lambda")
    def invoke(original: Any, function: str, event: Any) -> Any:
        arn = function if function.startswith("arn:") else _arn("lambda", f"function:{function}")
        _require("lambda:InvokeFunction", arn, "Lambda.AWSLambdaException")
        return original(function, event)

    @replacing(stepfunctions._SERVICE_DISPATCH, "arn:aws:states:::sqs:sendMessage")
    def send(original: Any, resource: str, message: Any) -> Any:
        _require("sqs:SendMessage", _arn("sqs", message["QueueUrl"].rsplit("/", 1)[-1]), "SQS.SqsException")
        return original(resource, message)


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{stepfunctions.get_region()}:{stepfunctions.get_account_id()}:{resource}"


def _require(action: str, resource: str, error: str) -> None:
    known = _role.get()
    if known is None:
        return
    role, machine = known
    why = refusal(role, "states.amazonaws.com", action, resource, {"aws:SourceArn": machine})
    if why:
        raise stepfunctions._ExecutionError(error, why)


def act_with_the_role_of_the_schedule() -> None:
    """Symptom: a schedule starts what its role does not allow, and passes ``<aws.scheduler.scheduled-time>`` literally.

    Mends (1.5.33), for state machines and functions: the role must trust ``scheduler.amazonaws.com`` and allow
    ``states:StartExecution`` or ``lambda:InvokeFunction``, else nothing starts, the log says why, and the event goes to
    the dead-letter queue if the role may send it there; the four context attributes are put in.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """

    @replacing(eventbridge, "_invoke_target")
    def start(original: Any, target: Any, event: Any, rule: Any, *rest: Any, **named: Any) -> Any:
        if event.get("Source") != "aws.scheduler":
            return original(target, event, rule, *rest, **named)
        service = target["Arn"].split(":")[2]
        action = {"states": "states:StartExecution", "lambda": "lambda:InvokeFunction"}.get(service)
        context = {"aws:SourceArn": _group(rule["Arn"])}
        why = action and refusal(target["RoleArn"], "scheduler.amazonaws.com", action, target["Arn"], context)
        if why:
            _log.warning("schedule %s: %s", rule["Arn"], why)
            queue = (target.get("DeadLetterConfig") or {}).get("Arn")
            if queue and not refusal(target["RoleArn"], "scheduler.amazonaws.com", "sqs:SendMessage", queue, context):
                original({"Id": "dead-letters", "Arn": queue}, event, rule, *rest, **named)
            return None
        attributes = {
            "scheduled-time": datetime.fromtimestamp(event["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "schedule-arn": rule["Arn"],
            "execution-id": event["EventId"],
            "attempt-number": "1",
        }
        given = target.get("Input")
        for name, value in attributes.items():
            given = given and given.replace(f"<aws.scheduler.{name}>", value)
        return original({**target, **({"Input": given} if given else {})}, event, rule, *rest, **named)


def _group(schedule: str) -> str:
    """Return the ARN of the group of a schedule, which is the source ARN that a role sees.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    start, group, _ = schedule.rsplit("/", 2)
    return f"{start}-group/{group}"


def look_at_schedules_each_second() -> None:
    """Symptom: a due schedule starts up to ten seconds late; mends (1.5.33) for those who watch one, and for tests."""
    scheduler._SCHEDULE_TICK_INTERVAL = 1


def run_maps_as_wide_as_the_input_says() -> None:
    """Symptom: ``MaxConcurrencyPath`` of a Map is not looked at, and a distributed Map starts what its role may not.

    Mends (1.5.33): the number at the path is the Map's ``MaxConcurrency``; a distributed Map needs
    ``states:StartExecution`` of its own state machine and ``states:DescribeExecution`` and ``states:StopExecution`` of
    its executions, and each of these has its own ARN and input in the context.
    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    """

    @replacing(stepfunctions, "_run_map_items")
    def run(original: Any, state: Any, given: Any, execution: Any, context: Any) -> Any:
        if path := state.get("MaxConcurrencyPath"):
            state = {**state, "MaxConcurrency": stepfunctions._resolve_path_or_ctx(path, given, context)}
        return original(state, given, execution, context)

    @replacing(stepfunctions, "_run_distributed_map")
    def spread(
        original: Any, state: Any, given: Any, effective: Any, iterator: Any, execution: Any, context: Any
    ) -> Any:
        machine = context["StateMachine"]["Id"]
        record = stepfunctions._state_machines.get(machine)
        token = _role.set((record["roleArn"], machine) if record else None)
        try:
            _require("states:StartExecution", machine, "States.Runtime")
            for action in ("states:DescribeExecution", "states:StopExecution"):
                _require(action, execution["executionArn"], "States.Runtime")
        finally:
            _role.reset(token)
        return original(state, given, effective, iterator, execution, context)

    @replacing(stepfunctions, "_run_sub_machine")
    def one(original: Any, states: Any, start: Any, given: Any, execution: Any, context: Any) -> Any:
        if "mapRunArn" in execution:
            mine = {"Id": execution["executionArn"], "Input": given, "Name": execution["name"]}
            context = {**context, "Execution": {**context["Execution"], **mine}}
        return original(states, start, given, execution, context)
