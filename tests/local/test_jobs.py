"""``brigade jobs`` as a person uses it: the real command, deployed operations, enforced IAM, the local S3 Control."""

import json
import os
import signal
import subprocess
import uuid
from urllib.parse import quote

import pytest

from brigade.jobs.client import JobsClient
from brigade.jobs.row import ManifestRow
from brigade.jobs.submit import submit_rows
from tests.local.deployment import BRIGADE, Deployment
from tests.local.jobs import finished, plan_of, put_manifest, reported, suspended

KEYS = [
    "plain.txt",
    "a b+c%20d%=e&f.txt",
    "\"quoted\", 'and' commas.txt",
    "new\nline\rand\ttab",
    "🪣/日本語/Ωмега.txt",
    "//x/../y",
    " edges ",
]


@pytest.fixture(scope="module")
def folder(deployed: Deployment) -> str:
    """Objects under odd keys, in a folder of the lake of their own."""
    folder = f"odd-{uuid.uuid4().hex[:8]}/"
    s3 = deployed.emulator.root("s3")
    for key in KEYS:
        s3.put_object(Bucket=deployed.outputs["LakeBucket"], Key=folder + key, Body=key.encode())
    return folder


def test_every_key_goes_through_a_job_and_back_exactly(deployed: Deployment, folder: str) -> None:
    """By a manifest that another tool wrote: %20 for a space, everything else quoted as URLs are."""
    lake = deployed.outputs["LakeBucket"]
    address = put_manifest(deployed, "".join(f"{lake},{quote(folder + key)}\n" for key in KEYS).encode())
    found = reported(deployed, finished(deployed, "verify", "--manifest", address))
    assert set(found) == {folder + key for key in KEYS}
    assert {row["status"] for row in found.values()} == {"succeeded"}
    for key in KEYS:
        assert found[folder + key]["message"].endswith(f"bytes={len(key.encode())}")


def test_failures_have_reasons_and_a_retry_repeats_them_alone(deployed: Deployment, folder: str) -> None:
    """A list on stdin; one object is missing, one is not gzip; one comes to be before the retry."""
    s3, lake = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"]
    s3.put_object(Bucket=lake, Key=folder + "not gzip +%.gz", Body=b"plain")
    keys = [folder + "plain.txt", folder + "missing +%.txt", folder + "not gzip +%.gz"]
    job = finished(deployed, "verify", "--keys", "-", given="".join(f"{lake}\t{key}\n" for key in keys), exits=1)
    found = reported(deployed, job, "--failed")
    assert set(found) == set(keys[1:])
    assert found[keys[1]]["code"] == found[keys[2]]["code"] == "PermanentFailure"
    assert found[keys[1]]["message"].startswith("NoSuchKey: ")
    assert found[keys[2]]["message"].startswith("InvalidData: not sound gzip")
    counted = deployed.ask("jobs", "report", job, exits=1)
    assert (counted["succeeded"], counted["failed"], len(counted["reasons"])) == (1, 2, 3)

    s3.put_object(Bucket=lake, Key=keys[1], Body=b"here now")
    refused = deployed.run("jobs", "retry", job, "--yes")
    assert (refused.returncode, "failed permanently" in refused.stderr) == (2, True)
    assert deployed.ask("jobs", "retry", job, "--only", "TemporaryFailure", "--yes") == {"id": None}
    retried = deployed.ask("jobs", "retry", job, "--all", "--yes")
    assert (retried["objects"], retried["parent"]) == (2, job)
    assert deployed.run("jobs", "watch", retried["id"]).returncode == 1
    again = reported(deployed, retried["id"])
    assert {key: row["status"] for key, row in again.items()} == {keys[1]: "succeeded", keys[2]: "failed"}

    done = deployed.run("jobs", "report", job, "--format", "csv", "--failed")
    assert done.stdout.splitlines()[0] == "bucket,key,version_id,status,http_status,code,message"
    table = deployed.run("jobs", "report", job)
    assert table.returncode == 1
    assert "NoSuchKey" in table.stdout
    assert "1 succeeded, 2 failed" in table.stderr


