"""Tracing for ministack 1.5.33, which has no X-Ray: the segments of Lambda and Step Functions."""

import time
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc, stepfunctions

from local import xray
from local.replacing import provisioned, replacing

_header: ContextVar[str | None] = ContextVar("the trace header of an invocation", default=None)


def apply() -> None:
    """Apply the patches of this module."""
    trace_functions()
    trace_state_machines()


def trace_functions() -> None:
    """Symptom: a function with active tracing leaves no trace, and its SDK sends to a daemon that is not there.

    Mends (1.5.33): an invocation has a trace, with a segment of the function's that the SDK's own hang below.
    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    """

    @replacing(lambda_svc, "_xray_trace_id_for_invocation")
    def trace_id(original: Any, *arguments: Any, **named: Any) -> Any:
        return _header.get() or original(*arguments, **named)

    @replacing(lambda_svc, "_execute_function_warm")
    def execute(original: Any, function: Any, *arguments: Any, **named: Any) -> Any:
        known = function.get("config") or function
        if (known.get("TracingConfig") or {}).get("Mode") != "Active":
            return original(function, *arguments, **named)
        (trace, segment), started = xray.new(known["Role"]), time.time()
        token = _header.set(f"Root={trace};Parent={segment};Sampled=1")
        try:
            result = original(function, *arguments, **named)
        finally:
            _header.reset(token)
        told = _segment(trace, segment, known["FunctionName"], "AWS::Lambda::Function", started)
        xray.store_segment("lambda.amazonaws.com", known["Role"], {**told, "fault": bool(result.get("error"))})
        return result


def trace_state_machines() -> None:
    """Symptom: ``TracingConfiguration`` of a template is lost, and no execution is traced.

    Mends (1.5.33): it is kept, and an execution leaves a trace with a segment of the state machine's.
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
    """

    @provisioned("AWS::StepFunctions::StateMachine")
    def keep(arn: str, properties: Any) -> None:
        asked = properties.get("TracingConfiguration") or {}
        enabled = str(asked.get("Enabled", False)).lower() == "true"
        stepfunctions._state_machines[arn]["tracingConfiguration"] = {"enabled": enabled}

    @replacing(stepfunctions, "_run_execution")
    def run(original: Any, execution: str) -> None:
        machine = stepfunctions._state_machines.get(stepfunctions._executions[execution]["stateMachineArn"]) or {}
        started = time.time()
        original(execution)
        if (machine.get("tracingConfiguration") or {}).get("enabled"):
            trace, segment = xray.new(machine["roleArn"])
            told = _segment(trace, segment, machine["name"], "AWS::StepFunctions::StateMachine", started)
            failed = stepfunctions._executions[execution]["status"] != "SUCCEEDED"
            xray.store_segment("states.amazonaws.com", machine["roleArn"], {**told, "fault": failed})


def _segment(trace: str, segment: str, name: str, origin: str, started: float) -> xray.Segment:
    return {
        "trace_id": trace,
        "id": segment,
        "name": name,
        "origin": origin,
        "start_time": started,
        "end_time": time.time(),
    }
