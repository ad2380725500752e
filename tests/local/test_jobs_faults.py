"""Jobs met by faults: a role that may not be passed, a changed manifest, a late report, a lost reply."""

import dataclasses
import json
import re
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from brigade.errors import BrigadeError
from brigade.jobs.client import JobsClient
from brigade.jobs.row import ManifestRow
from brigade.jobs.submit import submit_rows
from tests.local.deployment import BRIGADE, Deployment
from tests.local.jobs import finished, plan_of, reported


@pytest.fixture(scope="module")
def folder(deployed: Deployment) -> str:
    """An object that is there; all else in the folder fails."""
    folder = f"faults-{uuid.uuid4().hex[:8]}/"
    deployed.emulator.root("s3").put_object(Bucket=deployed.outputs["LakeBucket"], Key=folder + "there", Body=b"x")
    return folder


@pytest.fixture
def over(deployed: Deployment, folder: str) -> str:
    """A job that is over: one task succeeded, one failed."""
    return finished(deployed, "verify", "--keys", "-", given=f"{folder}there\n{folder}absent\n", exits=1)


def changed(deployed: Deployment, **variables: str) -> Deployment:
    return dataclasses.replace(deployed, environment={**deployed.environment, **variables})


def put_in(deployed: Deployment, job: str, name: str, body: bytes | None) -> bytes:
    """Put a file of a job's report, or delete it; give what was there."""
    s3, place = deployed.emulator.root("s3"), {"Bucket": deployed.outputs["ReportsBucket"], "Key": name}
    before: bytes = s3.get_object(**place)["Body"].read() if body is None else b""
    if body is None:
        s3.delete_object(**place)
    else:
        s3.put_object(**place, Body=body)
    return before


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("arn:aws:iam::000000000000:role/somebody-elses", "not allowed to create the job (.*iam:PassRole.*)"),
        ("arn:aws:iam::111111111111:role/of-another-account", "not allowed to create the job (.*)"),
        ("arn:aws:iam::nonsense", "RoleArn"),
    ],
)
def test_a_role_that_may_not_be_passed_is_one_line(deployed: Deployment, folder: str, role: str, said: str) -> None:
    as_another = changed(deployed, BRIGADE_JOB_ROLE_ARN=role)
    done = as_another.run("--quiet", "jobs", "submit", "verify", "--keys", "-", "--yes", given=f"{folder}there\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(said.replace("(", r"\(").replace(")", r"\)"), done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"priority": -1}, "cannot create the job: Parameter validation failed: Invalid"),
        ({"priority": 1 << 31}, "Priority must be from 0 to 2147483647"),
        ({"function_arn": ""}, "FunctionArn"),
        ({"arguments": {"k": "v" * 1025}}, "must have a length from 0 to 1024"),
        ({"arguments": {str(n): "v" for n in range(11)}}, "must have a length from 1 to 10"),
        ({"stage": "a?"}, "a character that tags do not take"),
        ({"own": {"S3PutObjectCopy": {}}}, "TargetResource is required"),
        ({"own": {"S3DeleteObjectTagging": {}, "S3PutObjectTagging": {"TagSet": []}}}, "exactly one member"),
    ],
)
def test_a_job_that_s3_refuses_is_one_line(deployed: Deployment, changes: dict[str, Any], said: str) -> None:
    control = JobsClient(deployed.emulator.operator("s3control"), "000000000000")
    asked, s3 = plan_of(deployed, **changes), deployed.emulator.operator("s3")
    with pytest.raises(BrigadeError) as refused:
        submit_rows(control, s3, asked, [ManifestRow(asked.bucket, "a+b")], lambda _: None)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_manifest_that_changes_after_the_submit_fails_the_job_and_says_why(deployed: Deployment) -> None:
    class Tampered(JobsClient):
        """Somebody writes another manifest before S3 reads the one that the job was made with."""

        def create(self, request: Any) -> str:
            place = str(request["Manifest"]["Location"]["ObjectArn"]).rpartition(":::")[2]
            bucket, _, key = place.partition("/")
            deployed.emulator.root("s3").put_object(Bucket=bucket, Key=key, Body=b"lake,another\n")
            return super().create(request)

    control, s3 = Tampered(deployed.emulator.operator("s3control"), "000000000000"), deployed.emulator.operator("s3")
    job = submit_rows(control, s3, plan_of(deployed), [ManifestRow(plan_of(deployed).bucket, "a+b")], lambda _: None).id
    assert deployed.run("jobs", "watch", job).returncode == 1
    shown = deployed.ask("jobs", "show", job)
    assert (shown["status"], shown["total"]) == ("Failed", 0)
    assert shown["reasons"][0]["remedy"].startswith("the manifest was changed after it was pinned: submit again")


def test_a_report_that_comes_late_is_waited_for(deployed: Deployment, over: str) -> None:
    manifest = f"jobs/job-{over}/manifest.json"
    body = put_in(deployed, over, manifest, None)
    with subprocess.Popen(
        [BRIGADE, "jobs", "report", over], env=deployed.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reading:
        assert reading.stderr is not None
        said = reading.stderr.readline().decode()
        put_in(deployed, over, manifest, body)
        table, rest = reading.communicate(timeout=60)
    assert said == f"S3 has not written the report of job {over} yet: waiting up to 30 s\n"
    assert (reading.returncode, b"NoSuchKey" in table, rest) == (1, True, b"1 succeeded, 1 failed\n")


def test_a_file_that_the_report_lacks_is_named(deployed: Deployment, over: str) -> None:
    body = deployed.emulator.root("s3").get_object(
        Bucket=deployed.outputs["ReportsBucket"], Key=f"jobs/job-{over}/manifest.json"
    )["Body"]
    absent = next(file["Key"] for file in json.load(body)["Results"] if file["TaskExecutionStatus"] == "failed")
    put_in(deployed, over, absent, None)
    for command in (("report", over), ("retry", over, "--all", "--yes")):
        done = deployed.run("--quiet", "jobs", *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert absent in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_submit_whose_reply_is_lost_is_one_job(deployed: Deployment, folder: str) -> None:
    """S3 takes the job, the connection breaks, and the client of AWS asks again by itself."""
    with losing(deployed.emulator.endpoint, "POST", "/v20180820/jobs") as (endpoint, lost):
        through = changed(deployed, AWS_ENDPOINT_URL=endpoint)
        job = through.ask("jobs", "submit", "verify", "--keys", "-", "--yes", given=f"{folder}there\n")
    assert len(lost) == 1
    made = [each["id"] for each in deployed.ask("jobs", "list") if job["run"] in each["description"]]
    assert made == [job["id"]]
    assert deployed.run("jobs", "watch", job["id"]).returncode == 0
    assert set(reported(deployed, job["id"])) == {folder + "there"}


@contextmanager
def losing(endpoint: str, method: str, path: str) -> Iterator[tuple[str, list[str]]]:
    """Serve ``endpoint`` on another port; of the first such request the answer is lost. Gives what was lost."""
    lost: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server = HTTPConnection(endpoint.removeprefix("http://"), timeout=60)
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                server.putheader(name, value)
            server.endheaders(body)
            answer = server.getresponse()
            content = answer.read()
            server.close()
            if (self.command, self.path) == (method, path) and not lost:
                lost.append(self.path)
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", lost
        server.shutdown()