def test_a_manifest_with_versions_reads_those_versions(deployed: Deployment, folder: str) -> None:
    s3, lake, key = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"], folder + "versions +.txt"
    old = s3.put_object(Bucket=lake, Key=key, Body=b"old")["VersionId"]
    s3.put_object(Bucket=lake, Key=key, Body=b"the new one")
    address = put_manifest(deployed, f"{lake},{quote(key)},{old}\n{lake},{quote(key)},no-such-version\n".encode())
    job = finished(deployed, "verify", "--manifest", address, exits=1)
    (failed,) = reported(deployed, job, "--failed").values()
    assert failed["version_id"] == "no-such-version"
    done = deployed.run("jobs", "report", job, "--format", "jsonl").stdout.splitlines()
    (succeeded,) = [row for row in map(json.loads, done) if row["status"] == "succeeded"]
    assert (succeeded["key"], succeeded["version_id"]) == (key, old)
    assert succeeded["message"].endswith("bytes=3")


def test_an_operation_reaches_what_it_declares_and_nothing_else(deployed: Deployment, folder: str) -> None:
    refused = deployed.run("jobs", "submit", "thumbnail", "--keys", "-", "--yes", given=folder + "plain.txt\n")
    assert (refused.returncode, "it reads photographs/*" in refused.stderr) == (2, True)
    plan = plan_of(deployed, operation="thumbnail", function_arn=deployed.outputs["OperationThumbnail"])
    control = JobsClient(deployed.emulator.operator("s3control"), "0" * 12)
    row = ManifestRow(plan.bucket, quote(folder + "plain.txt"))
    job = submit_rows(control, deployed.emulator.operator("s3"), plan, [row], lambda _: None).id
    assert deployed.run("jobs", "watch", job).returncode == 1
    (task,) = reported(deployed, job).values()
    assert task["message"].startswith("AccessDenied: ")


def test_a_job_that_waits_is_confirmed_or_cancelled(deployed: Deployment, folder: str) -> None:
    content = f"{deployed.outputs['LakeBucket']},{folder}plain.txt\n".encode()
    first, second = suspended(deployed, content), suspended(deployed, content)
    assert "brigade jobs confirm" in deployed.run("jobs", "show", first).stdout
    assert deployed.ask("jobs", "priority", first, "77") == {"id": first, "priority": 77}
    unasked = deployed.run("jobs", "confirm", first)
    assert (unasked.returncode, "on 1 objects" in unasked.stderr, "add --yes" in unasked.stderr) == (2, True, True)
    assert deployed.ask("jobs", "show", first)["status"] == "Suspended"
    assert deployed.run("jobs", "confirm", first, "--yes").returncode == 0
    assert deployed.run("jobs", "watch", first).returncode == 0
    assert deployed.ask("jobs", "show", first)["priority"] == 77
    assert deployed.run("jobs", "cancel", second).returncode == 0
    assert deployed.run("jobs", "watch", second).returncode == 1
    assert deployed.ask("jobs", "show", second)["status"] == "Cancelled"
    again = deployed.run("jobs", "cancel", second)
    assert again.returncode == 1
    assert again.stderr.startswith(f"brigade: cannot cancel {second}: its status does not allow it")
    listed = {job["id"]: job["status"] for job in deployed.ask("jobs", "list")}
    assert (listed[first], listed[second]) == ("Complete", "Cancelled")
    nothing = deployed.run("jobs", "retry", first, "--yes")
    assert (nothing.returncode, "nothing to retry" in nothing.stdout) == (0, True)


def test_s3_lists_the_objects_itself_and_is_asked_before_it_starts(deployed: Deployment, folder: str) -> None:
    """Nothing passes through this machine; without an answer no job is made."""
    chosen = ("verify", "--prefix", folder, "--suffix", ".txt", "--larger-than", "0", "--created-after", "2020-01-01")
    before = deployed.run("jobs", "list").stdout
    declined = deployed.run("jobs", "submit", *chosen)
    assert (declined.returncode, "add --yes" in declined.stderr) == (2, True)
    assert deployed.run("jobs", "list").stdout.count("\n") == before.count("\n")
    job = deployed.ask("jobs", "submit", *chosen, "--yes")
    assert job["objects"] >= sum(key.endswith(".txt") for key in KEYS)
    assert deployed.run("jobs", "watch", job["id"]).returncode in {0, 1}
    assert {folder + key for key in KEYS if key.endswith(".txt")} <= set(reported(deployed, job["id"]))
    for other in (("--where", "1=1"), ("--engine", "athena"), ("--engine", "duckdb"), ("--keys", "-")):
        both = deployed.run("jobs", "submit", *chosen, *other, "--yes")
        assert (both.returncode, f"{other[0]} cannot be combined" in both.stderr) == (2, True)
    outside = deployed.run("jobs", "submit", "thumbnail", "--prefix", "photo", "--yes")
    assert (outside.returncode, "reads only photographs/*" in outside.stderr) == (2, True)
    nothing = deployed.run("jobs", "submit", "verify", "--prefix", "none/at/all", "--yes")
    assert (nothing.returncode, "found no keys matching" in nothing.stderr) == (1, True)


