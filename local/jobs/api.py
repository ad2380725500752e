"""The job API of S3 Control, an ASGI application for ``/v20180820/jobs…``, and the scheduler's start and stop.

Any host name is accepted, with the account's label or without. API:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_AWS_S3_Control.html
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from local import identity
from local.jobs import events, job_store
from local.jobs import request as requests
from local.jobs.job import Job, arn
from local.jobs.role import SERVICE
from local.jobs.scheduler import Scheduler
from local.jobs.task_runner import Limits
from local.jobs.wire import Fault, check, error_body, request_body, response_body

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PATH = re.compile(r"/v20180820/jobs(?:/(?P<id>[a-zA-Z0-9_-]{5,36}))?(?:/(?P<part>status|priority|tagging))?/?")
_LONGEST_BODY = 1 << 20
_schedulers: list[Scheduler] = []


async def start(home: Path, endpoint: str) -> None:
    """Start the scheduler of the jobs in `home`. Unfinished jobs continue when the endpoint answers.

    The environment may set what AWS does not document: ``BRIGADE_LOCAL_JOB_WORKERS`` (invocations at once in a job),
    ``BRIGADE_LOCAL_JOB_ATTEMPTS`` (runs of a task that answers TemporaryFailure) and ``BRIGADE_LOCAL_JOB_BACKOFF_S``.
    """
    Job.tell = staticmethod(events.tell)
    usual = Limits()
    limits = Limits(
        workers=int(os.environ.get("BRIGADE_LOCAL_JOB_WORKERS", usual.workers)),
        attempts=int(os.environ.get("BRIGADE_LOCAL_JOB_ATTEMPTS", usual.attempts)),
        backoff_s=float(os.environ.get("BRIGADE_LOCAL_JOB_BACKOFF_S", usual.backoff_s)),
    )
    scheduler = Scheduler(home, endpoint, limits)
    _schedulers[:] = [scheduler]
    scheduler.start()


async def stop() -> None:
    """Stop the scheduler within a few seconds. Unfinished jobs continue at the next start."""
    while _schedulers:
        await asyncio.to_thread(_schedulers.pop().stop)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request of the job API."""
    try:
        body = await _body(receive)
        status, answer = 200, _serve(scope, body)
    except Fault as fault:
        status, answer = fault.status, error_body(fault)
    except identity.Refused as refused:
        status, answer = refused.status, error_body(Fault(refused.code, refused.message, refused.status))
    headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _LONGEST_BODY:
            raise Fault("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    return body


@dataclass
class _Call:
    """One authenticated request."""

    caller: identity.Caller
    scheduler: Scheduler
    job_id: str
    query: dict[str, list[str]]
    body: bytes

    @property
    def job_arn(self) -> str:
        return arn(self.caller.region, self.caller.account, self.job_id)

    def first(self, operation: str, member: str, name: str) -> Any:
        values = self.query.get(name)
        if not values:
            raise Fault("BadRequestException", f"Request invalid: {name} is required")
        return check(operation, member, values[0])

    def job(self, action: str, **context: Any) -> Job:
        """Return the job if the caller has the right. Without it, the error does not show if the job exists."""
        try:
            job = self.scheduler.store.find(self.job_id)
        except Fault:
            identity.require(self.caller, action, self.job_arn, context)
            raise
        existing = {
            "s3:ExistingJobPriority": str(job.record["priority"]),
            "s3:ExistingJobOperation": job.operation,
            "s3:JobSuspendedCause": job.record.get("suspended_cause"),
            **{f"aws:ResourceTag/{key}": value for key, value in job.record["tags"].items()},
        }
        identity.require(self.caller, action, self.job_arn, existing | context)
        return job


def _serve(scope: Scope, body: bytes) -> bytes:
    match = _PATH.fullmatch(scope["path"])
    route = (scope["method"], bool(match and match["id"]), match["part"] if match else None)
    if not match or route not in _ROUTES:
        raise Fault("MethodNotAllowed", "The specified method is not allowed against this resource", 405)
    caller = identity.identify(scope, body)
    account = next((value.decode() for name, value in scope["headers"] if name.lower() == b"x-amz-account-id"), None)
    if account is None:
        raise Fault("InvalidRequest", "x-amz-account-id is required")
    if account != caller.account:
        raise Fault("AccessDenied", "Access Denied", 403)
    if not _schedulers:
        raise Fault("ServiceUnavailable", "The local AWS is going down", 503)
    query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    return _ROUTES[route](_Call(caller, _schedulers[0], match["id"] or "", query, body))


def _create(call: _Call) -> bytes:
    request = requests.read(call.body)
    operation = next(iter(request["Operation"]))
    tags = requests.check_tags(request.get("Tags", []))
    context = {
        "s3:RequestJobPriority": str(request["Priority"]),
        "s3:RequestJobOperation": operation,
        **_requested(tags),
    }
    identity.require(call.caller, "s3:CreateJob", "*", context)
    call.job_id = job_store.new_id()
    if tags:
        identity.require(call.caller, "s3:PutJobTagging", call.job_arn, context)
    if request["RoleArn"].split(":")[4] != call.caller.account:
        raise Fault("AccessDeniedException", "Cross-account pass role is not allowed", 403)
    identity.require(call.caller, "iam:PassRole", request["RoleArn"], {"iam:PassedToService": SERVICE})
    job, new = call.scheduler.store.create(call.job_id, request, call.caller.account, call.caller.region)
    if new:
        call.scheduler.wake()
    return response_body("CreateJob", {"JobId": job.id})


def _describe(call: _Call) -> bytes:
    return response_body("DescribeJob", {"Job": call.job("s3:DescribeJob").describe()})


def _list(call: _Call) -> bytes:
    identity.require(call.caller, "s3:ListJobs", "*")
    statuses = call.query.get("jobStatuses", [])
    try:
        limit = call.first("ListJobs", "MaxResults", "maxResults") if "maxResults" in call.query else 1000
        for status in statuses:
            check("ListJobs", "JobStatuses", status)
    except Fault as fault:
        raise Fault("InvalidRequestException", fault.message) from fault
    token = call.query.get("nextToken", [""])[0]
    jobs, following = call.scheduler.store.page(statuses, limit or 1000, token)
    return response_body("ListJobs", {"Jobs": [job.listed() for job in jobs], "NextToken": following})


def _update_status(call: _Call) -> bytes:
    job = call.job("s3:UpdateJobStatus")
    wanted = call.first("UpdateJobStatus", "RequestedJobStatus", "requestedJobStatus")
    reason = call.query.get("statusUpdateReason", [None])[0]
    with job.lock:
        if wanted == "Ready" and job.status != "Suspended":
            raise Fault("JobStatusException", f"A job in state {job.status} cannot become Ready", 409)
        job.move("Cancelling" if wanted == "Cancelled" else "Ready")
        job.record["reason"] = reason
        job.save()
    call.scheduler.wake()
    return response_body("UpdateJobStatus", {"JobId": job.id, "Status": job.status, "StatusUpdateReason": reason})


def _update_priority(call: _Call) -> bytes:
    priority = call.first("UpdateJobPriority", "Priority", "priority")
    job = call.job("s3:UpdateJobPriority", **{"s3:RequestJobPriority": str(priority)})
    with job.lock:
        if job.ended:
            raise Fault("BadRequestException", f"Request invalid: a job in state {job.status} has no priority any more")
        job.record["priority"] = priority
        job.save()
    return response_body("UpdateJobPriority", {"JobId": job.id, "Priority": priority})


def _put_tags(call: _Call) -> bytes:
    tags = requests.check_tags(request_body("PutJobTagging", call.body)["Tags"])
    return _tag(call.job("s3:PutJobTagging", **_requested(tags)), tags)


def _get_tags(call: _Call) -> bytes:
    tags = call.job("s3:GetJobTagging").record["tags"]
    return response_body("GetJobTagging", {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})


def _delete_tags(call: _Call) -> bytes:
    return _tag(call.job("s3:DeleteJobTagging"), {})


def _tag(job: Job, tags: dict[str, str]) -> bytes:
    with job.lock:
        job.record["tags"] = tags
        job.save()
    return b""


def _requested(tags: dict[str, str]) -> dict[str, Any]:
    keys: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return keys | {"aws:TagKeys": list(tags)} if tags else keys


_ROUTES: dict[tuple[str, bool, str | None], Callable[[_Call], bytes]] = {
    ("POST", False, None): _create,
    ("GET", False, None): _list,
    ("GET", True, None): _describe,
    ("POST", True, "status"): _update_status,
    ("POST", True, "priority"): _update_priority,
    ("PUT", True, "tagging"): _put_tags,
    ("GET", True, "tagging"): _get_tags,
    ("DELETE", True, "tagging"): _delete_tags,
}
