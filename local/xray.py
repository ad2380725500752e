"""X-Ray: the newest thousand traces of functions and state machines, in memory.

Served: PutTraceSegments, GetTraceSummaries (by time), BatchGetTraces; and the daemon that Lambda runs beside a
function, on a UDP port of 127.0.0.1. A trace is dropped unless the role of what sends it has every right that its
service's page names; on AWS some of them missing only make it poorer.
https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
"""

import asyncio
import json
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from local import identity
from local.roles import refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Segment = dict[str, Any]

_KEPT = 1000
_SENDING = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
_RIGHTS = {
    "lambda.amazonaws.com": _SENDING,
    "states.amazonaws.com": (*_SENDING, "xray:GetSamplingRules", "xray:GetSamplingTargets"),
}
_log = logging.getLogger("local")
_traces: OrderedDict[str, dict[str, Segment]] = OrderedDict()
_roles: OrderedDict[str, str] = OrderedDict()


def new(role: str) -> tuple[str, str]:
    """Return the ids of a new trace and of its first segment. The daemon sends segments of that trace with `role`."""
    trace = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    _roles[trace] = role
    _forget_the_oldest(_roles)
    return trace, secrets.token_hex(8)


def store_segment(service: str, role: str, segment: Segment) -> None:
    """Store a segment that `service` sends with `role`. Without the right it is dropped and logged."""
    for action in _RIGHTS[service]:
        why = refusal(role, service, action, "*")
        if why:
            _log.warning("a trace of %s is lost: %s", segment.get("name"), why)
            return
    _keep(segment)


class Daemon(asyncio.DatagramProtocol):
    """Receives segments from the X-Ray SDK of a function: a line of JSON with the format, then the segment."""

    @classmethod
    async def start(cls) -> tuple[asyncio.BaseTransport, str]:
        """Listen, and return the transport to close and the address for `AWS_XRAY_DAEMON_ADDRESS`."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        host, port = transport.get_extra_info("sockname")
        return transport, f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Forward the segment with the role of the function of its trace; drop a segment of an unknown trace."""
        try:
            segment = json.loads(data.partition(b"\n")[2])
            role = _roles[segment["trace_id"]]
        except (ValueError, KeyError, TypeError):
            _log.warning("the X-Ray daemon got an invalid segment: %.200r", data)
            return
        store_segment("lambda.amazonaws.com", role, segment)


def serves(scope: Scope) -> bool:
    """Return whether a request is for X-Ray: a bucket may have a name like these paths."""
    signed = (value for name, value in scope["headers"] if name.lower() == b"authorization")
    return scope["path"] in _ROUTES and any(b"/xray/aws4_request" in value for value in signed)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request of the X-Ray API."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    action, answer = _ROUTES[scope["path"]]
    try:
        identity.require(identity.identify(scope, body), f"xray:{action}", "*")
        status, document = 200, answer(json.loads(body or b"{}"))
    except identity.Refused as refused:
        status, document = refused.status, {"__type": refused.code, "message": refused.message}
    text = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _keep(segment: Segment) -> None:
    _traces.setdefault(segment["trace_id"], {})[segment["id"]] = segment
    _forget_the_oldest(_traces)


def _forget_the_oldest(known: OrderedDict[str, Any]) -> None:
    while len(known) > _KEPT:
        known.popitem(last=False)


def _put(asked: Mapping[str, Any]) -> Any:
    refused = []
    for document in asked.get("TraceSegmentDocuments", []):
        try:
            _keep(json.loads(document))
        except (ValueError, KeyError, TypeError):
            refused.append({"ErrorCode": "InvalidSegment", "Message": "no segment with trace_id and id"})
    return {"UnprocessedTraceSegments": refused}


def _summaries(asked: Mapping[str, Any]) -> Any:
    found = [
        _summary(trace, segments)
        for trace, segments in _traces.items()
        if any(asked["StartTime"] <= segment["start_time"] <= asked["EndTime"] for segment in segments.values())
    ]
    return {"TraceSummaries": found, "ApproximateTime": time.time(), "TracesProcessedCount": len(found)}


def _summary(trace: str, segments: Mapping[str, Segment]) -> Any:
    services = {(each["name"], each["origin"]) for each in segments.values() if "origin" in each}
    return {
        "Id": trace,
        "Duration": _duration(segments),
        "HasFault": any(segment.get("fault", False) for segment in segments.values()),
        "HasError": any(segment.get("error", False) for segment in segments.values()),
        "ServiceIds": [{"Name": name, "Type": origin} for name, origin in sorted(services)],
    }


def _duration(segments: Mapping[str, Segment]) -> float:
    starts = [float(segment["start_time"]) for segment in segments.values()]
    ends = [float(segment["end_time"]) for segment in segments.values() if "end_time" in segment]
    return max(starts + ends) - min(starts)


def _batch(asked: Mapping[str, Any]) -> Any:
    known = [trace for trace in asked.get("TraceIds", []) if trace in _traces]
    return {
        "Traces": [
            {
                "Id": trace,
                "Duration": _duration(_traces[trace]),
                "Segments": [{"Id": id_, "Document": json.dumps(each)} for id_, each in _traces[trace].items()],
            }
            for trace in known
        ],
        "UnprocessedTraceIds": [trace for trace in asked.get("TraceIds", []) if trace not in _traces],
    }


_ROUTES: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
    "/TraceSegments": ("PutTraceSegments", _put),
    "/TraceSummaries": ("GetTraceSummaries", _summaries),
    "/Traces": ("BatchGetTraces", _batch),
}