@pytest.mark.parametrize("budget", [("--most-failures", "3"), ("--most-dollars", "0.2")])
def test_a_job_past_its_budget_is_cancelled(deployed: Deployment, folder: str, budget: tuple[str, str]) -> None:
    lines = "".join(f"{folder}absent-{number}\n" for number in range(3000))
    asked = ("jobs", "submit", "verify", "--keys", "-", "--yes")
    if budget[0] == "--most-dollars":
        blind = deployed.run(*asked, "--watch", *budget, given=lines)
        assert (blind.returncode, "needs the sizes" in blind.stderr) == (2, True)
    done = deployed.run(*asked, "--watch", "--seconds", "0.25", *budget, given=lines)
    assert done.returncode == 1
    assert "is cancelled: " in done.stderr
    assert deployed.ask("jobs", "show", done.stdout.splitlines()[0])["status"] == "Cancelled"
    alone = deployed.run(*asked, *budget, given=lines)
    assert (alone.returncode, "has no effect without --watch" in alone.stderr) == (2, True)


def test_a_job_that_s3_has_forgotten_is_still_described_and_reported(deployed: Deployment, folder: str) -> None:
    """90 days after its end: what is kept of it, here under an id that S3 does not know."""
    s3, reports = deployed.emulator.root("s3"), deployed.outputs["ReportsBucket"]
    job, forgotten = finished(deployed, "verify", "--keys", "-", given=folder + "plain.txt\n"), str(uuid.uuid4())
    shown = deployed.ask("jobs", "show", job)
    s3.get_waiter("object_exists").wait(
        Bucket=reports, Key=f"manifests/job-{job}/description.json", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    names = [
        f"manifests/job-{job}/request.json",
        f"manifests/job-{job}/description.json",
        f"jobs/job-{job}/manifest.json",
    ]
    for name in names:
        s3.copy_object(Bucket=reports, Key=name.replace(job, forgotten), CopySource={"Bucket": reports, "Key": name})
    assert deployed.ask("jobs", "show", forgotten) == shown
    assert reported(deployed, forgotten) == reported(deployed, job)
    jobs = deployed.ask("jobs", "list")
    (listed,) = [each for each in (jobs if isinstance(jobs, list) else [jobs]) if each["id"] == job]
    assert (listed["fee"], listed["status"], bool(listed["age"])) == (0.250001, "Complete", True)


def test_a_sample_measures_what_an_object_takes(deployed: Deployment, folder: str) -> None:
    keys = f"{folder}{KEYS[0]}\n{folder}absent\n{folder}not in the sample\n"
    priced = deployed.ask("jobs", "estimate", "verify", "--keys", "-", "--sample", "3", given=keys)
    told = priced["sample"]
    assert (priced["objects"], told["objects"], told["failed"]) == (3, 3, 2)
    assert {failure["text"].split(":")[0] for failure in told["failures"]} == {"NoSuchKey"}
    assert f"as measured: {told['seconds']:.3f} s an object" in priced["assumed"]


def test_a_sample_that_failed_measures_nothing(deployed: Deployment, folder: str) -> None:
    done = deployed.run(
        "jobs", "estimate", "verify", "--keys", "-", "--sample", "2", given=f"{folder}no\n{folder}nor\n"
    )
    assert (done.returncode, "assumed, not measured" in done.stdout) == (1, True)
    assert "ran on 2 objects, 0 succeeded" in done.stdout
    assert done.stdout.count("NoSuchKey") == 2


@pytest.mark.parametrize("mode", ["report", "delete"])
def test_a_sample_of_an_operation_that_deletes_needs_its_option_and_an_answer(deployed: Deployment, mode: str) -> None:
    s3, lake, folder = deployed.emulator.root("s3"), deployed.outputs["LakeBucket"], f"sample-{uuid.uuid4().hex[:8]}/"
    for number in range(3):
        s3.put_object(Bucket=lake, Key=f"{folder}{number}", Body=b"only copy")

    def left() -> int:
        return int(s3.list_objects_v2(Bucket=lake, Prefix=folder)["KeyCount"])

    keys = "".join(f"{folder}{number}\n" for number in range(3))
    asked = ("jobs", "estimate", "forget", "--keys", "-", "--argument", f"mode={mode}")
    assert deployed.ask(*asked, given=keys)["objects"] == 3
    for options, said in (
        (["--sample", "2"], "add --allow-changes"),
        (["--sample", "2", "--yes"], "no effect without --allow-changes"),
        (["--sample", "2", "--allow-changes"], "add --yes"),
        (["--allow-changes"], "has no effect without --sample"),
        (["--sample", "2", "--seconds", "1"], "exclude each other"),
    ):
        refused = deployed.run(*asked, *options, given=keys)
        assert (refused.returncode, refused.stdout, said in refused.stderr) == (2, "", True), options
    assert left() == 3
    done = deployed.run(*asked, "--sample", "2", "--allow-changes", "--yes", given=keys)
    assert done.returncode == 0, done.stderr
    assert f"runs forget mode={mode} for real on 2 objects" in done.stderr
    assert ("deleted 9 bytes" if mode == "delete" else "would delete 9 bytes") in done.stdout
    assert left() == (1 if mode == "delete" else 3)


def test_what_is_retried_already_is_not_retried_again(deployed: Deployment, folder: str) -> None:
    lines = "".join(f"{folder}absent-{number}\n" for number in range(1500))
    job = finished(deployed, "verify", "--keys", "-", given=lines, exits=1)
    first = deployed.ask("jobs", "retry", job, "--all", "--yes")["id"]
    second = deployed.run("jobs", "retry", job, "--all", "--yes")
    assert (second.returncode, f"job {first} retries {job} already" in second.stderr) == (2, True)
    assert deployed.run("jobs", "cancel", first).returncode == 0


def test_an_operation_runs_here_on_one_object(deployed: Deployment, folder: str) -> None:
    address = f"s3://{deployed.outputs['LakeBucket']}/{folder}{KEYS[1]}"
    assert deployed.ask("jobs", "run", "verify", address)["text"].endswith(f"bytes={len(KEYS[1])}")
    missing = deployed.ask("jobs", "run", "verify", f"s3://{deployed.outputs['LakeBucket']}/none", exits=1)
    assert (missing["result"], missing["text"].split(":")[0]) == ("PermanentFailure", "NoSuchKey")


def test_a_job_that_failed_as_a_whole_says_why_and_what_to_do(deployed: Deployment) -> None:
    job = suspended(deployed, b"Bucket,Key\n\n")
    shown = deployed.ask("jobs", "show", job)
    assert shown["status"] == "Failed"
    assert "a rule of S3" in shown["reasons"][0]["remedy"]
    done = deployed.run("jobs", "report", job)
    assert done.returncode == 1
    assert "there is no report" in done.stderr


def test_an_interrupt_leaves_the_job_running(deployed: Deployment, folder: str) -> None:
    lines = "".join(f"{folder}absent-{number}\n" for number in range(4000))
    job = str(deployed.ask("jobs", "submit", "verify", "--keys", "-", "--yes", given=lines)["id"])
    with subprocess.Popen(
        [BRIGADE, "jobs", "watch", job], env=deployed.environment, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stderr is not None
        assert job in watching.stderr.readline()
        os.kill(watching.pid, signal.SIGINT)
        _, said = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert f"brigade jobs watch {job}" in said
    assert "Traceback" not in said
    assert deployed.ask("jobs", "show", job)["status"] in {"New", "Preparing", "Ready", "Active"}
    assert deployed.run("jobs", "cancel", job).returncode == 0
